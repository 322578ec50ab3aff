/** What a machine tells people: what happened in an election, and what it saw of others that proves something or nothing. */
import type { NodeId } from "../../membership/types.ts";
import type { ForkEvidence, Objection } from "./types.ts";

/** What no honest voter ever sends, whatever it knows; a signed message of the sender's own tells. */
export type Misbehaviour =
  /** A proposal for a term whose collector is somebody else. */
  | "proposal-out-of-turn"
  /** A heartbeat under a certificate by which somebody else leads. */
  | "heartbeat-of-another"
  /** A step-down from a certificate by which somebody else leads. */
  | "step-down-of-another";

/** What a voter can see of another that proves nothing: see `observations.ts`. */
export const OBSERVATIONS = [
  /** Accused a voter that answered, and nobody else did. */
  "lone-accusation",
  /** Took this voter's vote as a collector, and published nothing. */
  "unused-vote",
  /** Was the collector, and neither proposed nor gave the term up. */
  "no-proposal",
  /** Was elected, and never heard as the leader. */
  "unheard-leader",
] as const;

/** One of {@linkcode OBSERVATIONS}. */
export type Observation = typeof OBSERVATIONS[number];

/** What happened, for logs and displays. */
export type RosterNote =
  | { readonly what: "proposed"; readonly term: number; readonly active: number }
  | { readonly what: "voted"; readonly term: number; readonly collector: NodeId }
  | {
    readonly what: "refused";
    readonly term: number;
    readonly collector: NodeId;
    readonly objection: Objection;
  }
  | {
    readonly what: "was-refused";
    readonly by: NodeId;
    readonly term: number;
    readonly objection: Objection;
  }
  | { readonly what: "gave-up"; readonly term: number; readonly collector: NodeId }
  | { readonly what: "term-opened"; readonly term: number }
  | { readonly what: "quorum"; readonly term: number; readonly votes: number }
  | { readonly what: "delegated"; readonly term: number; readonly reason: string }
  | { readonly what: "enclave-refused"; readonly term: number; readonly reason: string }
  | { readonly what: "leader-silent"; readonly leader: NodeId; readonly term: number }
  | { readonly what: "stepping-down"; readonly term: number; readonly why: "asked" | "no-lease" }
  | { readonly what: "stepped-down"; readonly leader: NodeId; readonly term: number }
  | { readonly what: "clock-jump"; readonly byMs: number }
  | { readonly what: "misbehaved"; readonly by: NodeId; readonly how: Misbehaviour }
  | {
    readonly what: "observed";
    readonly how: Observation;
    readonly by: NodeId;
    /** Of an accusation: the accused. */
    readonly about?: NodeId;
    /** Of an election: the term. */
    readonly term?: number;
    /** How often by now. */
    readonly times: number;
    /** Whether people should hear of it: not each single time. */
    readonly isNews: boolean;
  }
  | { readonly what: "liar"; readonly evidence: ForkEvidence };
