/**
 * What the enclave host offers to a function, as the global `enclave`. Beside it there are the language's own built-ins,
 * TextEncoder, TextDecoder (strict UTF-8), atob, btoa and console; nothing else of the machine is within reach: no network, environment,
 * processes, timers or files other than the package. Every call is synchronous and runs natively.
 */

/** The global `enclave`. Byte arguments that are not `Uint8Array`, and files that are not there, throw a `TypeError` or `Error`. */
export interface EnclaveHost {
  /** SHA-256 of this package, 32 bytes: what clients pin. */
  readonly checksum: Uint8Array;
  /** The TEE that runs this: `simulated`, `nitro`, `snp` or `tdx`. */
  readonly tee: string;
  /** RFC 7638 thumbprint of the certificate key, base64url: the `kid`. */
  readonly kid: string;
  /** The public certificate key (RSA, e = 65537) as a JWK with the members `kty`, `n` and `e`. */
  readonly certificateKey: { readonly kty: "RSA"; readonly n: string; readonly e: string };
  /** Wall clock, ms since 1970. For information only: no rule depends on it. */
  now(): number;
  /** SHA-256 of the bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** Strict Ed25519 (RFC 8032, with small-order and non-canonical encodings refused). Never throws for bad keys or signatures. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether 32 bytes can be somebody's Ed25519 key: canonical and not of small order. */
  isEd25519Key(publicKey: Uint8Array): boolean;
  /** RSASSA-PKCS1-v1_5 with SHA-256 by the certificate key that was born in the enclave. */
  signCertificate(message: Uint8Array): Uint8Array;
  /** Seals what this call answers to a raw X25519 public key of 32 bytes, by HPKE; see `enclave.d.ts`. */
  replyTo(publicKey: Uint8Array): void;
  /** RSASSA-PKCS1-v1_5 with SHA-256 by a PEM private key (PKCS#1 or PKCS#8) of the package. */
  signWithPem(pem: string, message: Uint8Array): Uint8Array;
  /** A file of the package by its path relative to the package folder. */
  readFile(path: string): Uint8Array;
  /** Whether the package has such a file. */
  hasFile(path: string): boolean;
}

/** The host of this process; only code inside the enclave has it. */
export function enclaveHost(): EnclaveHost {
  return (globalThis as unknown as { enclave: EnclaveHost }).enclave;
}
