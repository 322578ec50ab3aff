/**
 * Bytes and their text forms: UTF-8, hex, base64 and base64url (RFC 4648), strict when decoding.
 *
 * Strict means: only canonical text decodes (no white space, right padding, no stray bits), so one byte string has
 * exactly one text and comparing texts is comparing bytes. Runs in Deno, Node and browsers.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The letters of base64url, what each stands for by its code, and all pairs of them: ids are in this form, so every message passes here often. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PAIRS = [...ALPHABET].flatMap((first) => [...ALPHABET].map((second) => first + second));
const VALUES: readonly (number | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const value = ALPHABET.indexOf(String.fromCharCode(code));
  return value < 0 ? undefined : value;
});

/** Each byte as two digits of hex. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes, or `undefined` when they are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One character for each byte, up to some 10,000 of them: the quickest text by which bytes can be looked up. */
export function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Bytes of hex text (either case), or `undefined`. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Standard base64 with padding. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x2000) {
    text += String.fromCharCode(...bytes.subarray(i, i + 0x2000));
  }
  return btoa(text);
}

/** Bytes of canonical standard base64, or `undefined`. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  // Only the last quantum can carry stray bits (RFC 4648, section 3.5): encode it again and compare.
  const tail = binary.length - (binary.length % 3 || 3);
  return text.endsWith(base64(bytes.subarray(Math.max(0, tail)))) ? bytes : undefined;
}

/** base64url without padding (RFC 7515, section 2). */
export function base64url(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  for (; at + 2 < bytes.length; at += 3) {
    const bits = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
    text += PAIRS[bits >> 12] + PAIRS[bits & 0xfff];
  }
  switch (bytes.length - at) {
    case 1:
      return text + PAIRS[bytes[at] << 4];
    case 2: {
      const bits = bytes[at] << 10 | bytes[at + 1] << 2;
      return text + PAIRS[bits >> 6] + ALPHABET[bits & 63];
    }
    default:
      return text;
  }
}

/** Bytes of canonical unpadded base64url, or `undefined`. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor(text.length * 3 / 4));
  let [bits, count, at] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)];
    if (value === undefined) return undefined;
    bits = (bits << 6 | value) & 0xfff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = bits >> count & 0xff;
  }
  // What is left of the last letter must be zero (RFC 4648, section 3.5).
  return (bits & ((1 << count) - 1)) === 0 ? bytes : undefined;
}

/** All parts, one after the other. */
export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two byte strings are equal. Not constant-time: for public data only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0;
}

/** Order of two byte strings: by the first differing byte, then the shorter first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

/** Order of two canonical base64url texts of one length: that of the bytes they stand for, which texts as such do not have. */
export function compareBase64url(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return (VALUES[a.charCodeAt(at)] ?? -1) - (VALUES[b.charCodeAt(at)] ?? -1);
}
