/**
 * The words of a roster cluster's election (design §4): what nodes tell each other, what the machine is told, what it asks for.
 *
 * All values were verified at the door: the sender signed the message and is in the roster; votes, gave-up statements, heartbeats, acks and
 * step-downs carry a valid signature of whom they name; a certificate passed the whole of `lib/certificate`. Digests, ids, keys, nonces
 * and signatures are base64url texts. Times are monotonic ms of this node's own clock.
 */
import type { CertificateDocument, Digest, Vote } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { CommonEvent, Head } from "../types.ts";
import type { RosterNote } from "./notes.ts";

export type { Head };

/** Who votes, as the package fixes it. */
export interface Roster {
  /** In the order of `cluster.json`; the place is the bit in bitmaps. */
  readonly voters: readonly RosterVoter[];
  /** f: how many of them may lie. */
  readonly faultBound: number;
  /** q: votes that elect, statements that open a term, acks that hold a lease. */
  readonly votesNeeded: number;
  /** L: how long an ack promises not to vote. */
  readonly leaseMs: number;
  /**
   * Under a `sticky` policy: after so many certificates in a row the incumbent stays no more; `Infinity` without a bound. Absent under the
   * others.
   */
  readonly stickyTenureMax?: number;
}

/** One voter. */
export interface RosterVoter {
  readonly id: NodeId;
  /** Raw Ed25519 public key, base64url. */
  readonly key: string;
}

/** The proposal of a leader's election. */
export interface LeaderProposal {
  readonly type: "leader";
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** In roster order. */
  readonly active: readonly NodeId[];
  /** Leader of `prev`. */
  readonly incumbent?: NodeId;
  /** Certificates in a row, `prev` the last, that drew the incumbent; 0 without one. */
  readonly tenure: number;
}

/** The proposal to hand over to another checksum. */
export interface ClosingProposal {
  readonly type: "closing";
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** Checksum of the package that goes on. */
  readonly successor: Digest;
}

/** What is voted on. */
export type RosterProposal = LeaderProposal | ClosingProposal;

/** A certificate that was fully verified. */
export interface RosterCertificate {
  readonly id: Digest;
  readonly proposal: RosterProposal;
  /** D of the proposal. */
  readonly digest: Digest;
  /** Absent in a closing certificate. */
  readonly leader?: NodeId;
  readonly document: CertificateDocument;
}

/** A vote together with what it is on, so that it speaks for itself. */
export interface SignedVote {
  readonly term: number;
  readonly digest: Digest;
  readonly vote: Vote;
}

/** A signed "I gave up this term". */
export interface GaveUp {
  readonly prev: Digest;
  readonly term: number;
  readonly voter: NodeId;
  readonly signature: string;
}

/** A signed "I lead by this certificate, and I am there". */
export interface Heartbeat {
  readonly certificateId: Digest;
  /** Fresh for each round; acks repeat it. */
  readonly nonce: string;
  /** Grows with each start of the leader's process. */
  readonly incarnation: number;
  /** Grows within an incarnation. */
  readonly sequence: number;
  /** Boot nonce of the follower, where it has demanded that. */
  readonly echo?: string;
  readonly signature: string;
}

/** A signed "I hold this certificate and promise not to vote for the lease from now". */
export interface LeaseAck {
  readonly certificateId: Digest;
  readonly nonce: string;
  readonly voter: NodeId;
  readonly signature: string;
}

/** A signed "I lead by this certificate no more, for good". */
export interface StepDown {
  readonly certificateId: Digest;
  readonly leader: NodeId;
  readonly signature: string;
}

/** The operator's signed order to close in favour of another checksum. */
export interface SuccessionOrder {
  readonly successor: Digest;
  readonly signature: string;
}

/** Why a node did not vote. */
export const REFUSAL_REASONS = [
  /** The proposal does not follow the voter's highest certificate. */
  "prev",
  /** The term is over for the voter. */
  "term-over",
  /** The voter has not seen the term open. */
  "term-not-open",
  /** The sender is not the collector of this term. */
  "collector",
  /** The voter has voted otherwise in this term, or in a later one. */
  "voted",
  /** A promise of the voter is running, or the time after its restart. */
  "promise",
  /** The voter has no fresh evidence for the new key, or has some that the old one lives. */
  "kid",
  /** A required member is missing or a forbidden one is in. */
  "view",
  /** Incumbent or tenure do not follow from `prev`. */
  "incumbent",
  /** The voter knows no order of the operator to close so, or knows one and votes for no leader any more. */
  "order",
  /** The voter has voted to close, or knows that this electorate is closed. */
  "closed",
] as const;

