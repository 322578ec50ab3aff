/**
 * A small strict DER walker (X.690, section 10): definite lengths in their shortest form, one-byte tags, every bound checked.
 * Enough for X.509 certificates and revocation lists; node:crypto shows neither path lengths nor extensions.
 */
import { hex } from "../base/bytes.ts";
import { malformed } from "./structure.ts";

/** Tags that occur. `CONTEXT` and `CONTEXT_CONSTRUCTED` are to be or-ed with the number. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context: 0x80,
  contextConstructed: 0xa0,
} as const;

/** One element. */
export interface DerElement {
  readonly tag: number;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

/** The one element that the bytes are. */
export function readDer(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) malformed("DER is followed by further bytes");
  return element;
}

/** The elements inside a constructed one. */
export function childrenOf(element: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < element.content.length;) {
    const child = elementAt(element.content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

/** The element itself when it has the tag. */
export function expectTag(
  element: DerElement | undefined,
  tag: number,
  what: string,
): DerElement {
  if (element?.tag !== tag) {
    malformed(`${what} has DER tag ${element?.tag ?? "none"} in place of ${tag}`);
  }
  return element;
}

/** Text of an object identifier, such as `2.5.29.19`. */
export function objectIdentifier(element: DerElement, what: string): string {
  const { content } = expectTag(element, TAG.objectIdentifier, what);
  const parts: number[] = [];
  let value = 0;
  for (const byte of content) {
    if (value > 0xffffff) malformed(`${what} has an object identifier with a part above 2^31`);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      parts.push(value);
      value = 0;
    }
  }
  if (parts.length === 0 || content[content.length - 1] >= 0x80) {
    malformed(`${what} has a broken object identifier`);
  }
  const first = Math.min(2, Math.floor(parts[0] / 40));
  return [first, parts[0] - 40 * first, ...parts.slice(1)].join(".");
}

/** A whole number of 0..2^31-1. */
export function smallInteger(element: DerElement, what: string): number {
  const { content } = expectTag(element, TAG.integer, what);
  if (content.length === 0 || content.length > 4 || content[0] >= 0x80) {
    malformed(`${what} is not a small whole number`);
  }
  if (content.length > 1 && content[0] === 0 && content[1] < 0x80) {
    malformed(`${what} is not in its shortest form`);
  }
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

/** Hex of an integer's content: how serial numbers compare. */
export function integerHex(element: DerElement, what: string): string {
  const { content } = expectTag(element, TAG.integer, what);
  if (content.length === 0) malformed(`${what} is an empty number`);
  return hex(content);
}

/** The bytes of a bit string whose length is a multiple of 8. */
export function bitStringBytes(element: DerElement, what: string): Uint8Array {
  const { content } = expectTag(element, TAG.bitString, what);
  if (content.length === 0 || content[0] !== 0) malformed(`${what} is not a string of whole bytes`);
  return content.subarray(1);
}

/** Ms since 1970 of a UTCTime or GeneralizedTime in the form that RFC 5280, section 4.1.2.5 prescribes. */
export function timeMs(element: DerElement, what: string): number {
  const text = String.fromCharCode(...element.content.subarray(0, 32));
  const match = element.tag === TAG.utcTime
    ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
    : element.tag === TAG.generalizedTime
    ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
    : null;
  if (!match) malformed(`${what} is not a time`);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const fullYear = element.tag === TAG.utcTime ? year + (year < 50 ? 2000 : 1900) : year;
  const ms = Date.UTC(fullYear, month - 1, day, hour, minute, second);
  // `Date` carries what exceeds its field over to the next: the 30th of February, the 61st second.
  const digits = new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
  if (digits !== String(fullYear).padStart(4, "0") + match.slice(2).join("")) {
    malformed(`${what} is not a time`);
  }
  return ms;
}

function elementAt(bytes: Uint8Array, at: number): DerElement {
  if (bytes.length - at < 2) malformed("DER ends inside an element");
  const tag = bytes[at];
  if ((tag & 0x1f) === 0x1f) malformed("DER has a tag of several bytes");
  let length = bytes[at + 1];
  let start = at + 2;
  if (length >= 0x80) {
    const lengthBytes = length & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 3) malformed("DER has an indefinite or giant length");
    if (bytes.length - start < lengthBytes) malformed("DER ends inside a length");
    length = 0;
    for (let i = 0; i < lengthBytes; i++) length = length * 256 + bytes[start + i];
    start += lengthBytes;
    if (length < 0x80 || length < 2 ** (8 * (lengthBytes - 1))) {
      malformed("DER has a length that is not in its shortest form");
    }
  }
  if (bytes.length - start < length) malformed("DER ends inside an element");
  const end = start + length;
  return { tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) };
}
