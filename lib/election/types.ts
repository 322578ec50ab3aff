/**
 * The words of the election: what nodes tell each other (messages), what a core is told (events) and what it asks for (effects).
 *
 * All values were verified at the door: the sender signed the message, a vote carries a valid signature of its sender, a gave-up
 * statement one of its voter, a certificate passed the whole of `lib/certificate`. Digests and ids are base64url texts.
 */
import type {
  CertificateDocument,
  Digest,
  VerifiedCertificate,
  Vote,
} from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";

/** A node as a proposal lists it. */
export interface Candidate {
  readonly id: NodeId;
  readonly name: string;
  /** Raw Ed25519 public key, base64url. */
  readonly key: string;
}

/** What is voted on. In an open cluster `active` is the whole view. */
export interface Proposal {
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** Sorted by id bytes. */
  readonly active: readonly Candidate[];
}

/** A proposal without its list: a voter recomputes the digest from its own view, so the message stays small at any size. */
export interface ProposalSummary {
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  readonly digest: Digest;
}

/** A signed "I gave up this term". */
export interface GaveUp {
  readonly prev: Digest;
  readonly term: number;
  readonly voter: NodeId;
  /** Raw Ed25519 public key of the voter, base64url. */
  readonly key: string;
  readonly signature: string;
}

/** The highest certificate that a node holds; term 0 and the genesis id before the first. */
export interface Head {
  readonly term: number;
  readonly id: Digest;
}

/** Why a node did not vote. */
export type RefusalReason =
  /** The proposal does not follow the voter's highest certificate. */
  | "prev"
  /** The proposal's term is over for the voter. */
  | "term-over"
  /** The voter has not seen the term open. */
  | "term-not-open"
  /** The active nodes are not the voter's view. */
  | "view"
  /** The sender is not the collector of this term. */
  | "collector"
  /** The voter has not verified evidence for the key. */
  | "kid"
  /** The voter has voted otherwise in this term or a later one. */
  | "voted";

/** What nodes tell each other. */
export type ElectionMessage =
  | { readonly kind: "proposal"; readonly proposal: ProposalSummary }
  | { readonly kind: "vote"; readonly digest: Digest; readonly term: number; readonly vote: Vote }
  | {
    readonly kind: "refusal";
    readonly digest: Digest;
    readonly reason: RefusalReason;
    readonly head: Head;
  }
  /** Several statements about one term; enough of them open the next. */
  | { readonly kind: "gave-up"; readonly statements: readonly GaveUp[] }
  /** Votes whose collector cannot reach the enclave: anyone may call. */
  | { readonly kind: "bundle"; readonly proposal: Proposal; readonly votes: readonly Vote[] }
  | { readonly kind: "want-certificate"; readonly id: Digest }
  | { readonly kind: "certificate"; readonly document: CertificateDocument };

/** What the core of every kind of cluster is told. */
export type CommonEvent<Message extends { readonly kind: string }, Certificate> =
  | { readonly type: "tick" }
  /** A message other than a certificate, which comes as the event below once it is verified. */
  | {
    readonly type: "message";
    readonly sender: NodeId;
    readonly message: Exclude<Message, { kind: "certificate" }>;
  }
  /** A verified certificate; `from` is absent when this node's own enclave call brought it. */
  | {
    readonly type: "certificate";
    readonly certificate: Certificate;
    readonly from?: NodeId;
  }
  /** A member says what its head is. */
  | { readonly type: "head-seen"; readonly from: NodeId; readonly head: Head }
  /** Enclave keys for which this node has itself verified fresh evidence; `preferred` is the one that it would propose anew. */
  | { readonly type: "keys"; readonly kids: readonly Digest[]; readonly preferred?: Digest }
  /** The enclave was not reached (`refused` false), or the function refused the bundle. */
  | {
    readonly type: "enclave-failed";
    readonly digest: Digest;
    readonly reason: string;
    readonly refused: boolean;
  };

/** What became of one node in the view of membership, this node included. */
export type ViewChange =
  /** It takes part, under this name. */
  | { readonly kind: "active"; readonly node: Candidate }
  /** It is known, and takes no part. */
  | { readonly kind: "inactive"; readonly id: NodeId }
  /** It is not known any more. */
  | { readonly kind: "forgotten"; readonly id: NodeId };

/** What the core of an open cluster is told. */
export type ElectionEvent =
  | CommonEvent<ElectionMessage, VerifiedCertificate>
  /** How the view changed since it was told of last, in the order of time; at first of nobody. Changes that come to nothing do nothing. */
  | { readonly type: "view"; readonly changes: readonly ViewChange[] }
  /** Somebody takes part beside this node, so it need not hold back any longer from electing alone, as it does while no seed has answered. */
  | { readonly type: "joined" }
  | { readonly type: "leave" };

/** What a core asks the shell to do, in this order. */
export type ElectionEffect =
  /** Store before carrying out what follows. */
  | { readonly type: "persist-vote"; readonly term: number; readonly digest: Digest }
  | { readonly type: "persist-head"; readonly certificate: VerifiedCertificate }
  | { readonly type: "send"; readonly to: readonly NodeId[]; readonly message: ElectionMessage }
  | {
    readonly type: "call-enclave";
    readonly digest: Digest;
    readonly proposal: Proposal;
    readonly votes: readonly Vote[];
  }
  /** The head that gossip should carry. */
  | { readonly type: "head"; readonly head: Head }
  /** The certificate that this node respects now; absent while there is none for its view. */
  | { readonly type: "leader"; readonly certificate?: VerifiedCertificate }
  /** Something worth a log line. */
  | { readonly type: "note"; readonly note: ElectionNote };

/** What happened, for logs and displays. */
export type ElectionNote =
  | { readonly what: "proposed"; readonly term: number; readonly active: number }
  | { readonly what: "voted"; readonly term: number; readonly collector: NodeId }
  | { readonly what: "refused"; readonly term: number; readonly reason: RefusalReason }
  | {
    readonly what: "was-refused";
    readonly by: NodeId;
    readonly term: number;
    readonly reason: RefusalReason;
  }
  | { readonly what: "gave-up"; readonly term: number }
  | { readonly what: "term-opened"; readonly term: number }
  | { readonly what: "quorum"; readonly term: number; readonly votes: number }
  | { readonly what: "delegated"; readonly term: number; readonly reason: string }
  | { readonly what: "ignored-head"; readonly term: number; readonly from?: NodeId }
  /** More nodes are active than the function elects among: nobody leads until some have gone. Said once until somebody leads. */
  | { readonly what: "too-large"; readonly active: number; readonly activeMax: number };
