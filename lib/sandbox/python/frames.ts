/**
 * The frames between the host and a function's process (see `runner.ts`). Whatever comes from the process is a stranger's: lengths are
 * checked before anything is kept.
 */
import { concat, utf8 } from "../../base/bytes.ts";

/** The status bytes of an answer, by what they say. */
export const STATUS = {
  ok: 0,
  /** `app.py` could not be loaded; the output is why. */
  load: 1,
  /** The handler raised; the output is what. */
  threw: 2,
  memory: 3,
  recursion: 4,
  /** The output is larger than allowed. */
  output: 5,
  /** The process could not lock itself in; the output is why. */
  isolation: 6,
  /** Like `ok`; the output is the key to which it is to be sealed, and what is to be sealed. */
  reply: 7,
} as const;

/** One answer of the process. */
export interface RunnerAnswer {
  readonly status: number;
  readonly log: Uint8Array;
  readonly output: Uint8Array;
}

/** Bytes of status and two lengths. */
const HEAD_BYTES = 9;

/** The first frame: the package. */
export function packageFrame(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const parts = [uint32(files.size)];
  for (const [path, bytes] of files) {
    const name = utf8(path);
    parts.push(uint32(name.length), name, uint32(bytes.length), bytes as Uint8Array<ArrayBuffer>);
  }
  return concat(...parts);
}

/** The frame of one input. */
export function inputFrame(input: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(uint32(input.length), input);
}

/** Reads answers from the output of a process. */
export class AnswerReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #bytesMax: { readonly log: number; readonly output: number };
  #rest: Uint8Array = new Uint8Array();

  constructor(
    stream: ReadableStream<Uint8Array>,
    bytesMax: { readonly log: number; readonly output: number },
  ) {
    this.#reader = stream.getReader();
    this.#bytesMax = bytesMax;
  }

  /** The next answer; `undefined` when the process ended its output or wrote something else. */
  async next(): Promise<RunnerAnswer | undefined> {
    const head = await this.#read(HEAD_BYTES);
    if (!head) return undefined;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const [logBytes, outputBytes] = [view.getUint32(1), view.getUint32(5)];
    if (logBytes > this.#bytesMax.log || outputBytes > this.#bytesMax.output) return undefined;
    const log = await this.#read(logBytes);
    const output = log && await this.#read(outputBytes);
    return output && { status: head[0], log, output };
  }

  /** Reads on to the end of the stream, which comes when no process holds it any more. */
  async end(): Promise<void> {
    this.#rest = new Uint8Array();
    try {
      while (!(await this.#reader.read()).done);
    } catch { /* a stream that breaks has ended too */ }
  }

  /** A copy of the next bytes, so that a frame does not keep the chunk around it. */
  async #read(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      if (this.#rest.length === 0) {
        const { value } = await this.#reader.read().catch(() => ({ value: undefined }));
        if (!value) return undefined;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }
}

function uint32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
