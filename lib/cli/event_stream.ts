/** Reads a node's server-sent events (HTML standard, section 9.2), as far as nodes write them: one line of data each. */
import { FumataError, messageOf } from "../base/errors.ts";

/** One event. */
export interface StreamedEvent {
  readonly event: string;
  /** The JSON of its data line, parsed. */
  readonly data: Record<string, unknown>;
}

/** The longest event is a certificate with its votes; a node cuts its readers off far before. */
const LINE_CHARACTERS_MAX = 4 * 1024 * 1024;

/** Opens the stream at an HTTP address; the promise resolves when events are being followed. Ends when the node ends it, or at `signal`. */
export async function openEvents(
  http: string,
  signal: AbortSignal,
): Promise<AsyncIterable<StreamedEvent>> {
  const cannot = (why: string, cause?: unknown) =>
    new FumataError("unreachable", `Cannot follow the node at ${http}: ${why}`, { cause });
  let response: Response;
  try {
    response = await fetch(`http://${http}/v1/events`, { signal });
  } catch (thrown) {
    throw cannot(messageOf(thrown), thrown);
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
  let rest = "";
  let event = "";
  try {
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      if (rest.length > LINE_CHARACTERS_MAX) return;
      for (const line of lines) {
        if (line.startsWith("event: ")) event = line.slice(7);
        if (line.startsWith("data: ")) yield { event, data: JSON.parse(line.slice(6)) };
      }
    }
  } catch (thrown) {
    // An end that was asked for, or a node that was killed: either way there is no more.
    if (!signal.aborted && thrown instanceof SyntaxError) {
      throw new FumataError("unreachable", "Cannot follow the node: it sends something else");
    }
  }
}
