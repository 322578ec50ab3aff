/**
 * The words of membership: what members say about each other (claims), what the core is told (events) and what it asks for
 * (effects). The protocol itself is in `core.ts`; SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2017).
 *
 * Every claim in these types has been verified: the decoder at the door has checked its signature. Signing is injected.
 */
import type { Address } from "../base/address.ts";
import type { Coordinate } from "./coordinate.ts";

/** Thumbprint of a node's key, base64url, 43 characters. */
export type NodeId = string;

/** A verified statement about one member; the bytes that go on in gossip are in `encoded`. */
export type Claim = AliveClaim | AccusationClaim | LeftClaim;

/** "I am here": said by its subject only. */
export interface AliveClaim {
  readonly type: "alive";
  readonly subject: NodeId;
  readonly publicKey: Uint8Array;
  /** 0..INCARNATION_MAX; only the subject raises it. */
  readonly incarnation: number;
  readonly address: Address;
  /** A label; unique only by convention. */
  readonly name: string;
  /** Small public facts, as `--tag k=v` gave them. */
  readonly tags: Readonly<Record<string, string>>;
  /** When its key was made, whole seconds since 1970 by its own clock, 0..INCARNATION_MAX: of two with one name the older key keeps it. */
  readonly keyMadeS: number;
  /** The signed claim as it travels. */
  readonly encoded: Uint8Array;
}

/** "It did not answer me" (suspect) or "its time to refute is over" (dead), about an incarnation that the subject signed. */
export interface AccusationClaim {
  readonly type: "suspect" | "dead";
  readonly subject: NodeId;
  readonly incarnation: number;
  readonly accuser: NodeId;
  readonly accuserKey: Uint8Array;
  readonly encoded: Uint8Array;
}

/** "I leave": said by its subject only. */
export interface LeftClaim {
  readonly type: "left";
  readonly subject: NodeId;
  readonly publicKey: Uint8Array;
  readonly incarnation: number;
  readonly encoded: Uint8Array;
}

/** A claim before it is signed. */
export type UnsignedClaim =
  | {
    readonly type: "alive";
    readonly incarnation: number;
    readonly address: Address;
    readonly name: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly keyMadeS: number;
  }
  | {
    readonly type: "suspect" | "dead";
    readonly subject: NodeId;
    readonly incarnation: number;
  }
  | { readonly type: "left"; readonly incarnation: number };

/** Makes the node's own claims; deterministic (Ed25519), so that a run repeats from its inputs. */
export type SignClaim = (claim: UnsignedClaim) => Claim;

/** How a member stands in this node's view. */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/** One member as this node sees it. */
export interface Member {
  readonly id: NodeId;
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly address: Address;
  readonly tags: Readonly<Record<string, string>>;
  readonly incarnation: number;
  readonly state: MemberState;
  /** Monotonic ms since when it has been in this state. */
  readonly sinceMs: number;
  /** Whether it answered a nonce of this very node at its present address. */
  readonly verified: boolean;
  /** Distinct members that accuse its present incarnation. */
  readonly accusations: number;
  /** Last measured round trip in ms. */
  readonly rttMs?: number;
  /** Where it has placed itself, by its own word. */
  readonly coordinate?: Coordinate;
}

/**
 * What a gossip datagram says, beside the claims that ride on it. Nonces are 8 bytes as hex, chosen by the prober. `digest` is 8 bytes as hex
 * of the sender's view and head (`anti_entropy.ts`). `head` is an opaque word of the sender's election, 1..48 bytes for who showed another one, else empty. `incarnation` is the sender's own (in an ack: the subject's).
 */
export type GossipMessage =
  /** `prober` is set by a relay: whose nonce it is. A target then proves its answer to that prober. */
  | {
    readonly kind: "ping";
    readonly nonce: string;
    readonly incarnation: number;
    readonly prober?: NodeId;
    readonly digest: string;
    readonly head: Uint8Array;
    readonly claims: readonly Claim[];
  }
  /** Answer to a ping. Without `proof` it is the subject's own datagram; with one it may have come through a relay. */
  | {
    readonly kind: "ack";
    readonly nonce: string;
    readonly subject: NodeId;
    readonly incarnation: number;
    readonly proof?: AckProof;
    /** Where the subject has placed itself; never beside a proof, for a way through a relay measures nothing. */
    readonly coordinate?: Coordinate;
    readonly digest: string;
    readonly head: Uint8Array;
    readonly claims: readonly Claim[];
  }
  /** "Please ping the target for me." The target answers the prober's nonce, through the relay, at the address the relay knows. */
  | {
    readonly kind: "ping-request";
    readonly nonce: string;
    readonly target: NodeId;
    readonly claims: readonly Claim[];
  }
  /** "I asked the target for you and it has not answered me yet" (Lifeguard). */
  | { readonly kind: "nack"; readonly nonce: string; readonly claims: readonly Claim[] }
  /** Claims alone. */
  | { readonly kind: "gossip"; readonly claims: readonly Claim[] };

