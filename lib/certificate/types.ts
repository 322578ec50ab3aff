/**
 * The words of certificates. All bytes are base64url texts here, so that they compare and serve as keys; a `VerifiedCertificate` exists
 * only after every check passed.
 */

/** 32 bytes in base64url. */
export type Digest = string;

/** One vote of a bundle. */
export interface Vote {
  /** Raw Ed25519 public key; the voter's id is its thumbprint. */
  readonly key: string;
  /** Over the vote message of the rules. */
  readonly signature: string;
}

/** A certificate with its bundle, as it travels and as files hold it. */
export interface CertificateDocument {
  /** Compact JWS. */
  readonly certificate: string;
  readonly bundle: readonly Vote[];
}

/** A certificate that was fully verified: signature under an attested key, draw recomputed, quorum of votes. */
export interface VerifiedCertificate {
  readonly id: Digest;
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  readonly digest: Digest;
  /** Node id: the thumbprint of the leader's key. */
  readonly leader: string;
  readonly leaderName: string;
  /** Ids, in the order of the proposal (by bytes). */
  readonly active: readonly string[];
  readonly document: CertificateDocument;
}
