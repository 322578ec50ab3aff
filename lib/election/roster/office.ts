/**
 * Whether this node is in office (design §4.7, §4.8): it enters with a certificate that names it, or when it restarts with one, and leaves by
 * a stored step-down, by a later certificate, or by a fail-stop. A step-down is said again until somebody else leads: a lost one would
 * cost the followers the rest of their promises.
 */
import type { Digest } from "../../certificate/types.ts";
import type { Context } from "./context.ts";
import { Leadership } from "./leadership.ts";
import type { RosterMemory } from "./types.ts";

/** The office of one node. */
export class Office {
  readonly #context: Context;
  readonly #bind: (nowMs: number) => boolean;
  readonly #earlierRunOverMs: number;
  #incarnation: number;
  /** Whether the incarnation was raised in this process: no two processes share one. */
  #isIncarnationFresh = false;
  #stepDownOf?: Digest;
  #sayAgainAtMs = Infinity;
  #clockOffsetMs?: number;
  #leadership?: Leadership;

  /** `bind` promises this node's own ack; false when it may not ack. */
  constructor(
    context: Context,
    memory: RosterMemory,
    bind: (nowMs: number) => boolean,
    nowMs: number,
  ) {
    this.#context = context;
    this.#bind = bind;
    this.#incarnation = memory.incarnation;
    this.#stepDownOf = memory.steppedDown;
    // No sub-lease is longer than a lease, and who was never in office granted none.
    const wasInOffice = memory.incarnation > 0;
    this.#earlierRunOverMs = wasInOffice ? nowMs + context.roster.leaseMs : -Infinity;
  }

  /** The leadership, while there is one. */
  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  /** Whether this node was the leader of the head and leads no more. */
  hasSteppedDown(): boolean {
    const { leader, self, head } = this.#context;
    return leader === self && this.#stepDownOf === head.id;
  }

  /** Enters, if the head names this node. */
  enter(nowMs: number): void {
    const { certificate, self } = this.#context;
    if (certificate?.leader !== self) return;
    if (this.hasSteppedDown()) {
      this.#sayAgainAtMs = nowMs;
      return;
    }
    if (!this.#isIncarnationFresh) {
      this.#isIncarnationFresh = true;
      this.#context.persist({ incarnation: ++this.#incarnation });
    }
    this.#leadership = new Leadership(this.#context, certificate, {
      incarnation: this.#incarnation,
      nowMs,
      clockOffsetMs: this.#clockOffsetMs,
      bindSelf: this.#bind,
      earlierRunOverMs: this.#earlierRunOverMs,
    });
    if (this.#context.order) this.#leadership.beginStepDown("asked");
  }

  /** Leaves at once. */
  leave(why: "superseded" | "fail-stop"): void {
    this.#leadership?.end(why);
    this.#leadership = undefined;
    this.#sayAgainAtMs = Infinity;
  }

  /** A reading of the wall clock. */
  clocks(wallMs: number, nowMs: number): void {
    this.#clockOffsetMs = wallMs - nowMs;
    this.#leadership?.clockOffset(this.#clockOffsetMs, nowMs);
  }

  /** Something that runs under the lease asks for a part of it. */
  subLease(id: string, wantedMs: number, nowMs: number): void {
    if (this.#leadership) return this.#leadership.subLease(id, wantedMs, nowMs);
    this.#context.emit({ type: "sub-lease-granted", id, grantedMs: 0 });
  }

  /** Does what is due. */
  advance(nowMs: number): void {
    this.#leadership?.advance(nowMs);
    if (this.#leadership?.mayStepDown(nowMs)) this.#stepDown(nowMs);
    if (nowMs < this.#sayAgainAtMs) return;
    const { settings, rules, head, others } = this.#context;
    this.#sayAgainAtMs = nowMs + settings.heartbeatIntervalMs;
    const stepDown = rules.signStepDown(head.id);
    this.#context.send(others, { kind: "step-down", stepDown });
  }

  /** When something is due. */
  deadlineMs(): number {
    return Math.min(this.#leadership?.deadlineMs() ?? Infinity, this.#sayAgainAtMs);
  }

  #stepDown(nowMs: number): void {
    const { head, self, promises } = this.#context;
    this.#leadership = undefined;
    this.#stepDownOf = head.id;
    this.#context.persist({ steppedDown: head.id });
    promises.release(head.id, self);
    this.#context.note({ what: "stepped-down", leader: self, term: head.term });
    this.#sayAgainAtMs = nowMs;
  }
}