/**
 * The subject's signature over the cluster, the prober, the prober's nonce and the subject's incarnation: a relay can pass it on
 * and cannot make it up, and nobody can use it for another prober, nonce or incarnation.
 */
export interface AckProof {
  readonly subjectKey: Uint8Array;
  readonly prober: NodeId;
  readonly signature: Uint8Array;
}

/** Makes the signature of an {@linkcode AckProof} as the subject. */
export type SignAck = (said: {
  readonly prober: NodeId;
  readonly nonce: string;
  readonly incarnation: number;
}) => Uint8Array;

/** What the core is told. */
export type MembershipEvent =
  /** Time has passed; sent when the core's deadline is reached, harmless at any other time. */
  | { readonly type: "tick" }
  /**
   * An authenticated datagram. `sender` signed it; `source` is the address it came from, `datagramBytes` its length without sealing, as
   * if its envelope had the form that an answer's will have: an answer to an address that has proven nothing may not be longer.
   */
  | {
    readonly type: "message";
    readonly sender: NodeId;
    readonly source: Address;
    readonly datagramBytes: number;
    readonly message: GossipMessage;
  }
  /**
   * The other side's full state, after a push/pull over a stream with `address`. `sender` signed it, when known: what strangers who
   * called by themselves say about third parties is not followed.
   */
  | {
    readonly type: "synced";
    readonly address: Address;
    readonly sender?: NodeId;
    readonly claims: readonly Claim[];
  }
  /** A push/pull did not come about. */
  | { readonly type: "sync-failed"; readonly address: Address }
  /** The operator names further seed addresses; each is tried at once, and reported when it answers. */
  | { readonly type: "join"; readonly seeds: readonly Address[] }
  /** The operator gives up a member that is suspect, dead or gone. Of others nothing is done: they would refute. */
  | { readonly type: "give-up"; readonly id: NodeId }
  /** The node is to leave the cluster. */
  | { readonly type: "leave" }
  /** What pings and acks are to carry as the election's head from now on, 0..48 bytes. */
  | { readonly type: "head"; readonly head: Uint8Array };

/** What the core asks the shell to do, in this order. */
export type MembershipEffect =
  /** Send a datagram; `recipient` is unknown only for a first ping to a seed address. */
  | {
    readonly type: "send";
    readonly to: Address;
    readonly recipient?: NodeId;
    readonly message: GossipMessage;
  }
  /** Exchange full state over a stream; the answer comes back as `synced` or `sync-failed`. */
  | { readonly type: "sync"; readonly address: Address }
  /** Something that people and the election want to know. */
  | { readonly type: "changed"; readonly change: MemberChange }
  /** Durable facts that changed: own incarnation must be stored before the effects after this one are carried out. */
  | { readonly type: "persist-incarnation"; readonly incarnation: number }
  /** A verified member's head, when it differs from one's own. */
  | { readonly type: "head-seen"; readonly from: NodeId; readonly head: Uint8Array }
  /** Something unusual that an operator should know; each is said once, not every second. */
  | { readonly type: "reported"; readonly report: MembershipReport }
  /** The leave has been told to enough members, or nobody is there to tell. */
  | { readonly type: "left" };

/** What is reported. */
export type MembershipReport =
  /** Two members claim one name. Both stay; `keeper` says that it has the older key. */
  | {
    readonly kind: "name-conflict";
    readonly name: string;
    readonly keeper: NodeId;
    readonly other: NodeId;
  }
  /** Somebody else signs with this node's key: a copied or rolled-back state folder. */
  | { readonly kind: "own-key-elsewhere"; readonly incarnation: number }
  /** No seed has answered; they are tried on, ever more slowly. */
  | { readonly kind: "seeds-unreachable"; readonly seeds: readonly Address[] }
  /** A seed answered, for the first time or after it was reported out of reach. */
  | { readonly kind: "seed-answered"; readonly seed: Address; readonly id: NodeId }
  /** The view holds as many members as it can; further ones are left out. */
  | { readonly kind: "members-full"; readonly membersMax: number };

/** A change in the view. */
export interface MemberChange {
  /** `flap`: it failed and came back several times within a while. `reap`: it leaves the view. */
  readonly kind: "join" | "suspect" | "refute" | "fail" | "leave" | "update" | "flap" | "reap";
  readonly member: Member;
}
