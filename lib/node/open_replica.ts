/**
 * The protocols of a node in an open cluster put together, still pure: membership tells the election who is active, the election tells
 * gossip what its head is, and both ask the shell for what only it can do. The shell, the tests and a simulator run this same file.
 *
 * The view that the election votes on is every member that is alive or suspect (a suspicion may yet be refuted) and this node.
 */
import type { Address } from "../base/address.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { compareIds } from "../../function/leader-election/rules.ts";
import type { OpenElection } from "../election/open_election.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
} from "../election/types.ts";
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
export type OpenReplicaEvent =
  | GossipEvent
  | {
    readonly type: "election";
    readonly sender: NodeId;
    readonly message: Exclude<ElectionMessage, { kind: "certificate" }>;
  }
  | Extract<ElectionEvent, { type: "certificate" | "keys" | "enclave-failed" }>;

/** What the shell is asked to do, in this order. */
export type OpenReplicaEffect =
  | GossipEffect
  | {
    readonly type: "send-election";
    readonly to: readonly { readonly id: NodeId; readonly address: Address }[];
    readonly message: ElectionMessage;
  }
  | Exclude<ElectionEffect, { type: "send" | "head" }>;

/** The machine. */
export class OpenReplica {
  readonly #membership: Membership;
  readonly #election: OpenElection;
  readonly #self: Candidate;
  #effects: OpenReplicaEffect[] = [];
  #joined = false;

  constructor(membership: Membership, election: OpenElection, self: Candidate, nowMs: number) {
    this.#membership = membership;
    this.#election = election;
    this.#self = self;
    // Before anything is sent: gossip carries the remembered head.
    tellMembership(membership, { type: "head", head: election.head }, nowMs);
  }

  /** The election in it, for reading. */
  get election(): OpenElection {
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
  step(event: OpenReplicaEvent, nowMs: number): OpenReplicaEffect[] {
    this.#effects = [];
    switch (event.type) {
      case "election":
        this.#tellElection({ ...event, type: "message" }, nowMs);
        break;
      case "certificate":
      case "keys":
      case "enclave-failed":
        this.#tellElection(event, nowMs);
        break;
      case "tick":
        this.#tellMembership(event, nowMs);
        this.#tellElection(event, nowMs);
        break;
      case "leave":
        this.#tellElection(event, nowMs);
        this.#tellMembership(event, nowMs);
        break;
      default:
        this.#tellMembership(event, nowMs);
    }
    return this.#effects;
  }

  #tellMembership(event: GossipEvent, nowMs: number): void {
    const told = tellMembership(this.#membership, event, nowMs);
    this.#note(told, nowMs);
    if (told.changed || event.type === "tick") this.#tellView(nowMs);
  }

  #note(told: Told, nowMs: number): void {
    this.#effects.push(...told.effects);
    for (const { from, head } of told.heads) {
      this.#tellElection({ type: "head-seen", from, head }, nowMs);
    }
  }

  #tellView(nowMs: number): void {
    const others = this.#membership.members();
    const active = others
      .filter((member) => member.state === "alive" || member.state === "suspect")
      .map((member): Candidate => ({
        id: member.id,
        name: member.name,
        key: base64url(member.publicKey),
      }));
    if (active.length > 0 && !this.#joined) {
      this.#joined = true;
      this.#tellElection({ type: "joined" }, nowMs);
    }
    this.#tellElection({
      type: "view",
      active: [...active, this.#self].sort(byId),
      known: others.map((member) => member.id),
    }, nowMs);
  }

  #tellElection(event: ElectionEvent, nowMs: number): void {
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

function byId(a: Candidate, b: Candidate): number {
  return compareIds(fromBase64url(a.id)!, fromBase64url(b.id)!);
}
