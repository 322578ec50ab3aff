/** The `cape:` format, checked against node:crypto's RSA-OAEP and AES-GCM in both directions. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
} from "node:crypto";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { spkiOfPkcs1 } from "../../lib/crypto/rsa_der.ts";
import {
  importSealedValueKey,
  sealedValueBytes,
  sealedValueText,
  sealValue,
} from "../../lib/crypto/sealed_value.ts";

const BITS = 2048;
const MODULUS_BYTES = BITS / 8;

function generate() {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: BITS,
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const key = createPrivateKey(privateKey);
  const pkcs8 = new Uint8Array(key.export({ type: "pkcs8", format: "der" }));
  return { key, pkcs8 };
}

const { key, pkcs8 } = generate();
const publicKey = createPublicKey(key as unknown as string);
const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
const plain = utf8("where it is hidden");

Deno.test("a value opens under the account's key", async () => {
  const account = await importSealedValueKey(pkcs8, spki);
  deepStrictEqual(await account.open(await sealValue(spki, plain)), plain);
  deepStrictEqual(
    await account.open(await sealValue(spki, new Uint8Array(0))),
    new Uint8Array(0),
  );
});

Deno.test("a value has the parts that the protocol names", async () => {
  const sealed = await sealValue(spki, plain);
  strictEqual(fromUtf8(sealed.subarray(0, 5)), "cape:");
  const [wrapped, rest] = [
    sealed.subarray(5, 5 + MODULUS_BYTES),
    sealed.subarray(5 + MODULUS_BYTES),
  ];
  const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
  const decipher = createDecipheriv(
    "aes-256-gcm",
    privateDecrypt(oaep, wrapped),
    rest.subarray(0, 12),
  );
  decipher.setAuthTag(rest.subarray(-16));
  const opened = decipher.update(rest.subarray(12, -16));
  decipher.final();
  deepStrictEqual(new Uint8Array(opened), plain);
});

Deno.test("the text form is base64 behind the prefix", async () => {
  const sealed = await sealValue(spki, plain);
  const text = sealedValueText(sealed);
  ok(/^cape:[A-Za-z0-9+/]+=*$/.test(text));
  deepStrictEqual(sealedValueBytes(text), sealed);
  strictEqual(sealedValueBytes("cape:?"), undefined);
  strictEqual(sealedValueBytes("other:AAAA"), undefined);
});

Deno.test("a value that was changed, cut, or is for another key does not open", async () => {
  const account = await importSealedValueKey(pkcs8, spki);
  const sealed = await sealValue(spki, plain);
  for (const at of [0, 4, 5, 100, 5 + MODULUS_BYTES, 5 + MODULUS_BYTES + 12, sealed.length - 1]) {
    const changed = sealed.slice();
    changed[at] ^= 1;
    strictEqual(await account.open(changed), undefined, `changed at ${at}`);
    strictEqual(await account.open(sealed.subarray(0, at)), undefined, `cut at ${at}`);
  }
  const other = await importSealedValueKey(generate().pkcs8, spki);
  strictEqual(await other.open(sealed), undefined);
});

Deno.test("a PKCS#1 key is wrapped into the SPKI that the platform writes", () => {
  const pkcs1 = new Uint8Array(publicKey.export({ type: "pkcs1", format: "der" }));
  deepStrictEqual(spkiOfPkcs1(pkcs1), spki);
});
