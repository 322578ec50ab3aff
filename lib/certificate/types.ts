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

/** What a certificate of a roster cluster says beyond what every certificate says. */
export type RosterFacts =
  | {
    readonly kind: "election";
    /** Active voters over the roster: bit i, least significant first in byte i / 8; base64url. */
    readonly bitmap: string;
    /** Leader of `prev` as its proposal had it; empty after genesis or a closing. */
    readonly incumbent: string;
    /** Certificates in a row, `prev` the last, that drew the incumbent. */
    readonly tenure: number;
    /** Length of the lease that the package promises, ms. */
    readonly leaseMs: number;
  }
  /** The electorate handed over: `leader` and `leaderName` are empty, nobody is active. */
  | {
    readonly kind: "closing";
    /** Checksum of the successor. */
    readonly successor: Digest;
  };

/** A certificate that was fully verified: signature under an attested key, draw recomputed, quorum of votes. */
export interface VerifiedCertificate {
  readonly id: Digest;
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** The TEE that it says it comes from; `simulated` protects nothing. */
  readonly tee: string;
  readonly digest: Digest;
  /** Node id: the thumbprint of the leader's key. */
  readonly leader: string;
  readonly leaderName: string;
  /** Ids, in the order of the proposal (by bytes) or, in a roster cluster, of the roster. */
  readonly active: readonly string[];
  /** Absent in certificates of open clusters. */
  readonly roster?: RosterFacts;
  readonly document: CertificateDocument;
}
