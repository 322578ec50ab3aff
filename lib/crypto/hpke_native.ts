/**
 * What `hpke.ts` does, over node:crypto: the same suite (RFC 9180, sections 4.1 and 5.1; DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * ChaCha20-Poly1305, base mode, `info` and `aad` empty). A host opens one message for every call, and seals some answers, and nodes talk to hosts; through WebCrypto that is a
 * dozen turns of the event loop and a cipher in JavaScript, here it is one synchronous step of a third of the time. Tests hold it against the
 * other implementation, which browsers use.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { concat, fromHex, utf8 } from "../base/bytes.ts";
import { HPKE_KEY_BYTES, HPKE_OVERHEAD_BYTES, type HpkeKey } from "./hpke_key.ts";

const HASH_BYTES = 32;
const CIPHER_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "chacha20-poly1305";
const NOTHING = new Uint8Array(0);

/** What stands before the 32 bytes of an X25519 key in SubjectPublicKeyInfo (RFC 8410, section 4). */
const SPKI_PREFIX = fromHex("302a300506032b656e032100")!;

/** Names of the suite in labels (section 4.1; numbers of section 7): the KEM alone, and KEM, KDF and AEAD. */
const KEM_SUITE = concat(utf8("KEM"), Uint8Array.of(0x00, 0x20));
const HPKE_SUITE = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x03));

/** `key_schedule_context` of section 5.1: mode 0, no identity of a shared key, no `info`; the same for every message. */
const SCHEDULE_CONTEXT = concat(
  Uint8Array.of(0),
  labeledExtract(HPKE_SUITE, NOTHING, "psk_id_hash", NOTHING),
  labeledExtract(HPKE_SUITE, NOTHING, "info_hash", NOTHING),
);

/** A fresh key pair, for one session. The private half stays in the native key object. */
export function generateNativeHpkeKey(): HpkeKey {
  const { publicKey, privateKey } = generateX25519("x25519");
  const own = rawPublicKey(publicKey);
  return {
    publicKey: own,
    open: (sealed) => Promise.resolve(openOrNothing(privateKey, own, sealed)),
  };
}

/** Seals bytes to a raw X25519 public key. Throws when the 32 bytes cannot be a key (a point of small order). */
export function sealNativeHpke(publicKey: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const ephemeral = generateX25519("x25519");
  const encapsulated = rawPublicKey(ephemeral.publicKey);
  const shared = sharedSecret(ephemeral.privateKey, publicKey, concat(encapsulated, publicKey));
  if (!shared) throw new RangeError("Cannot seal: the key is a point of small order");
  const cipher = createCipheriv(CIPHER, ...keyAndNonce(shared), { authTagLength: TAG_BYTES });
  const cipherText = new Uint8Array(cipher.update(plain));
  cipher.final();
  return concat(encapsulated, cipherText, new Uint8Array(cipher.getAuthTag()));
}

function openOrNothing(
  privateKey: KeyObject,
  own: Uint8Array,
  sealed: Uint8Array,
): Uint8Array<ArrayBuffer> | undefined {
  if (sealed.length < HPKE_OVERHEAD_BYTES) return undefined;
  const encapsulated = sealed.subarray(0, HPKE_KEY_BYTES);
  const cipherText = sealed.subarray(HPKE_KEY_BYTES, sealed.length - TAG_BYTES);
  try {
    const shared = sharedSecret(privateKey, encapsulated, concat(encapsulated, own));
    if (!shared) return undefined;
    const decipher = createDecipheriv(CIPHER, ...keyAndNonce(shared), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plain = new Uint8Array(decipher.update(cipherText));
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Key and nonce of section 5.1. Every message has an encapsulation of its own, so its sequence number is 0 and the nonce the base nonce. */
function keyAndNonce(shared: Uint8Array): [key: Uint8Array, nonce: Uint8Array] {
  const secret = labeledExtract(HPKE_SUITE, shared, "secret", NOTHING);
  const expand = (label: string, bytes: number) =>
    labeledExpand(HPKE_SUITE, secret, label, SCHEDULE_CONTEXT, bytes);
  return [expand("key", CIPHER_KEY_BYTES), expand("base_nonce", NONCE_BYTES)];
}

/** The shared secret of section 4.1, or nothing for a point of small order, whose secret everybody knows (section 7.1.4). */
function sharedSecret(
  privateKey: KeyObject,
  peer: Uint8Array,
  context: Uint8Array,
): Uint8Array | undefined {
  const publicKey = createPublicKey({
    key: concat(SPKI_PREFIX, peer) as never,
    format: "der",
    type: "spki",
  });
  const agreed = new Uint8Array(diffieHellman({ privateKey, publicKey }));
  if (agreed.every((byte) => byte === 0)) return undefined;
  const secret = labeledExtract(KEM_SUITE, NOTHING, "eae_prk", agreed);
  return labeledExpand(KEM_SUITE, secret, "shared_secret", context, HASH_BYTES);
}

function rawPublicKey(publicKey: KeyObject): Uint8Array<ArrayBuffer> {
  const der = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  return der.slice(SPKI_PREFIX.length);
}

function labeledExtract(
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  keyMaterial: Uint8Array,
): Uint8Array {
  // HMAC fills an empty key up with zeros, which is what HKDF takes for no salt (RFC 5869, section 2.2).
  return hmac(salt, concat(utf8("HPKE-v1"), suite, utf8(label), keyMaterial));
}

/** At most one block of HKDF: 32 bytes. */
function labeledExpand(
  suite: Uint8Array,
  secret: Uint8Array,
  label: string,
  info: Uint8Array,
  bytes: number,
): Uint8Array {
  const head = concat(Uint8Array.of(0, bytes), utf8("HPKE-v1"), suite, utf8(label));
  return hmac(secret, concat(head, info, Uint8Array.of(1))).subarray(0, bytes);
}

function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(message).digest());
}

/** The types of Deno know this kind of key only with encodings, as texts. */
const generateX25519 = generateKeyPairSync as unknown as (
  type: "x25519",
) => { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
