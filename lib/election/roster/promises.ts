/**
 * The promises of a voter (design §4.7): each ack binds it not to vote for the lease from the receipt of the heartbeat. Only the leader's
 * step-down releases a promise early. A restarted node no longer knows its promises, so it votes for nobody for the longest lease
 * that it ever promised.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";

/** The promises of one node. */
export class Promises {
  readonly #running = new Map<Digest, { readonly leader: NodeId; readonly untilMs: number }>();
  readonly #restartUntilMs: number;
  #promisedMsMax: number;

  constructor(promisedMsMax: number, nowMs: number) {
    this.#promisedMsMax = promisedMsMax;
    this.#restartUntilMs = promisedMsMax > 0 ? nowMs + promisedMsMax : -Infinity;
  }

  /** Makes a promise. Gives the new longest lease when it grew: to be stored before the ack leaves. */
  make(
    certificate: { readonly id: Digest; readonly leader: NodeId },
    leaseMs: number,
    nowMs: number,
  ): number | undefined {
    for (const [id, promise] of this.#running) {
      if (promise.untilMs <= nowMs) this.#running.delete(id);
    }
    this.#running.set(certificate.id, { leader: certificate.leader, untilMs: nowMs + leaseMs });
    if (leaseMs <= this.#promisedMsMax) return undefined;
    this.#promisedMsMax = leaseMs;
    return leaseMs;
  }

  /** The leader stepped down from this certificate; nobody else can release what it was promised. */
  release(certificateId: Digest, leader: NodeId): void {
    if (this.#running.get(certificateId)?.leader === leader) this.#running.delete(certificateId);
  }

  /** From when on this node is free to vote; in the past when it is. */
  freeAtMs(): number {
    let freeAtMs = this.#restartUntilMs;
    for (const { untilMs } of this.#running.values()) freeAtMs = Math.max(freeAtMs, untilMs);
    return freeAtMs;
  }
}
