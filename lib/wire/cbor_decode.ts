/**
 * The other direction of `function/leader-election/cbor.ts`: decodes exactly what that encodes, deterministic CBOR (RFC 8949, section
 * 4.2.1) of whole numbers, byte strings, texts and arrays, and nothing else. So every accepted byte string has one meaning and every
 * value one byte string. A library would accept floats, maps, tags and any depth, which would have to be refused afterwards.
 */
import type { Cbor } from "../../function/leader-election/cbor.ts";

/** Arrays within arrays: an envelope has one level, a body three. */
const DEPTH_MAX = 4;

/** The value of the bytes, or `undefined` when they are not the deterministic encoding of one value. Never throws. */
export function decodeCbor(bytes: Uint8Array): Cbor | undefined {
  const reader: Reader = { bytes, at: 0 };
  const value = read(reader, 0);
  return reader.at === bytes.length ? value : undefined;
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function read(reader: Reader, depth: number): Cbor | undefined {
  const type = reader.bytes[reader.at] >> 5;
  const argument = readArgument(reader);
  if (argument === undefined) return undefined;
  switch (type) {
    case 0:
      return argument;
    case 2:
      return readSlice(reader, argument);
    case 3:
      return readText(reader, argument);
    case 4:
      return readArray(reader, argument, depth);
    default:
      return undefined;
  }
}

/** The number in a head, in its shortest form only; `undefined` past the end, above 2^53-1, or for indefinite lengths. */
function readArgument(reader: Reader): number | undefined {
  const { bytes } = reader;
  if (reader.at >= bytes.length) return undefined;
  const short = bytes[reader.at++] & 31;
  if (short < 24) return short;
  if (short > 27) return undefined;
  const length = 1 << (short - 24);
  if (reader.at + length > bytes.length) return undefined;
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + bytes[reader.at++];
  const shorterMax = short === 24 ? 23 : 2 ** (4 * length) - 1;
  return value > shorterMax && Number.isSafeInteger(value) ? value : undefined;
}

function readSlice(reader: Reader, length: number): Uint8Array | undefined {
  if (length > reader.bytes.length - reader.at) return undefined;
  // A copy: the datagram's buffer is used again for the next one.
  return reader.bytes.slice(reader.at, reader.at += length);
}

function readText(reader: Reader, length: number): string | undefined {
  if (length > reader.bytes.length - reader.at) return undefined;
  try {
    return strictUtf8.decode(reader.bytes.subarray(reader.at, reader.at += length));
  } catch {
    return undefined;
  }
}

function readArray(reader: Reader, length: number, depth: number): Cbor[] | undefined {
  // Each item takes a byte at least, so that a short input can't announce a long array.
  if (depth >= DEPTH_MAX || length > reader.bytes.length - reader.at) return undefined;
  const items: Cbor[] = [];
  for (let i = 0; i < length; i++) {
    const item = read(reader, depth + 1);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}
