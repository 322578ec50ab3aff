/** Server-sent events on the wire (HTML standard, section 9.2): bounded in number, in how far a reader may be behind, and kept known to be alive. */
import type { ServerResponse } from "node:http";
import type { ApiLimits } from "./limits.ts";
import type { ApiAnswer } from "./types.ts";

type Start = Extract<ApiAnswer, { events: unknown }>["events"];

/** The streams of one server. */
export class EventStreams {
  readonly #limits: ApiLimits;
  readonly #ends = new Set<() => void>();

  constructor(limits: ApiLimits) {
    this.#limits = limits;
  }

  /** How many are open. */
  get count(): number {
    return this.#ends.size;
  }

  /** Whether one more is too many. */
  get isFull(): boolean {
    return this.#ends.size >= this.#limits.streamsMax;
  }

  /** Answers with a stream; resolves when it has ended, by whichever side. */
  async serve(
    response: ServerResponse,
    start: Start,
    fields: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { backlogBytesMax, heartbeatMs } = this.#limits;
    response.writeHead(200, { ...fields, "content-type": "text/event-stream" });
    const ended = Promise.withResolvers<void>();
    const write = (text: string) => {
      if (response.writableLength > backlogBytesMax) response.destroy();
      else response.write(text);
    };
    // Comments keep the connection known to be alive; the first one sends the head at once.
    write(": fumata\n\n");
    const heartbeat = setInterval(() => write(": still here\n\n"), heartbeatMs);
    const stop = start(({ id, event, data }) =>
      write(`id: ${id}\nevent: ${event}\ndata: ${data}\n\n`)
    );
    const end = () => {
      response.end();
      ended.resolve();
    };
    this.#ends.add(end);
    response.once("close", ended.resolve);
    await ended.promise;
    this.#ends.delete(end);
    clearInterval(heartbeat);
    stop();
  }

  /** Ends all of them. */
  close(): void {
    for (const end of [...this.#ends]) end();
  }
}
