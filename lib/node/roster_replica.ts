/**
 * The protocols of a node in a roster cluster put together, still pure: membership tells the election how every voter stands, the
 * election tells gossip what its head is. The shell, the tests and a simulator run this same file.
 */
import type { Address } from "../base/address.ts";
import type { RosterElection } from "../election/roster/roster_election.ts";
import type { RosterEffect, RosterEvent, RosterMessage } from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { NodeId } from "../membership/types.ts";
import {
  addressesOf,
  type GossipEffect,
  type GossipEvent,
  tellMembership,
  type Told,
} from "./gossip_replica.ts";

/** What the shell tells. */
export type RosterReplicaEvent =
  | GossipEvent
  | {
    readonly type: "election";
    readonly sender: NodeId;
    readonly message: Exclude<RosterMessage, { kind: "certificate" }>;
  }
  | Exclude<RosterEvent, { type: "tick" | "view" | "message" | "head-seen" }>;

/** What the shell is asked to do, in this order. */
export type RosterReplicaEffect =
  | GossipEffect
  | {
    readonly type: "send-election";
    readonly to: readonly { readonly id: NodeId; readonly address: Address }[];
    readonly message: RosterMessage;
  }
  | Exclude<RosterEffect, { type: "send" | "head" }>;

/** The machine. */
export class RosterReplica {
  readonly #membership: Membership;
  readonly #election: RosterElection;
  readonly #voters: ReadonlySet<NodeId>;
  #effects: RosterReplicaEffect[] = [];

  constructor(
    membership: Membership,
    election: RosterElection,
    voters: ReadonlySet<NodeId>,
    nowMs: number,
  ) {
    this.#membership = membership;
    this.#election = election;
    this.#voters = voters;
    // Before anything is sent: gossip carries the remembered head.
    tellMembership(membership, { type: "head", head: election.head }, nowMs);
  }

  /** The election in it, for reading. */
  get election(): RosterElection {
    return this.#election;
  }

  /** When the next `tick` is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    const membership = this.#membership.deadlineMs() ?? Infinity;
    const election = this.#election.deadlineMs() ?? Infinity;
    const earliest = Math.min(membership, election);
    return earliest === Infinity ? undefined : earliest;
  }

  /** Takes one event at a moment and gives what is to be done, in order. */
  step(event: RosterReplicaEvent, nowMs: number): RosterReplicaEffect[] {
    this.#effects = [];
    switch (event.type) {
      case "tick":
        this.#tellMembership(event, nowMs);
        this.#tellElection(event, nowMs);
        break;
      case "gossip":
      case "synced":
      case "sync-failed":
      case "join":
      case "give-up":
      case "leave":
        this.#tellMembership(event, nowMs);
        break;
      case "election":
        this.#tellElection({ ...event, type: "message" }, nowMs);
        break;
      default:
        this.#tellElection(event, nowMs);
    }
    return this.#effects;
  }

  #tellMembership(event: GossipEvent, nowMs: number): void {
    const told = tellMembership(this.#membership, event, nowMs);
    this.#note(told, nowMs);
    // Accusations come and go without a change of state, so the view is told after every word of gossip.
    const members = this.#membership.members().filter((member) => this.#voters.has(member.id));
    this.#tellElection({ type: "view", members }, nowMs);
  }

  #note(told: Told, nowMs: number): void {
    this.#effects.push(...told.effects);
    for (const { from, head } of told.heads) {
      this.#tellElection({ type: "head-seen", from, head }, nowMs);
    }
  }

  #tellElection(event: RosterEvent, nowMs: number): void {
    for (const effect of this.#election.step(event, nowMs)) {
      if (effect.type === "send") {
        const to = addressesOf(this.#membership, effect.to);
        if (to.length > 0) {
          this.#effects.push({ type: "send-election", to, message: effect.message });
        }
      } else if (effect.type === "head") {
        this.#note(tellMembership(this.#membership, effect, nowMs), nowMs);
      } else this.#effects.push(effect);
    }
  }
}
