/**
 * The local health multiplier (Lifeguard, section IV-A): a node that misses answers, or must refute, takes itself for the cause first
 * and probes more slowly and waits longer.
 */

/** Score of 0 (healthy) to a maximum. */
export interface LocalHealth {
  /** Moves the score by so much, within its bounds. */
  note(delta: number): void;
  /** Score + 1: what intervals and timeouts are multiplied with. */
  multiplier(): number;
}

/** A healthy node whose score goes up to `max`. */
export function createLocalHealth(max: number): LocalHealth {
  let score = 0;
  return {
    note(delta) {
      score = Math.max(0, Math.min(max, score + delta));
    },
    multiplier: () => score + 1,
  };
}
