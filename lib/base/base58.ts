/** Base58 in Bitcoin's alphabet, for function ids: 16 random bytes make 22 characters (left-padded with `1`). */

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const ID_CHARACTERS = 22;

/** The 22-character id of 16 bytes. */
export function base58Id(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let text = "";
  for (; value > 0n; value /= 58n) text = ALPHABET[Number(value % 58n)] + text;
  return text.padStart(ID_CHARACTERS, ALPHABET[0]);
}

/** Whether a text has the form of an id. */
export function isBase58Id(text: string): boolean {
  return text.length === ID_CHARACTERS && [...text].every((letter) => ALPHABET.includes(letter));
}