/** One of {@linkcode REFUSAL_REASONS}. */
export type RefusalReason = typeof REFUSAL_REASONS[number];

/** Why a node did not vote, with what helps the collector. */
export interface Objection {
  readonly reason: RefusalReason;
  /** With `promise`: ms until the voter is free. */
  readonly waitMs?: number;
  /** With `view`: whom the voter requires. */
  readonly missing?: readonly NodeId[];
  /** With `view`: whom it holds for gone, or has never met. */
  readonly forbidden?: readonly NodeId[];
}

/** Why a follower did not ack. */
export const ACK_REFUSAL_REASONS = [
  /** It was restarted and demands its boot nonce back. */
  "echo",
  /** It holds a higher certificate. */
  "head",
  /** It has voted for a higher term, or to close. */
  "voted",
] as const;

/** One of {@linkcode ACK_REFUSAL_REASONS}. */
export type AckRefusalReason = typeof ACK_REFUSAL_REASONS[number];

/** What nodes tell each other. */
export type RosterMessage =
  /** `vote` is the collector's own: two proposals in one term are two votes, which is evidence. */
  | { readonly kind: "proposal"; readonly proposal: RosterProposal; readonly vote: Vote }
  | { readonly kind: "vote"; readonly term: number; readonly digest: Digest; readonly vote: Vote }
  | {
    readonly kind: "refusal";
    readonly term: number;
    readonly digest: Digest;
    readonly objection: Objection;
    readonly head: Head;
  }
  /** Several statements about one term; enough of them open the next. `seen` is the collector's vote as the sender saw it. */
  | {
    readonly kind: "gave-up";
    readonly statements: readonly GaveUp[];
    readonly seen?: SignedVote;
  }
  /** Votes whose collector cannot reach the enclave: anyone may call. */
  | { readonly kind: "bundle"; readonly proposal: RosterProposal; readonly votes: readonly Vote[] }
  | { readonly kind: "want-certificate"; readonly id: Digest }
  | { readonly kind: "certificate"; readonly document: CertificateDocument }
  | { readonly kind: "heartbeat"; readonly heartbeat: Heartbeat }
  | { readonly kind: "lease-ack"; readonly ack: LeaseAck }
  | {
    readonly kind: "ack-refusal";
    readonly certificateId: Digest;
    readonly reason: AckRefusalReason;
    readonly head: Head;
    /** With `echo`: the boot nonce. */
    readonly bootNonce?: string;
  }
  | { readonly kind: "step-down"; readonly stepDown: StepDown }
  /** Two votes of one voter in one term. */
  | { readonly kind: "evidence"; readonly votes: readonly [SignedVote, SignedVote] }
  | { readonly kind: "succession"; readonly order: SuccessionOrder };

/** A roster voter as membership sees it. Whoever is not listed has never been met. */
export interface MemberView {
  readonly id: NodeId;
  readonly state: "alive" | "suspect" | "dead" | "left";
  /** Whether it has answered a nonce of this very node. */
  readonly verified: boolean;
  /** Distinct voters that accuse its present incarnation. */
  readonly accusations: number;
}

/** What the machine is told. */
export type RosterEvent =
  | CommonEvent<RosterMessage, RosterCertificate>
  /** The view of membership, without this node. */
  | { readonly type: "view"; readonly members: readonly MemberView[] }
  /** A reading of the wall clock, taken at the moment of the step. Due before every use of the lease. */
  | { readonly type: "clocks"; readonly wallMs: number }
  /** Somebody asks this leader to step down. */
  | { readonly type: "step-down" }
  /** What ran under the lease of this certificate has stopped: the answer to `stop-work`. */
  | { readonly type: "released"; readonly certificateId: Digest }
  /** Something that runs under the lease asks to hold it for so long, counted from when it sent this request. */
  | { readonly type: "sub-lease"; readonly id: string; readonly wantedMs: number }
  /** It has stopped. */
  | { readonly type: "sub-lease-returned"; readonly id: string }
  /** A verified order of the operator, from this node's own command line or state folder. */
  | { readonly type: "succession"; readonly order: SuccessionOrder };

/** The last vote of a node. */
export interface LastVote {
  readonly term: number;
  readonly digest: Digest;
  readonly prev: Digest;
  /** Set when it was a vote to close in favour of this checksum: from then on there is no vote for anything else here. */
  readonly successor?: Digest;
}

