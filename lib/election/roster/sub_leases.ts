/**
 * Sub-leases (design §4.7, for what runs under the lease in other processes): held for the granted time from when the holder *sent* its
 * request, so the holder stops before the leader's lease ends. A step-down waits until all are given back or over, also those that an
 * earlier run of this process granted and nobody remembers: nothing is granted, and no step-down is stored, before these are over.
 */

/** Holders at one time: commands that people started on one node. */
const HOLDERS_MAX = 256;

/** The sub-leases that a leader has granted. */
export class SubLeases {
  readonly #untilMs = new Map<string, number>();
  readonly #earlierRunOverMs: number;

  /** `earlierRunOverMs`: when whatever an earlier run of this process granted is over; in the past when there was none. */
  constructor(earlierRunOverMs: number) {
    this.#earlierRunOverMs = earlierRunOverMs;
  }

  /** Grants at most what the lease has left. Gives the ms granted from the sending of the request; 0 is a refusal. */
  grant(id: string, wantedMs: number, leaseRemainingMs: number, nowMs: number): number {
    this.#prune(nowMs);
    if (nowMs < this.#earlierRunOverMs) return 0;
    if (!this.#untilMs.has(id) && this.#untilMs.size >= HOLDERS_MAX) return 0;
    const grantedMs = Math.max(0, Math.floor(Math.min(wantedMs, leaseRemainingMs)));
    // An earlier grant to the same holder still binds when this one is shorter.
    if (grantedMs > 0) {
      this.#untilMs.set(id, Math.max(this.#untilMs.get(id) ?? 0, nowMs + grantedMs));
    }
    return grantedMs;
  }

  /** The holder has stopped. */
  returned(id: string): void {
    this.#untilMs.delete(id);
  }

  /** When the last one is over unless it is given back before; in the past when none runs. */
  idleAtMs(): number {
    return Math.max(this.#earlierRunOverMs, ...this.#untilMs.values());
  }

  #prune(nowMs: number): void {
    for (const [id, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(id);
  }
}
