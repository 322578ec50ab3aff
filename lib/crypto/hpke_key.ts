/**
 * What both implementations of HPKE (`hpke.ts` over WebCrypto for browsers, `hpke_native.ts` over node:crypto) have in common, in a file of its
 * own, so that who uses one does not load the other.
 */

/** Bytes of a raw X25519 public key, and of an encapsulation. */
export const HPKE_KEY_BYTES = 32;

/** Bytes that sealing adds: the encapsulation and the tag of Poly1305. */
export const HPKE_OVERHEAD_BYTES = HPKE_KEY_BYTES + 16;

/** A private key that opens what was sealed to its public half. The private bytes never leave the platform's key object. */
export interface HpkeKey {
  /** Raw X25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** The plain bytes, or `undefined` when the message was not sealed to this key or was changed. Never throws. */
  open(sealed: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined>;
}
