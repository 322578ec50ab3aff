/** base64url: equal to the platform's for all lengths, and nothing but the one canonical text decodes. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { base64url, compareBase64url, compareBytes, fromBase64url } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

Deno.test("base64url of any bytes is what the platform writes, and reads back", () => {
  const prng = createPrng(1);
  for (let length = 0; length <= 300; length++) {
    const bytes = Uint8Array.from({ length }, () => prng.below(256));
    const text = base64url(bytes);
    strictEqual(text, Buffer.from(bytes).toString("base64url"));
    deepStrictEqual(fromBase64url(text), bytes);
  }
});

Deno.test("every byte and every pair of bytes has exactly one text", () => {
  for (const length of [1, 2]) {
    const letters = length + 1;
    let decoded = 0;
    for (let number = 0; number < ALPHABET.length ** letters; number++) {
      const text = Array.from(
        { length: letters },
        (_, place) => ALPHABET[Math.floor(number / ALPHABET.length ** place) % ALPHABET.length],
      ).join("");
      const bytes = fromBase64url(text);
      if (!bytes) continue;
      decoded++;
      strictEqual(base64url(bytes), text);
    }
    strictEqual(decoded, 256 ** length);
  }
});

Deno.test("text that is not base64url does not decode", () => {
  for (
    const text of [
      "A",
      "AAAAA",
      "AA==",
      "AAA=",
      "+AAA",
      "/AAA",
      "AA A",
      "AAAA\n",
      "AAA\u00e9",
      "AAA\u0100",
      "AAA\u{1f5f3}",
    ]
  ) {
    strictEqual(fromBase64url(text), undefined, JSON.stringify(text));
  }
});

Deno.test("the order of two texts of one length is that of their bytes", () => {
  const prng = createPrng(3);
  for (let i = 0; i < 2_000; i++) {
    const [a, b] = [0, 1].map(() => Uint8Array.from({ length: 32 }, () => prng.below(256)));
    // Most texts differ in their first letter.
    b.set(a.subarray(0, prng.below(33)));
    const order = compareBase64url(base64url(a), base64url(b));
    strictEqual(Math.sign(order), Math.sign(compareBytes(a, b)));
  }
});
