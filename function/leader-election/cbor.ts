/**
 * Deterministic CBOR (RFC 8949, section 4.2.1) for what gets hashed and signed: arrays of whole numbers, byte strings, texts
 * and arrays, with shortest lengths. Maps, floats and negative numbers do not occur, so nothing needs sorting or rounding.
 *
 * It lives here and not in a library because it runs inside the enclave, where every line has to be audited; the tests compare it
 * with a library.
 */

/** What can be encoded. Numbers are whole, 0..2^53-1. */
export type Cbor = number | string | Uint8Array | readonly Cbor[];

const MAJOR = { unsigned: 0, bytes: 2, text: 3, array: 4 };

/** The one encoding of a value. Throws a `RangeError` for a number that is not whole, negative or above 2^53-1. */
export function encodeCbor(value: Cbor): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  append(parts, value);
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function append(parts: Uint8Array[], value: Cbor): void {
  if (typeof value === "number") {
    parts.push(head(MAJOR.unsigned, value));
  } else if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    parts.push(head(MAJOR.text, bytes.length), bytes);
  } else if (value instanceof Uint8Array) {
    parts.push(head(MAJOR.bytes, value.length), value);
  } else {
    parts.push(head(MAJOR.array, value.length));
    for (const item of value) append(parts, item);
  }
}

function head(major: number, value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot encode ${value}: a whole number of 0..2^53-1 is wanted`);
  }
  const type = major << 5;
  if (value < 24) return Uint8Array.of(type | value);
  if (value < 0x100) return Uint8Array.of(type | 24, value);
  if (value < 0x10000) return Uint8Array.of(type | 25, value >> 8, value & 0xff);
  const bytes = new Uint8Array(value < 0x100000000 ? 5 : 9);
  const view = new DataView(bytes.buffer);
  bytes[0] = type | (bytes.length === 5 ? 26 : 27);
  if (bytes.length === 5) view.setUint32(1, value);
  else view.setBigUint64(1, BigInt(value));
  return bytes;
}
