/**
 * JWK thumbprints (RFC 7638; RFC 8037, appendix A.3 for Ed25519): the ids of nodes and of enclave keys. The hash is over a JSON
 * text with the required members only, in lexicographic order and without white space.
 */
import { base64url, utf8 } from "../base/bytes.ts";
import { sha256 } from "./digest.ts";

/** Public Ed25519 key as a JWK (RFC 8037). */
export interface OkpJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  /** 32 bytes, base64url. */
  readonly x: string;
}

/** Public RSA key as a JWK (RFC 7518, section 6.3). */
export interface RsaJwk {
  readonly kty: "RSA";
  /** Modulus, big-endian without leading zeros, base64url. */
  readonly n: string;
  /** Exponent; always `AQAB` here. */
  readonly e: string;
}

/** The JWK of a raw Ed25519 public key of 32 bytes. */
export function ed25519Jwk(publicKey: Uint8Array): OkpJwk {
  return { kty: "OKP", crv: "Ed25519", x: base64url(publicKey) };
}

/** Thumbprint, 32 bytes. */
export function thumbprint(jwk: OkpJwk | RsaJwk): Uint8Array<ArrayBuffer> {
  const canonical = jwk.kty === "OKP"
    ? `{"crv":"${jwk.crv}","kty":"OKP","x":"${jwk.x}"}`
    : `{"e":"${jwk.e}","kty":"RSA","n":"${jwk.n}"}`;
  return sha256(utf8(canonical));
}

/** The id of the node with this raw Ed25519 public key: its thumbprint in base64url, 43 characters. */
export function nodeId(publicKey: Uint8Array): string {
  return base64url(thumbprint(ed25519Jwk(publicKey)));
}
