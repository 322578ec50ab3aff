/**
 * Values encrypted for an account before anybody connects to an enclave, marked by the prefix `cape:`. What follows is
 * RSA-OAEP (RFC 8017, section 7.1; SHA-256, MGF1 with SHA-256, empty label) of a fresh AES key of 32 bytes, a nonce of 12 bytes, and
 * AES-256-GCM with its tag of 16 bytes. Packages travel as raw bytes behind the prefix; values inside inputs as base64 text.
 */
import { base64, concat, fromBase64, fromUtf8, utf8 } from "../base/bytes.ts";

/** What every sealed value begins with. */
export const SEALED_PREFIX = "cape:";

const PREFIX_BYTES = utf8(SEALED_PREFIX);
const AES_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OAEP = { name: "RSA-OAEP", hash: "SHA-256" } as const;

/** Opens what was sealed for one account. */
export interface SealedValueKey {
  /** The public half, DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** The plain bytes of a raw sealed value, or `undefined` when it is none for this key or was changed. Never throws. */
  open(sealed: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** The key of a PKCS#8 and an SPKI DER. Throws when they are no RSA key. */
export async function importSealedValueKey(
  pkcs8: Uint8Array,
  publicKey: Uint8Array,
): Promise<SealedValueKey> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8.slice(), OAEP, false, ["decrypt"]);
  const modulusBytes = (key.algorithm as RsaHashedKeyAlgorithm).modulusLength / 8;
  return { publicKey, open: (sealed) => open(key, modulusBytes, sealed) };
}

/** Seals bytes for the account with this public key (DER SPKI), as raw bytes. Throws when the key is no RSA key. */
export async function sealValue(
  publicKey: Uint8Array,
  plain: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const account = await crypto.subtle.importKey("spki", publicKey.slice(), OAEP, false, [
    "encrypt",
  ]);
  const secret = crypto.getRandomValues(new Uint8Array(AES_KEY_BYTES));
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const wrapped = await crypto.subtle.encrypt({ name: "RSA-OAEP" }, account, secret);
  const aes = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt"]);
  const iv = { name: "AES-GCM", iv: nonce };
  const ciphertext = await crypto.subtle.encrypt(iv, aes, plain as BufferSource);
  return concat(PREFIX_BYTES, new Uint8Array(wrapped), nonce, new Uint8Array(ciphertext));
}

/** The text form of a raw sealed value: `cape:` and base64, as it stands inside inputs. */
export function sealedValueText(sealed: Uint8Array): string {
  return SEALED_PREFIX + base64(sealed.subarray(PREFIX_BYTES.length));
}

/** The raw form of a sealed text, or `undefined` when it is none. */
export function sealedValueBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!text.startsWith(SEALED_PREFIX)) return undefined;
  const rest = fromBase64(text.slice(SEALED_PREFIX.length));
  return rest && concat(PREFIX_BYTES, rest);
}

async function open(
  key: CryptoKey,
  modulusBytes: number,
  sealed: Uint8Array,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const nonceAt = PREFIX_BYTES.length + modulusBytes;
  const textAt = nonceAt + NONCE_BYTES;
  if (sealed.length < textAt + TAG_BYTES) return undefined;
  if (fromUtf8(sealed.subarray(0, PREFIX_BYTES.length)) !== SEALED_PREFIX) return undefined;
  try {
    const wrapped = sealed.slice(PREFIX_BYTES.length, nonceAt);
    const secret = await crypto.subtle.decrypt({ name: "RSA-OAEP" }, key, wrapped);
    if (secret.byteLength !== AES_KEY_BYTES) return undefined;
    const aes = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["decrypt"]);
    const iv = { name: "AES-GCM", iv: sealed.slice(nonceAt, textAt) };
    const plain = await crypto.subtle.decrypt(iv, aes, sealed.subarray(textAt) as BufferSource);
    return new Uint8Array(plain);
  } catch {
    return undefined;
  }
}
