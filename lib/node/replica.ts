/**
 * The protocols of one node put together, still pure: membership tells the election how the others stand, the election tells gossip what
 * its head is, and both ask the shell for what only it can do. The shell, the tests and a simulator run this same file, for open and
 * for roster clusters; what they differ in is how the view becomes events of the election (`open_replica.ts`, `roster_replica.ts`).
 */
import type { Address } from "../base/address.ts";
import type { Head } from "../election/types.ts";
import type { Membership } from "../membership/core.ts";
import type { MemberChange, NodeId } from "../membership/types.ts";
import {
  addressesOf,
  type GossipEffect,
  type GossipEvent,
  tellMembership,
  type Told,
} from "./gossip.ts";

/** What every election is told by its replica. */
export type CommonElectionEvent =
  | { readonly type: "tick" }
  | { readonly type: "head-seen"; readonly from: NodeId; readonly head: Head };

/** What every election may ask of its replica; everything else goes to the shell. */
export type CommonElectionEffect<Message> =
  | { readonly type: "send"; readonly to: readonly NodeId[]; readonly message: Message }
  | { readonly type: "head"; readonly head: Head };

/** An election, as its replica drives it. */
export interface ElectionMachine<Event, Effect> {
  readonly head: Head;
  step(event: Event | CommonElectionEvent, nowMs: number): readonly Effect[];
  deadlineMs(): number | undefined;
}

/** An election message and where it goes. */
export interface SendElection<Message> {
  readonly type: "send-election";
  readonly to: readonly { readonly id: NodeId; readonly address: Address }[];
  readonly message: Message;
}

/** What the shell is asked to do, in this order. */
export type ReplicaEffect<Effect, Message> =
  | GossipEffect
  | SendElection<Message>
  | Exclude<Effect, CommonElectionEffect<Message>>;

/** How a kind of cluster looks at membership. */
export interface Outlook<Event> {
  /** Events that tell the election of the view, after every event of gossip; `changes` are those of members since the last time. */
  view(membership: Membership, changes: readonly MemberChange[]): Event[];
  /** Events before the node leaves. */
  readonly beforeLeaving: readonly Event[];
}

/** The machine. */
export class Replica<Event, Effect extends { readonly type: string }, Message> {
  readonly #membership: Membership;
  readonly #election: ElectionMachine<Event, Effect | CommonElectionEffect<Message>>;
  readonly #outlook: Outlook<Event>;
  #effects: ReplicaEffect<Effect, Message>[] = [];

  constructor(
    membership: Membership,
    election: ElectionMachine<Event, Effect | CommonElectionEffect<Message>>,
    outlook: Outlook<Event>,
    nowMs: number,
  ) {
    this.#membership = membership;
    this.#election = election;
    this.#outlook = outlook;
    // Before anything is sent: gossip carries the remembered head.
    tellMembership(membership, { type: "head", head: election.head }, nowMs);
  }

  /** When the next tick is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    const membership = this.#membership.deadlineMs() ?? Infinity;
    const election = this.#election.deadlineMs() ?? Infinity;
    const earliest = Math.min(membership, election);
    return earliest === Infinity ? undefined : earliest;
  }

  /** Takes an event of gossip, or a tick of both, and gives what is to be done, in order. */
  gossip(event: GossipEvent, nowMs: number): ReplicaEffect<Effect, Message>[] {
    this.#effects = [];
    if (event.type === "leave") {
      for (const before of this.#outlook.beforeLeaving) this.#tellElection(before, nowMs);
    }
    const told = tellMembership(this.#membership, event, nowMs);
    this.#note(told, nowMs);
    for (const seen of this.#outlook.view(this.#membership, told.changes)) {
      this.#tellElection(seen, nowMs);
    }
    if (event.type === "tick") this.#tellElection(event, nowMs);
    return this.#effects;
  }

  /** Takes an event of the election and gives what is to be done, in order. */
  elect(event: Event, nowMs: number): ReplicaEffect<Effect, Message>[] {
    this.#effects = [];
    this.#tellElection(event, nowMs);
    return this.#effects;
  }

  #note(told: Told, nowMs: number): void {
    this.#effects.push(...told.effects);
    for (const { from, head } of told.heads) {
      this.#tellElection({ type: "head-seen", from, head }, nowMs);
    }
  }

  #tellElection(event: Event | CommonElectionEvent, nowMs: number): void {
    for (const effect of this.#election.step(event, nowMs)) {
      if (isSend<Message>(effect)) {
        const to = addressesOf(this.#membership, effect.to);
        if (to.length > 0) {
          this.#effects.push({ type: "send-election", to, message: effect.message });
        }
      } else if (isHead(effect)) {
        this.#note(tellMembership(this.#membership, effect, nowMs), nowMs);
      } else this.#effects.push(effect as Exclude<Effect, CommonElectionEffect<Message>>);
    }
  }
}

function isSend<Message>(
  effect: { readonly type: string },
): effect is Extract<CommonElectionEffect<Message>, { type: "send" }> {
  return effect.type === "send";
}

function isHead(
  effect: { readonly type: string },
): effect is Extract<CommonElectionEffect<unknown>, { type: "head" }> {
  return effect.type === "head";
}
