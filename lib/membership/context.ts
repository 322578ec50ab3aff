/**
 * What the parts of the core share: the options it was made with, the view, the queue, local health, the time of the current step and
 * the effects that it has gathered. No part keeps a timer: each says when it next has something to do.
 */
import type { Address } from "../base/address.ts";
import type { Prng } from "../base/prng.ts";
import { digestOf, headWordOf } from "./anti_entropy.ts";
import { type BroadcastQueue, createBroadcastQueue } from "./broadcast_queue.ts";
import { createPlace, type Place } from "./coordinate.ts";
import { createLocalHealth, type LocalHealth } from "./health.ts";
import { claimBytes, claimsRoomBytes } from "./limits.ts";
import { type MembershipSettings, transmitLimit } from "./settings.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  MemberChange,
  MembershipEffect,
  MembershipReport,
  NodeId,
  SignAck,
  SignClaim,
} from "./types.ts";
import { createView, memberOf, type MemberRecord, type View } from "./view.ts";

/** What a membership is made of. */
export interface MembershipOptions {
  /** This node. */
  readonly self: {
    readonly id: NodeId;
    readonly publicKey: Uint8Array;
    readonly name: string;
    /** Where others reach it; not a wildcard. */
    readonly address: Address;
    readonly tags: Readonly<Record<string, string>>;
    /** When its key was made, whole seconds since 1970. */
    readonly keyMadeS: number;
  };
  /** The greatest incarnation that was ever persisted; -1 for a new identity. The node starts above it. */
  readonly lastIncarnation: number;
  /** Addresses to ask first, and now and then for ever. At most SEEDS_MAX count. */
  readonly seeds: readonly Address[];
  /** Members of an earlier run: tried like seeds, and members only when they have answered. */
  readonly known: readonly AliveClaim[];
  readonly settings: MembershipSettings;
  /** For jitter and draws. */
  readonly prng: Prng;
  /** 8 unpredictable bytes as hex, from the platform's generator: who guesses a nonce can answer without having been asked. */
  readonly nonce: () => string;
  readonly signClaim: SignClaim;
  readonly signAck: SignAck;
  /**
   * Set in a roster cluster: only members of the roster may accuse, and f + 1 of them must, unless the node's own probes failed. Without
   * it any member may accuse and one is enough, as in SWIM.
   */
  readonly roster?: { readonly ids: ReadonlySet<NodeId>; readonly faultBound: number };
}

/** A part of the core that has something to do at certain times. */
export interface Part {
  /** When it wants to run, in monotonic ms; `Infinity` for never. */
  dueMs(): number;
  /** Does what is due at the current time. */
  run(): void;
  /** This process stood still for so long: what waits for answers of others waits so much longer. */
  shift(byMs: number): void;
}

/** Shared by the parts of one core. */
export interface Context {
  readonly options: MembershipOptions;
  readonly settings: MembershipSettings;
  readonly view: View;
  readonly queue: BroadcastQueue;
  readonly health: LocalHealth;
  /** Where this node has placed itself. */
  readonly place: Place;
  /** Monotonic time of the current step. */
  nowMs: number;
  /** Effects of the current step, in order. */
  effects: MembershipEffect[];
  /** What pings and acks carry for the election. */
  head: Uint8Array;
  /** What the digest says of it: it rarely changes, and is asked for at every ping and ack. */
  headWord: string;
  /** Own incarnation. */
  incarnation: number;
}

const NO_HEAD = new Uint8Array(0);

/** An empty context. */
export function createContext(options: MembershipOptions): Context {
  return {
    options,
    settings: options.settings,
    view: createView(),
    queue: createBroadcastQueue(),
    health: createLocalHealth(options.settings.healthMax),
    place: createPlace(options.prng),
    nowMs: 0,
    effects: [],
    head: NO_HEAD,
    headWord: headWordOf(NO_HEAD),
    incarnation: options.lastIncarnation,
  };
}

/** Members that take part, this node included: the n of the formulas. */
export function clusterSize(context: Context): number {
  return context.view.activeCount() + 1;
}

/** Sends a message as it is. */
export function send(
  context: Context,
  to: Address,
  recipient: NodeId | undefined,
  message: GossipMessage,
): void {
  context.effects.push({ type: "send", to, ...(recipient && { recipient }), message });
}

/** Sends a message to a member that has proven its address, with `first` and then as many waiting claims as fit. */
export function sendFilled(
  context: Context,
  to: Address,
  recipient: NodeId,
  message: GossipMessage,
  first: readonly Claim[] = [],
): void {
  let room = claimsRoomBytes(message);
  const claims = first.filter((claim) => {
    const fits = claimBytes(claim) <= room;
    if (fits) room -= claimBytes(claim);
    return fits;
  });
  for (
    const claim of context.queue.take(room, transmitLimit(context.settings, clusterSize(context)))
  ) {
    if (!claims.includes(claim)) claims.push(claim);
  }
  send(context, to, recipient, { ...message, claims });
}

/** A ping of this node without claims and head. */
export function bare(context: Context, nonce: string): GossipMessage & { kind: "ping" } {
  const { incarnation } = context;
  const digest = digestOf(context);
  return { kind: "ping", nonce, incarnation, digest, head: NO_HEAD, claims: [] };
}

/** Tells the shell of a change in the view. */
export function changed(context: Context, kind: MemberChange["kind"], record: MemberRecord): void {
  context.effects.push({ type: "changed", change: { kind, member: memberOf(record) } });
}

/** Tells the shell of something unusual. */
export function reported(context: Context, report: MembershipReport): void {
  context.effects.push({ type: "reported", report });
}
