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
const utf8 = new TextEncoder();
/** Every byte as a part, because nearly all heads are one or two of them. */
const BYTES = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));

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
    appendHead(parts, MAJOR.unsigned, value);
  } else if (typeof value === "string") {
    const bytes = utf8.encode(value);
    appendHead(parts, MAJOR.text, bytes.length);
    parts.push(bytes);
  } else if (value instanceof Uint8Array) {
    appendHead(parts, MAJOR.bytes, value.length);
    parts.push(value);
  } else {
    appendHead(parts, MAJOR.array, value.length);
    for (const item of value) append(parts, item);
  }
}

function appendHead(parts: Uint8Array[], major: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot encode ${value}: a whole number of 0..2^53-1 is wanted`);
  }
  const type = major << 5;
  if (value < 24) {
    parts.push(BYTES[type | value]);
  } else if (value < 0x100) {
    parts.push(BYTES[type | 24], BYTES[value]);
  } else if (value < 0x10000) {
    parts.push(BYTES[type | 25], BYTES[value >> 8], BYTES[value & 0xff]);
  } else {
    const bytes = new Uint8Array(value < 0x100000000 ? 5 : 9);
    const view = new DataView(bytes.buffer);
    bytes[0] = type | (bytes.length === 5 ? 26 : 27);
    if (bytes.length === 5) view.setUint32(1, value);
    else view.setBigUint64(1, BigInt(value));
    parts.push(bytes);
  }
}
