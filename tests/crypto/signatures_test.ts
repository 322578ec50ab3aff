/** The strict verifiers of signatures: what is genuine holds, and each thing that they refuse is refused for itself (design §4.2). */
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { ok, strictEqual } from "node:assert";
import { base64url, concat, utf8 } from "../../lib/base/bytes.ts";
import { isPlausiblePublicKey, verifyEd25519 } from "../../lib/crypto/ed25519.ts";
import { importRsaJwk } from "../../lib/crypto/rsa.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import { testIdentity } from "../function/_world.ts";

const PRIVATE = createPrivateKey(CERTIFICATE_PEM);
const { n, e } = PRIVATE.export({ format: "jwk" });

/** The group order L, little-endian (RFC 8032, section 5.1). */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

Deno.test("an RSA signature holds for its message only, and never at another length", () => {
  const key = importRsaJwk({ kty: "RSA", n, e });
  ok(typeof key !== "string");
  // One signature in 256 begins with a zero, which some verifiers let go.
  let message = utf8("0");
  let signature = new Uint8Array(sign("sha256", message, PRIVATE));
  for (let i = 1; signature[0] !== 0; i++) {
    message = utf8(String(i));
    signature = new Uint8Array(sign("sha256", message, PRIVATE));
  }
  ok(key.verify(message, signature));
  ok(!key.verify(utf8("another"), signature));
  ok(!key.verify(message, signature.slice(1)));
  ok(!key.verify(message, concat(Uint8Array.of(0), signature)));
  ok(!key.verify(message, concat(signature, Uint8Array.of(0))));
  ok(!key.verify(message, new Uint8Array(0)));
});

Deno.test("an RSA key has the exponent 65537 and a modulus of 2048 to 4096 bits", () => {
  strictEqual(
    importRsaJwk({ kty: "RSA", n, e: "Aw" }),
    "has an exponent other than 65537",
  );
  const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const { n: shortModulus } = short.export({ format: "jwk" });
  ok(String(importRsaJwk({ kty: "RSA", n: shortModulus, e })).startsWith("has a modulus of 1024"));
  const long = base64url(new Uint8Array(513).fill(0xff));
  ok(String(importRsaJwk({ kty: "RSA", n: long, e })).startsWith("has a modulus of 4104"));
  const padded = base64url(concat(Uint8Array.of(0), new Uint8Array(256).fill(0xff)));
  strictEqual(importRsaJwk({ kty: "RSA", n: padded, e }), "has a malformed modulus");
});

Deno.test("an Ed25519 signature holds for its message and key, and has one text", () => {
  const { publicKey, sign } = testIdentity(1);
  const message = utf8("message");
  const signature = sign(message);
  ok(verifyEd25519(publicKey, message, signature));
  ok(!verifyEd25519(publicKey, utf8("another"), signature));
  ok(!verifyEd25519(testIdentity(2).publicKey, message, signature));
  const scalar = bigintOf(signature.subarray(32));
  const same = concat(signature.subarray(0, 32), bytesOf(scalar + ORDER));
  ok(!verifyEd25519(publicKey, message, same), "S + L is the same scalar");
  ok(!verifyEd25519(publicKey, message, signature.subarray(0, 63)));
  ok(!verifyEd25519(publicKey.subarray(1), message, signature));
});

Deno.test("a key of small order, which fits many messages, and one that is not canonical are nobody's", () => {
  const neutral = Uint8Array.of(1, ...new Uint8Array(31));
  const fitsAll = concat(neutral, new Uint8Array(32));
  for (const message of ["a", "b"]) ok(!verifyEd25519(neutral, utf8(message), fitsAll));
  ok(!isPlausiblePublicKey(neutral));
  const prime = 2n ** 255n - 19n;
  ok(!isPlausiblePublicKey(bytesOf(prime + 3n)), "y = 3 in another text");
  ok(isPlausiblePublicKey(testIdentity(1).publicKey));
});

function bigintOf(littleEndian: Uint8Array): bigint {
  return littleEndian.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function bytesOf(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