/** Proof that somebody lies, or copied a state folder. */
export type ForkEvidence =
  /** Two digests by one voter in one term. */
  | {
    readonly type: "votes";
    readonly liar: NodeId;
    readonly votes: readonly [SignedVote, SignedVote];
  }
  /** Two certificate ids in one term. `liars` voted for both; with none it is the enclave that signed twice. */
  | {
    readonly type: "certificates";
    readonly term: number;
    readonly liars: readonly NodeId[];
    readonly certificates: readonly [RosterCertificate, RosterCertificate];
  };

/** What a node remembers across restarts, whole or not at all: each `persist` effect replaces the fields that it names. */
export interface RosterMemory {
  readonly head?: RosterCertificate;
  readonly lastVote?: LastVote;
  /** The statements that opened the current term: without them nobody could be taught that it is open. */
  readonly opening: readonly GaveUp[];
  /** The longest lease that it ever promised, under whatever checksum; 0 if none. */
  readonly promisedMsMax: number;
  /** Of its heartbeats. */
  readonly incarnation: number;
  /** Certificate by which it leads no more. */
  readonly steppedDown?: Digest;
  readonly order?: SuccessionOrder;
  readonly evidence: readonly ForkEvidence[];
}

/** The memory of a node that starts for the first time. */
export const EMPTY_MEMORY: RosterMemory = {
  opening: [],
  promisedMsMax: 0,
  incarnation: 0,
  evidence: [],
};

/** Why a lease was lost. */
export type LeaseLoss = "expired" | "clock-jump" | "superseded" | "stepping-down" | "fail-stop";

/** What the machine asks the shell to do, in this order. */
export type RosterEffect =
  /** On disk before anything that follows is carried out. */
  | { readonly type: "persist"; readonly change: Partial<RosterMemory> }
  | { readonly type: "send"; readonly to: readonly NodeId[]; readonly message: RosterMessage }
  /** Ask the function; `prev` is the certificate of the proposal's `prev`, absent after genesis. */
  | {
    readonly type: "call-enclave";
    readonly digest: Digest;
    readonly proposal: RosterProposal;
    readonly votes: readonly Vote[];
    readonly prev?: RosterCertificate;
    readonly order?: SuccessionOrder;
  }
  /** The head that gossip should carry. */
  | { readonly type: "head"; readonly head: Head }
  /** Who leads as far as this node knows; absent while nobody is heard. For displays and redirects: not a lease. */
  | { readonly type: "leader"; readonly certificate?: RosterCertificate }
  /** This node holds the lease until then. Comes with every renewal; act on `leaseRemainingMs`, not on this. */
  | {
    readonly type: "lease-held";
    readonly certificate: RosterCertificate;
    readonly untilMs: number;
  }
  /** The lease is over: whatever runs under it must not act any more. */
  | { readonly type: "lease-lost"; readonly certificateId: Digest; readonly why: LeaseLoss }
  /** Stop what runs under the lease, then say `released`. */
  | { readonly type: "stop-work"; readonly certificateId: Digest }
  /** Answer to `sub-lease`: held for so long from the sending of the request; 0 is a refusal. */
  | { readonly type: "sub-lease-granted"; readonly id: string; readonly grantedMs: number }
  /** This electorate is closed; the package with the successor's checksum goes on from this certificate. */
  | { readonly type: "closed"; readonly certificate: RosterCertificate }
  /** Another process signs with this node's key: stop at once and stay down. */
  | { readonly type: "fail-stop"; readonly reason: string }
  /** Something worth a log line. */
  | { readonly type: "note"; readonly note: RosterNote };

/** The rules and keys that the machine needs; deterministic but for `nonce`. */
export interface RosterRules {
  /** D of a proposal. */
  digest(proposal: RosterProposal): Digest;
  /** Who gathers the votes of a term: the least hash over the roster. */
  collector(prev: Digest, term: number): NodeId;
  signVote(term: number, digest: Digest): Vote;
  signGaveUp(prev: Digest, term: number): GaveUp;
  signHeartbeat(heartbeat: Omit<Heartbeat, "signature">): Heartbeat;
  signAck(certificateId: Digest, nonce: string): LeaseAck;
  signStepDown(certificateId: Digest): StepDown;
  /** 16 bytes of the platform's random generator. */
  nonce(): string;
}
