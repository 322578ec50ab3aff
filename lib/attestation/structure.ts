/**
 * Reading bytes of unknown origin. Parsers in this room signal bad input by throwing `Malformed` deep inside, and only `structured`
 * at their door turns that into a value, so that no caller ever sees an exception for hostile bytes.
 */
import { equalBytes, fromUtf8 } from "../base/bytes.ts";
import { readRecord } from "../base/json.ts";

/** Why bytes are not what they should be. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** The most characters of a text of unknown origin that a message repeats. */
const QUOTED_CHARACTERS_MAX = 64;

/** Gives up reading. */
export function malformed(message: string): never {
  throw new Malformed(message);
}

/** Gives up reading what has more bytes than anything genuine. */
export function checkLength(bytes: Uint8Array, bytesMax: number, what: string): void {
  if (bytes.length > bytesMax) {
    malformed(`${what} has ${bytes.length} bytes; at most ${bytesMax} are allowed`);
  }
}

/** What `parse` gives, or why the input is malformed. Also for libraries that throw on bad input. */
export function structured<T>(parse: () => T): T | Malformed {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof Malformed) return thrown;
    return new Malformed(printable(thrown instanceof Error ? thrown.message : String(thrown)));
  }
}

/** A text of unknown origin, short and without control characters, for messages. */
export function printable(text: string): string {
  const clean = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return clean.length > QUOTED_CHARACTERS_MAX ? `${clean.slice(0, QUOTED_CHARACTERS_MAX)}…` : clean;
}

/** The object that a JSON text in UTF-8 is, or `undefined` for all other bytes. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  const text = fromUtf8(bytes);
  const value = text === undefined ? undefined : readRecord(text);
  return typeof value === "string" ? undefined : value;
}

/** A reader of little-endian fields that checks every bound before it touches anything. */
export class ByteReader {
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, readonly what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#at;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next `length` bytes, not copied. */
  bytes(length: number): Uint8Array {
    if (length > this.left) {
      malformed(`${this.what} ends after ${this.#bytes.length} bytes, ${length - this.left} short`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint16(): number {
    this.bytes(2);
    return this.#view.getUint16(this.#at - 2, true);
  }

  uint32(): number {
    this.bytes(4);
    return this.#view.getUint32(this.#at - 4, true);
  }

  uint64(): bigint {
    this.bytes(8);
    return this.#view.getBigUint64(this.#at - 8, true);
  }
}

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  return equalBytes(bytes, new Uint8Array(bytes.length));
}
