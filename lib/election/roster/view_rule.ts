/**
 * The view rule (design §4.4): whom a voter demands in a proposal, whom it bears and whom it refuses.
 *
 * Required: itself, and whom it has held alive for the settle time with at most `f` accusers; so no collector can leave out a settled honest
 * node, and `f` liars cannot accuse one away. Forbidden: who is gone, or has never answered this node's nonce; so no collector
 * can elect an absent node. Anyone else is optional, and so is the leader of `prev` while it is there: it may be the reason for the election.
 * When it has stepped down it is forbidden to all others: under a `sticky` policy it would win again at once.
 *
 * Views differ by the time that news takes. A collector lists whom it has held alive for half of the settle time: those who require a
 * member met it a whole settle time ago, and those who would not bear it have not met it yet.
 */
import type { NodeId } from "../../membership/types.ts";
import type { MemberView, Objection } from "./types.ts";

/** How a voter takes a member in a proposal. */
export type Standing = "required" | "optional" | "forbidden";

/** Who led by the highest certificate. */
export interface Incumbent {
  readonly id: NodeId;
  readonly hasSteppedDown: boolean;
}

/** The view of one voter. */
export class ViewRule {
  readonly #self: NodeId;
  readonly #voters: readonly NodeId[];
  readonly #faultBound: number;
  readonly #settleMs: number;
  readonly #startMs: number;
  #members = new Map<NodeId, MemberView>();
  /** Since when members are held alive with few accusers, without a break. */
  readonly #heldSinceMs = new Map<NodeId, number>();

  constructor(
    self: NodeId,
    voters: readonly NodeId[],
    faultBound: number,
    settleMs: number,
    startMs: number,
  ) {
    this.#self = self;
    this.#voters = voters;
    this.#faultBound = faultBound;
    this.#settleMs = settleMs;
    this.#startMs = startMs;
  }

  /** Takes the view of membership. */
  update(members: readonly MemberView[], nowMs: number): void {
    this.#members = new Map(
      members.filter((member) => this.#voters.includes(member.id) && member.id !== this.#self)
        .map((member) => [member.id, member]),
    );
    for (const id of this.#voters) {
      if (!this.isHeld(id)) this.#heldSinceMs.delete(id);
      else if (!this.#heldSinceMs.has(id)) this.#heldSinceMs.set(id, nowMs);
    }
  }

  /** Whether a member is held for gone. Whoever was never met is not. */
  isGone(id: NodeId): boolean {
    const state = this.#members.get(id)?.state;
    return state === "dead" || state === "left";
  }

  /** How a voter takes a member. */
  standing(id: NodeId, incumbent: Incumbent | undefined, nowMs: number): Standing {
    const isIncumbent = id === incumbent?.id;
    if (id !== this.#self) {
      const member = this.#members.get(id);
      if (!member?.verified || this.isGone(id)) return "forbidden";
      if (isIncumbent && incumbent.hasSteppedDown) return "forbidden";
    }
    if (isIncumbent) return "optional";
    return id === this.#self || this.#isHeldFor(id, this.#settleMs, nowMs)
      ? "required"
      : "optional";
  }

  /** What speaks against a set of active members. */
  objection(
    active: readonly NodeId[],
    incumbent: Incumbent | undefined,
    nowMs: number,
  ): Objection | undefined {
    const listed = new Set(active);
    const missing: NodeId[] = [];
    const forbidden: NodeId[] = [];
    for (const id of this.#voters) {
      const standing = this.standing(id, incumbent, nowMs);
      if (standing === "required" && !listed.has(id)) missing.push(id);
      if (standing === "forbidden" && listed.has(id)) forbidden.push(id);
    }
    return missing.length + forbidden.length > 0
      ? { reason: "view", missing, forbidden }
      : undefined;
  }

  /** Whom a collector lists, in roster order. */
  candidates(nowMs: number): NodeId[] {
    return this.#voters.filter((id) =>
      id === this.#self || this.#isHeldFor(id, this.#settleMs / 2, nowMs)
    );
  }

  /** When the last of the members that are held alive can be listed; in the past when all can. A new process waits to meet the others. */
  candidatesAtMs(): number {
    const isMissingSome = this.#members.size < this.#voters.length - 1;
    return Math.max(
      isMissingSome ? this.#startMs + this.#settleMs : -Infinity,
      Math.max(-Infinity, ...this.#heldSinceMs.values()) + this.#settleMs / 2,
    );
  }

  /** Whether a member is held alive, having answered this very node, with few accusers. */
  isHeld(id: NodeId): boolean {
    const member = this.#members.get(id);
    return member !== undefined && member.state === "alive" && member.verified &&
      member.accusations <= this.#faultBound;
  }

  #isHeldFor(id: NodeId, ms: number, nowMs: number): boolean {
    return nowMs >= (this.#heldSinceMs.get(id) ?? Infinity) + ms;
  }
}
