/** A node's HTTP interface as far as watching needs it, with answers and events by hand. */
import type { MemberView, StatusView } from "../../lib/api/views.ts";

export const MEMBER: MemberView = {
  id: "idA",
  name: "n1",
  address: "127.0.0.1:5000",
  state: "alive",
  since: "2026-01-02T03:04:05.678Z",
  incarnation: 3,
  rttMs: null,
  coordinate: null,
  tags: {},
  self: true,
};

export const STATUS: StatusView = {
  id: "idA",
  name: "n1",
  address: "127.0.0.1:5000",
  cluster: "test",
  checksum: "ab".repeat(32),
  startedAt: "2026-01-02T03:04:05.678Z",
  incarnation: 3,
  members: { alive: 1, suspect: 0, dead: 0, left: 0 },
  term: 7,
  leader: null,
  platform: "simulated",
  policy: "random",
  sealed: false,
  dropped: {},
};

const encoder = new TextEncoder();

/** Serves until it is disposed of; then connections end. */
export class FakeNode implements AsyncDisposable {
  readonly port: number;
  /** Where it answers, as `--node` takes it. */
  readonly address: string;
  /** The queries with which events were asked for. */
  readonly asked: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #answers: Record<string, unknown>;
  #following = Promise.withResolvers<void>();

  constructor(answers: Record<string, unknown> = {}, port = 0, hostname = "127.0.0.1") {
    this.#answers = { "/v1/status": STATUS, "/v1/members": { members: [MEMBER] }, ...answers };
    this.#server = Deno.serve(
      { hostname, port, onListen() {} },
      (request) => this.#answer(new URL(request.url)),
    );
    this.port = this.#server.addr.port;
    this.address = `${hostname}:${this.port}`;
  }

  /** Resolves when somebody follows the events. */
  get followed(): Promise<void> {
    return this.#following.promise;
  }

  tell(id: number, event: string, data: object): void {
    const text = `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const stream of this.#streams) stream.enqueue(encoder.encode(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    await this.#server.shutdown();
  }

  #answer(url: URL): Response {
    if (url.pathname !== "/v1/events") {
      const answer = this.#answers[url.pathname];
      if (typeof answer === "string") return new Response(answer);
      return Response.json(answer ?? {}, { status: answer === undefined ? 404 : 200 });
    }
    this.asked.push(url.search);
    let mine: ReadableStreamDefaultController<Uint8Array>;
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (stream) => {
          mine = stream;
          this.#streams.add(stream);
          stream.enqueue(encoder.encode(": hello\n\n"));
          this.#following.resolve();
        },
        cancel: () => void this.#streams.delete(mine),
      }),
    );
  }
}
