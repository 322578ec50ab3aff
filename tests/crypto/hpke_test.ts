/** HPKE messages; that they are RFC 9180's is shown by the independent implementation in tests/enclave/conformance_test.ts. */
import { deepStrictEqual, notDeepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { generateHpkeKey, sealHpke } from "../../lib/crypto/hpke.ts";
import { HPKE_OVERHEAD_BYTES, type HpkeKey } from "../../lib/crypto/hpke_key.ts";
import { generateNativeHpkeKey, sealNativeHpke } from "../../lib/crypto/hpke_native.ts";

/** Both implementations pass the same tests. */
const GENERATORS: Readonly<Record<string, () => Promise<HpkeKey>>> = {
  WebCrypto: generateHpkeKey,
  native: () => Promise.resolve(generateNativeHpkeKey()),
};

const plain = crypto.getRandomValues(new Uint8Array(300));

for (const [name, generate] of Object.entries(GENERATORS)) {
  Deno.test(`${name}: a message opens under its key and under no other`, async () => {
    const [key, other] = [await generate(), await generate()];
    const sealed = await sealHpke(key.publicKey, plain);
    strictEqual(sealed.length, plain.length + HPKE_OVERHEAD_BYTES);
    deepStrictEqual(await key.open(sealed), plain);
    strictEqual(await other.open(sealed), undefined);
  });

  Deno.test(`${name}: a message that was cut or changed anywhere does not open`, async () => {
    const key = await generate();
    const sealed = await sealHpke(key.publicKey, plain.subarray(0, 5));
    for (let length = 0; length < sealed.length; length++) {
      strictEqual(await key.open(sealed.subarray(0, length)), undefined);
      const changed = sealed.slice();
      changed[length] ^= 1;
      strictEqual(await key.open(changed), undefined);
    }
  });

  Deno.test(`${name}: views of greater buffers are read where they lie`, async () => {
    const key = await generate();
    const sealed = await sealHpke(key.publicKey, plain.subarray(10, 20));
    const wide = new Uint8Array(sealed.length + 20);
    wide.set(sealed, 7);
    deepStrictEqual(await key.open(wide.subarray(7, 7 + sealed.length)), plain.slice(10, 20));
  });

  Deno.test(`${name}: a message of nothing opens, one with a point of small order does not`, async () => {
    const key = await generate();
    deepStrictEqual(
      await key.open(await sealHpke(key.publicKey, new Uint8Array())),
      new Uint8Array(),
    );
    const sealed = await sealHpke(key.publicKey, plain);
    sealed.fill(0, 0, 32);
    strictEqual(await key.open(sealed), undefined);
  });
}

Deno.test("every message has an encapsulation of its own", async () => {
  const { publicKey } = await generateHpkeKey();
  const [a, b] = [await sealHpke(publicKey, plain), await sealHpke(publicKey, plain)];
  notDeepStrictEqual(a.subarray(0, 32), b.subarray(0, 32));
});

Deno.test("nothing is sealed to a key of small order or of a wrong length", async () => {
  await rejects(sealHpke(new Uint8Array(32), plain));
  await rejects(sealHpke(new Uint8Array(31), plain));
});

Deno.test("what the native half seals, the other one opens, and keys that are none are refused", async () => {
  const key = await generateHpkeKey();
  for (const bytes of [plain, new Uint8Array(0), plain.subarray(10, 20)]) {
    const sealed = sealNativeHpke(key.publicKey, bytes);
    strictEqual(sealed.length, bytes.length + HPKE_OVERHEAD_BYTES);
    deepStrictEqual(await key.open(sealed), bytes.slice());
    notDeepStrictEqual(sealNativeHpke(key.publicKey, bytes), sealed);
  }
  for (const none of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(0)]) {
    throws(() => sealNativeHpke(none, plain));
  }
});
