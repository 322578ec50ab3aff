import { deepStrictEqual, strictEqual } from "node:assert";
import { decode, encode } from "cborg";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { fromHex } from "../../lib/base/bytes.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";

Deno.test("what was encoded decodes to itself, and a library reads it alike", () => {
  const prng = createPrng(1);
  for (let i = 0; i < 2000; i++) {
    const value = randomValue(prng, 3);
    const bytes = encodeCbor(value);
    deepStrictEqual(decodeCbor(bytes), value);
    deepStrictEqual(decode(bytes), value);
  }
});

Deno.test("whole numbers at the edges of each length survive", () => {
  const edges = [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  for (const edge of edges) strictEqual(decodeCbor(encodeCbor(edge)), edge);
});

const REFUSED: Readonly<Record<string, string>> = {
  "nothing": "",
  "a number that is not in its shortest form": "1817",
  "two bytes for what fits into one": "1900ff",
  "a number above 2^53-1": "1b0020000000000000",
  "a negative number": "20",
  "a map": "a0",
  "a tag": "c100",
  "a float": "f93c00",
  "true": "f5",
  "null": "f6",
  "an array of indefinite length": "9fff",
  "bytes of indefinite length": "5f4101ff",
  "bytes after the value": "0000",
  "a text that is not UTF-8": "61ff",
  "an array longer than the input": "9affffffff",
  "bytes longer than the input": "5affffffff",
  "a reserved length": "1c",
  "arrays too deep": "8181818181" + "00",
};
for (const [what, text] of Object.entries(REFUSED)) {
  Deno.test(`the decoder refuses ${what}`, () => {
    strictEqual(decodeCbor(fromHex(text)!), undefined);
  });
}

Deno.test("whatever is accepted encodes to the very same bytes", () => {
  const prng = createPrng(2);
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: 1 + prng.below(12) }, () => prng.below(256));
    const value = decodeCbor(bytes);
    if (value === undefined) continue;
    accepted++;
    deepStrictEqual(encodeCbor(value), bytes);
    deepStrictEqual(new Uint8Array(encode(value)), bytes);
  }
  strictEqual(accepted > 100, true);
});

Deno.test("nesting as deep as the input is long does not exhaust the stack", () => {
  strictEqual(decodeCbor(new Uint8Array(100_000).fill(0x81)), undefined);
});

function randomValue(prng: Prng, depth: number): Cbor {
  switch (prng.below(depth > 0 ? 4 : 3)) {
    case 0:
      return prng.uint32() >>> prng.below(32);
    case 1:
      return "aé€😀".slice(0, prng.below(4));
    case 2:
      return Uint8Array.from({ length: prng.below(300) }, () => prng.below(256));
    default:
      return Array.from({ length: prng.below(5) }, () => randomValue(prng, depth - 1));
  }
}
