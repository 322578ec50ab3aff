/** Where certificates and what belongs to them come from: a file, stdin, or a URL, of bounded size. */
import { fromUtf8 } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";

/** A certificate of the most nodes with a cluster's life of keys and evidence is a few megabytes; so is a long chain. */
const INPUT_BYTES_MAX = 16 * 1024 * 1024;

/** A node that does not answer within this time is not within reach. */
export const HTTP_TIMEOUT_MS = 10_000;

/** All bytes of a file, of stdin for `-`, or of what an http(s) URL answers. Throws a `FumataError`. */
export async function readInput(path: string): Promise<Uint8Array> {
  return /^https?:\/\//.test(path) ? await fetchBytes(path) : await readFile(path);
}

/** The text of such a source. `what` names it in the error. */
export async function readText(path: string, what: string): Promise<string> {
  const text = fromUtf8(await readInput(path));
  // What a command that failed leaves behind in `fumata certificate > FILE`.
  if (text === "") throw new FumataError("refused", `Cannot read ${what} "${path}": it is empty`);
  if (text !== undefined) return text;
  throw new FumataError("refused", `Cannot read ${what} "${path}": it is no text in UTF-8`);
}

/** JSON of such a source. `what` names it in the error. */
export async function readJson(path: string, what: string): Promise<unknown> {
  const text = await readText(path, what);
  try {
    return JSON.parse(text);
  } catch {
    throw new FumataError("usage", `Cannot use ${what} "${path}": it is not JSON`);
  }
}

/** The body of a response, of bounded size. */
export async function boundedBody(response: Response, url: string): Promise<Uint8Array> {
  return await collect(url, response.body ?? new Blob([]).stream());
}

/** All bytes of a file, or of stdin for `-`. Throws a `FumataError`, also when there are too many. */
export async function readFile(path: string): Promise<Uint8Array> {
  try {
    const input = path === "-" ? Deno.stdin : await Deno.open(path);
    return await collect(path, input.readable);
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw unreadable(path, whyUnreadable(thrown), thrown);
  }
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) });
    const bytes = await boundedBody(response, url);
    if (response.ok) return bytes;
    throw new FumataError(
      response.status === 404 || response.status === 503 ? "no-leader" : "failure",
      `Cannot read "${url}": it answers ${response.status} ${response.statusText}`.trimEnd(),
    );
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError("unreachable", `Cannot reach "${url}": ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

async function collect(path: string, stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > INPUT_BYTES_MAX) {
      throw unreadable(path, `it has more than ${INPUT_BYTES_MAX} bytes`);
    }
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

function whyUnreadable(thrown: unknown): string {
  if (thrown instanceof Deno.errors.NotFound) return "there is no such file";
  if (thrown instanceof Deno.errors.IsADirectory) return "it is a folder";
  return messageOf(thrown);
}

function unreadable(path: string, why: string, cause?: unknown): FumataError {
  return new FumataError("failure", `Cannot read "${path}": ${why}`, { cause });
}
