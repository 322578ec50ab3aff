/**
 * The leader's side of a lease (design §4.7): it is held from the *sending* of a heartbeat that `q` voters acked, for the lease minus the
 * margin. Nonces tie each ack to its own sending, so acks that come late are worth what they were worth when they were asked for.
 *
 * A suspended machine's monotonic clock stands still while the promises of the others run out. The wall clock gives it away: each
 * round remembers how far the two clocks were apart, and a reading that differs by more than the allowance drops the lease.
 */
import type { NodeId } from "../../membership/types.ts";

/** Rounds that can still be acked to some use: a lease of them, at four a lease, and room for extra ones. */
const ROUNDS_MAX = 16;

interface AckRound {
  readonly nonce: string;
  readonly sentMs: number;
  readonly clockOffsetMs?: number;
  readonly acks: Set<NodeId>;
}

/** What the lease is made of. */
export interface LeaseTerms {
  readonly votesNeeded: number;
  readonly leaseMs: number;
  readonly marginMs: number;
  readonly clockJumpMs: number;
}

/** The lease of one certificate. */
export class Lease {
  readonly #terms: LeaseTerms;
  #rounds: AckRound[] = [];
  #untilMs = -Infinity;
  /** Since when there has been no lease, while there is none. */
  #startMs: number;
  #grantedAtOffsetMs?: number;
  #clockOffsetMs?: number;

  constructor(terms: LeaseTerms, nowMs: number, clockOffsetMs: number | undefined) {
    this.#terms = terms;
    this.#startMs = nowMs;
    this.#clockOffsetMs = clockOffsetMs;
  }

  /** A heartbeat with this nonce is about to be sent. */
  sending(nonce: string, nowMs: number): void {
    this.#rounds.push({
      nonce,
      sentMs: nowMs,
      clockOffsetMs: this.#clockOffsetMs,
      acks: new Set(),
    });
    if (this.#rounds.length > ROUNDS_MAX) this.#rounds.shift();
  }

  /** A voter acked a nonce. Whether the lease grew. */
  acked(voter: NodeId, nonce: string): boolean {
    const round = this.#rounds.find((round) => round.nonce === nonce);
    if (!round) return false;
    round.acks.add(voter);
    const untilMs = round.sentMs + this.#terms.leaseMs - this.#terms.marginMs;
    if (round.acks.size < this.#terms.votesNeeded || untilMs <= this.#untilMs) return false;
    this.#untilMs = untilMs;
    this.#grantedAtOffsetMs = round.clockOffsetMs;
    return true;
  }

  /** How far the wall clock is from the monotonic one now. Gives by how much it jumped when that cost the lease. */
  clockOffset(offsetMs: number, nowMs: number): number | undefined {
    this.#clockOffsetMs = offsetMs;
    const jumped = (then: number | undefined) =>
      then !== undefined && Math.abs(offsetMs - then) > this.#terms.clockJumpMs;
    this.#rounds = this.#rounds.filter((round) => !jumped(round.clockOffsetMs));
    if (!jumped(this.#grantedAtOffsetMs) || this.remainingMs(nowMs) <= 0) return undefined;
    const byMs = offsetMs - this.#grantedAtOffsetMs!;
    this.#untilMs = -Infinity;
    this.#startMs = nowMs;
    return byMs;
  }

  /** End of the lease. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** How long the lease still holds; 0 when it does not. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }

  /** When a leader that has no lease by then steps down: after one lease length without. */
  overdueAtMs(): number {
    return Math.max(this.#startMs, this.#untilMs) + this.#terms.leaseMs;
  }
}
