/**
 * The one strict Ed25519 verifier of the project (RFC 8032), and signing.
 *
 * Stricter than the library below it, so that all implementations agree on what is valid (Chalkias, Garillot, Nikolaenko,
 * "Taming the many EdDSAs", 2020): refused are public keys that are not canonical (y >= p) or of small order, and signatures whose
 * S is not below the group order L (malleability). A small-order key would verify one signature for many messages.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { base64url, concat, fromBase64url, fromHex } from "../base/bytes.ts";
import { nodeId } from "./thumbprint.ts";

/** Bytes of a public key. */
export const PUBLIC_KEY_BYTES = 32;
/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64;

/** A key pair that signs for one node. */
export interface Identity {
  /** Thumbprint of the public key, base64url: the node id. */
  readonly id: string;
  /** Raw public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signature of 64 bytes; the same for the same message. */
  sign(message: Uint8Array): Uint8Array;
  /** The private key in PKCS#8 PEM, for the state folder only. */
  exportPem(): string;
}

/** A fresh identity from the platform's random generator. */
export function generateIdentity(): Identity {
  return identityOf(generateKeyPairSync("ed25519").privateKey);
}

/** The identity of a PKCS#8 PEM private key, or `undefined` when it is none. */
export function identityFromPem(pem: string): Identity | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "ed25519" ? identityOf(key) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the signature is valid for the message under the raw public key. Any bytes may be given; never throws. */
export function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isBelow(signature.subarray(32), ORDER)) return false;
  const key = keyObject(publicKey);
  if (!key) return false;
  try {
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

/** Whether 32 bytes can be somebody's public key: canonical and not of small order. Not whether they are on the curve. */
export function isPlausiblePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES) return false;
  const y = publicKey.slice();
  y[31] &= 0x7f;
  return isBelow(y, PRIME) && !SMALL_ORDER_Y.some((small) => small.every((b, i) => b === y[i]));
}

function identityOf(privateKey: KeyObject): Identity {
  const jwk = createPublicKey(privateKey as unknown as string).export({ format: "jwk" });
  const publicKey = fromBase64url(jwk.x as string)!;
  return {
    id: nodeId(publicKey),
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
    exportPem: () => privateKey.export({ format: "pem", type: "pkcs8" }) as string,
  };
}

/** Parsed keys by their text, because parsing costs more than verifying. Bounded: the oldest goes first. */
const KEYS_MAX = 4096;
const keys = new Map<string, KeyObject>();

function keyObject(publicKey: Uint8Array): KeyObject | undefined {
  const text = base64url(publicKey);
  const known = keys.get(text);
  if (known) return known;
  if (!isPlausiblePublicKey(publicKey)) return undefined;
  try {
    const der = concat(SPKI_PREFIX, publicKey);
    const key = createPublicKey({ key: der as never, format: "der", type: "spki" });
    if (keys.size >= KEYS_MAX) keys.delete(keys.keys().next().value!);
    keys.set(text, key);
    return key;
  } catch {
    return undefined;
  }
}

/** SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410, section 4). */
const SPKI_PREFIX = fromHex("302a300506032b6570032100")!;

/** The group order L = 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032, section 5.1). */
const ORDER = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")!;

/** The field prime p = 2^255 - 19, little-endian. */
const PRIME = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")!;

/** The y coordinates of the eight points whose order divides 8 (they come in pairs of sign). */
const SMALL_ORDER_Y = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
].map((text) => fromHex(text)!);

function isBelow(littleEndian: Uint8Array, bound: Uint8Array): boolean {
  for (let i = littleEndian.length - 1; i >= 0; i--) {
    if (littleEndian[i] !== bound[i]) return littleEndian[i] < bound[i];
  }
  return false;
}
