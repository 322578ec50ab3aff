/**
 * How much one token may ask: a bucket that fills at a steady rate and holds some seconds' worth, so that bursts pass and floods do not
 * (token bucket, RFC 2697 without its colours). Only tokens of this host have one, so there are as many as tokens at most.
 */

/** A bucket holds as much as comes in this time. */
const BURST_SECONDS = 5;

/** Buckets of one kind. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, { level: number; atMs: number }>();
  /** Buckets beyond this are looked through for full ones, which are as good as none. */
  readonly #bucketsMax: number;

  /** `perSecond` above 0. */
  constructor(perSecond: number, bucketsMax: number) {
    this.#perSecond = perSecond;
    this.#bucketsMax = bucketsMax;
  }

  /** Takes one; `false` when there is none. `nowMs` never goes back. */
  take(id: string, nowMs: number): boolean {
    const bucket = this.#filled(id, nowMs);
    if (bucket.level < 1) return false;
    bucket.level--;
    return true;
  }

  /** Takes one in any case; gives how long to wait for it, ms. */
  takeLater(id: string, nowMs: number): number {
    const bucket = this.#filled(id, nowMs);
    bucket.level--;
    return bucket.level >= 0 ? 0 : (-bucket.level / this.#perSecond) * 1000;
  }

  #filled(id: string, nowMs: number): { level: number; atMs: number } {
    const full = this.#perSecond * BURST_SECONDS;
    const bucket = this.#buckets.get(id);
    if (!bucket) {
      if (this.#buckets.size >= this.#bucketsMax) this.#dropFull(nowMs);
      const made = { level: full, atMs: nowMs };
      this.#buckets.set(id, made);
      return made;
    }
    bucket.level = Math.min(full, bucket.level + (nowMs - bucket.atMs) / 1000 * this.#perSecond);
    bucket.atMs = nowMs;
    return bucket;
  }

  #dropFull(nowMs: number): void {
    for (const [id, { level, atMs }] of [...this.#buckets]) {
      const gained = (nowMs - atMs) / 1000 * this.#perSecond;
      if (level + gained >= this.#perSecond * BURST_SECONDS) this.#buckets.delete(id);
    }
  }
}
