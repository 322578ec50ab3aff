/**
 * The words of attestation, the same for every TEE: the evidence that a host gives, the policy that a verifier demands, the verdict.
 */

/** Platforms. `simulated` issues Nitro-format documents under a root of its own and is never accepted by default. */
export type Platform = "simulated" | "nitro" | "snp" | "tdx" | "sgx";

/** Evidence as it travels and as files hold it: one envelope for all TEEs. */
export interface Evidence {
  readonly platform: Platform;
  /** The attestation document, report or quote as the platform made it. */
  readonly document: Uint8Array;
  /** Further DER certificates that it needs and does not carry (SNP: VCEK, ASK). */
  readonly endorsements: readonly Uint8Array[];
}

/** What the evidence binds: the keys and the function, as the enclave wrote them into the same document. */
export interface Binding {
  /** The client's fresh bytes. */
  readonly nonce?: Uint8Array;
  /** Raw X25519 public key of this session, 32 bytes. */
  readonly sessionKey?: Uint8Array;
  /** SHA-256 of the function package, 32 bytes. */
  readonly functionChecksum?: Uint8Array;
  /** Thumbprint of the certificate key, base64url. */
  readonly certificateKid?: string;
  /** The account's RSA encryption key, DER SPKI. */
  readonly encryptionKey?: Uint8Array;
  /** The key that signs checksums of results, DER PKCS#1. */
  readonly resultKey?: Uint8Array;
}
