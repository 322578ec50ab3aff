/** AES-256-GCM (NIST SP 800-38D) and HKDF-SHA256 (RFC 5869), synchronous (node:crypto), for paths that must not await. */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

/** Bytes of a key. */
export const AES_KEY_BYTES = 32;
/** Bytes of a nonce; never use one twice with the same key. */
export const AES_NONCE_BYTES = 12;
/** Bytes that the tag adds. */
export const AES_TAG_BYTES = 16;

/** Ciphertext and tag of the plain text; `associated` is authenticated with it. */
export function sealAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plain: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: AES_TAG_BYTES });
  cipher.setAAD(associated);
  const sealed = new Uint8Array(plain.length + AES_TAG_BYTES);
  sealed.set(cipher.update(plain));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plain.length);
  return sealed;
}

/** The plain text, or `undefined` when anything was changed. Any bytes may be given; never throws. */
export function openAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array<ArrayBuffer> | undefined {
  if (sealed.length < AES_TAG_BYTES) return undefined;
  const tagAt = sealed.length - AES_TAG_BYTES;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: AES_TAG_BYTES });
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(tagAt));
    const plain = new Uint8Array(decipher.update(sealed.subarray(0, tagAt)));
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Key material of so many bytes out of a secret. */
export function hkdfSha256(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, bytes));
}
