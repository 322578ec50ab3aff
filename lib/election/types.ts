/**
 * The words of the election: messages between nodes, what a core is told (events) and what it asks for (effects). All bytes are
 * base64url texts here, so that they compare and serve as keys; all values were verified at the door.
 */
import type { NodeId } from "../membership/types.ts";

/** 32 bytes in base64url. */
export type Digest = string;

/** A certificate that was fully verified: signature under an attested key, draw recomputed, quorum of votes. */
export interface VerifiedCertificate {
  readonly id: Digest;
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  readonly digest: Digest;
  readonly leader: NodeId;
  readonly leaderName: string;
  /** Sorted ids. */
  readonly active: readonly NodeId[];
  /** What travels: the certificate, its bundle; opaque to the core. */
  readonly document: CertificateDocument;
}

/** A certificate with its bundle, as it travels and as files hold it. */
export interface CertificateDocument {
  /** Compact JWS. */
  readonly certificate: string;
  readonly bundle: readonly Vote[];
}

/** One vote of a bundle. */
export interface Vote {
  /** Raw Ed25519 public key, base64url; the voter's id is its thumbprint. */
  readonly key: string;
  /** Over the vote message of the rules; base64url. */
  readonly signature: string;
}
