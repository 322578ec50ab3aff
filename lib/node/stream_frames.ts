/**
 * How frames travel on a stream: each as a 4-byte big-endian length and that many bytes; a length of zero ends a side's turn. A stranger writes
 * what is read here: a length is believed only within the limits, and before anything of its size is kept.
 */
import { concat } from "../base/bytes.ts";

/** Largest frame: a certificate of 512 nodes with its bundle fits twice. */
export const FRAME_BYTES_MAX = 512 * 1024;
/** Largest sum of one side's frames on one stream: the full state of some ten thousand members. */
export const STREAM_BYTES_MAX = 4 * 1024 * 1024;

/** Where bytes come from, as a `Deno.Conn` gives them: how many were read, `null` at the end. */
export interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** Where bytes go, as a `Deno.Conn` takes them: how many were taken. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<number>;
}

/** One side's turn. Rejects when the stream ends early, or a frame or their sum is too long. */
export async function readFrames(source: ByteSource): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for (let total = 0;;) {
    const prefix = await readExactly(source, 4);
    const length = new DataView(prefix.buffer).getUint32(0);
    if (length === 0) return frames;
    total += length + 4;
    if (length > FRAME_BYTES_MAX || total > STREAM_BYTES_MAX) {
      throw new Error(`frame of ${length} bytes`);
    }
    frames.push(await readExactly(source, length));
  }
}

/** Writes a turn. None of the frames is empty. */
export async function writeFrames(sink: ByteSink, frames: readonly Uint8Array[]): Promise<void> {
  const bytes = encodeFrames(frames);
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}

/** The bytes of a turn. */
export function encodeFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = frames.flatMap((frame) => [lengthPrefix(frame.length), frame]);
  return concat(...parts, lengthPrefix(0));
}

async function readExactly(
  source: ByteSource,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await source.read(bytes.subarray(at));
    if (count === null) throw new Error("the stream ended early");
    at += count;
  }
  return bytes;
}

function lengthPrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}
