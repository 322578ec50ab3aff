/**
 * RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2; `RS256` of RFC 7518) over JWK public keys. Strict about the key:
 * e = 65537, a modulus of 2048..4096 bits; and about the signature: exactly as long as the modulus.
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { type RsaJwk, thumbprint } from "./thumbprint.ts";

const MODULUS_BYTES_MIN = 256;
/** Longest modulus of a key that is read, bytes. */
export const MODULUS_BYTES_MAX = 512;

/** A public RSA key that passed the checks, ready to verify with. */
export interface RsaPublicKey {
  readonly jwk: RsaJwk;
  /** RFC 7638 thumbprint, base64url. */
  readonly kid: string;
  /** Bytes of the modulus and of every signature. */
  readonly bytes: number;
  /** Whether the signature over the message is valid. Never throws. */
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** Reads a JWK (of unknown origin) as an RSA key; gives the reason as a text when it cannot be one. */
export function importRsaJwk(value: unknown): RsaPublicKey | string {
  if (typeof value !== "object" || value === null) return "is not a JWK object";
  const { kty, n, e } = value as Record<string, unknown>;
  if (kty !== "RSA" || typeof n !== "string") return "is not an RSA key";
  if (e !== "AQAB") return "has an exponent other than 65537";
  const modulus = fromBase64url(n);
  if (!modulus || modulus[0] === 0 || modulus[0] < 0x80) return "has a malformed modulus";
  if (modulus.length < MODULUS_BYTES_MIN || modulus.length > MODULUS_BYTES_MAX) {
    return `has a modulus of ${modulus.length * 8} bits; 2048..4096 are wanted`;
  }
  const jwk: RsaJwk = { kty: "RSA", n, e };
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  } catch {
    return "cannot be imported";
  }
  return {
    jwk,
    kid: base64url(thumbprint(jwk)),
    bytes: modulus.length,
    verify(message, signature) {
      if (signature.length !== modulus.length) return false;
      try {
        return verify("RSA-SHA256", message, key, signature);
      } catch {
        return false;
      }
    },
  };
}
