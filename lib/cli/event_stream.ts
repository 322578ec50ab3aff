/** Reads a node's server-sent events (HTML standard, section 9.2), as far as nodes write them: one line of data each. */
import { FumataError } from "../base/errors.ts";
import { whyOf } from "./node_link.ts";

/** One event. */
export interface StreamedEvent {
  /** Grows from event to event, also over a restart of the node. */
  readonly id: number;
  readonly event: string;
  /** The JSON of its data line, parsed. */
  readonly data: Record<string, unknown>;
}

/** The longest event is a certificate with its votes; a node cuts its readers off far before. */
const LINE_CHARACTERS_MAX = 4 * 1024 * 1024;

/**
 * Opens the stream at an HTTP address; the promise resolves when events are being followed. It begins with those that the node still has behind
 * the id `after`, if one is given. Ends when the node ends it, or at `signal`.
 */
export async function openEvents(
  http: string,
  signal: AbortSignal,
  after?: number,
): Promise<AsyncIterable<StreamedEvent>> {
  const cannot = (why: string, cause?: unknown) =>
    new FumataError("unreachable", `Cannot follow the node at ${http}: ${why}`, { cause });
  let response: Response;
  try {
    const query = after === undefined ? "" : `?after=${after}`;
    response = await fetch(`http://${http}/v1/events${query}`, { signal });
  } catch (thrown) {
    throw cannot(whyOf(thrown), thrown);
  }
  const { body, status } = response;
  if (status !== 200 || !body) {
    await body?.cancel();
    throw cannot(status === 503 ? "too many follow it already" : `status ${status}`);
  }
  return parse(body, signal);
}

async function* parse(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent> {
  // The signal of fetch() alone does not do: once its request was collected as garbage, the body no longer hears of it (Deno 2.9).
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  let rest = "";
  let event = "";
  let id = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop()!;
      if (rest.length > LINE_CHARACTERS_MAX) return;
      for (const line of lines) {
        if (line.startsWith("id: ")) id = Number(line.slice(4));
        if (line.startsWith("event: ")) event = line.slice(7);
        if (line.startsWith("data: ")) yield { id, event, data: JSON.parse(line.slice(6)) };
      }
    }
  } catch (thrown) {
    // An end that was asked for, or a node that was killed: either way there is no more.
    if (!signal.aborted && thrown instanceof SyntaxError) {
      throw new FumataError("unreachable", "Cannot follow the node: it sends something else");
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}
