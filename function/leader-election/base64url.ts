/** base64url without padding (RFC 7515, section 2), strict when decoding: one text for one byte string. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));

/** The text of the bytes. */
export function base64url(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const letters = ALPHABET[a >> 2] + ALPHABET[(a & 3) << 4 | b >> 4] +
      ALPHABET[(b & 15) << 2 | c >> 6] + ALPHABET[c & 63];
    text += letters.slice(0, Math.min(4, bytes.length - i + 1));
  }
  return text;
}

/** The bytes of a text, or `undefined` when it is not canonical base64url. */
export function fromBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor(text.length * 3 / 4));
  let [bits, count, at] = [0, 0, 0];
  for (const letter of text) {
    const value = VALUES.get(letter);
    if (value === undefined) return undefined;
    bits = (bits << 6 | value) & 0xfff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = bits >> count & 0xff;
    }
  }
  const strayBits = bits & ((1 << count) - 1);
  return strayBits === 0 ? bytes : undefined;
}
