/**
 * How long a suspect has to refute (Lifeguard, section IV-B): long while one accuser stands alone, shrinking by the logarithm of
 * the independent confirmations, so that a lone accuser with a bad network does little harm and a real crash is quickly settled.
 */
import type { MembershipSettings } from "./settings.ts";

/** The bounds of one suspicion. */
export interface SuspicionBounds {
  readonly minMs: number;
  readonly maxMs: number;
  /** Confirmations that bring it down to `minMs`. */
  readonly confirmations: number;
}

/** Bounds for a cluster of so many members, this node and the suspect included. With nobody who could confirm the minimum counts. */
export function suspicionBounds(settings: MembershipSettings, members: number): SuspicionBounds {
  const scale = Math.max(1, Math.log10(Math.max(1, members)));
  const minMs = settings.suspicionMult * scale * settings.probeIntervalMs;
  const confirmations = Math.max(0, Math.min(settings.confirmations, members - 2));
  return { minMs, maxMs: minMs * settings.suspicionMaxFactor, confirmations };
}

/** The timeout from the start of the suspicion after so many confirmations beside the first accuser. */
export function suspicionTimeoutMs(bounds: SuspicionBounds, confirmed: number): number {
  if (bounds.confirmations === 0) return bounds.minMs;
  const share = Math.log(confirmed + 1) / Math.log(bounds.confirmations + 1);
  return Math.max(bounds.minMs, bounds.maxMs - (bounds.maxMs - bounds.minMs) * share);
}
