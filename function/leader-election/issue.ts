/** Signing certificates: compact JWS (RFC 7515) with RS256 by the enclave's key, over claims in the order in which they are given. */
import { base64url } from "./base64url.ts";
import type { EnclaveHost } from "./host.ts";

/** The JWS of these claims. */
export function issue(enclave: EnclaveHost, typ: string, claims: object): string {
  const header = { alg: "RS256", kid: enclave.kid, typ };
  const input = [header, claims]
    .map((part) => base64url(new TextEncoder().encode(JSON.stringify(part))))
    .join(".");
  return `${input}.${base64url(enclave.signCertificate(new TextEncoder().encode(input)))}`;
}

/** Whether this enclave's key signed a JWS. The scheme is deterministic (RFC 8017, section 8.2), so signing again tells. */
export function isOwn(enclave: EnclaveHost, jws: string): boolean {
  const end = jws.lastIndexOf(".");
  const signature = enclave.signCertificate(new TextEncoder().encode(jws.slice(0, end)));
  return jws.slice(end + 1) === base64url(signature);
}

/** The issuer of a function's certificates. */
export function issuerOf(checksum: Uint8Array): string {
  return `fumata:${hexOf(checksum)}`;
}

/** The time for `iat`, in seconds: for information only. */
export function issuedAt(enclave: EnclaveHost): number {
  return Math.floor(enclave.now() / 1000);
}

/** Lower-case hex. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
