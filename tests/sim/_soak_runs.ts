/**
 * Which run a seed of the soak is. The mixes take turns from seed to seed; kind, wire and length from round to round of the mixes, in periods
 * without a common divisor, so that in time each meets each.
 */
import { type ClusterKind, type Mix, MIXES } from "../../lib/simulate/mod.ts";

/** One run in so many has every message encoded, signed and verified; it takes several times as long. */
export const WIRE_ONE_IN = 15;
/** One run in so many is of an open cluster. */
export const OPEN_ONE_IN = 7;
/** The phases of faults last this long at least, ms, and up to so many seconds more. */
const FAULTS_MS_MIN = 3_000;
export const FAULTS_LENGTHS = 8;

/** A run of the soak. */
export interface SoakRun {
  readonly seed: number;
  readonly mix: Mix;
  readonly kind: ClusterKind;
  readonly wire: boolean;
  readonly faultsMs: number;
}

/** The run of a seed, 0 or more. */
export function soakRun(seed: number): SoakRun {
  const round = Math.floor(seed / MIXES.length);
  return {
    seed,
    mix: MIXES[seed % MIXES.length],
    wire: round % WIRE_ONE_IN === 0,
    kind: round % OPEN_ONE_IN === OPEN_ONE_IN - 1 ? "open" : "roster",
    // Most of what can go wrong does so soon: many short phases of faults find more than few long ones.
    faultsMs: FAULTS_MS_MIN + 1_000 * (round % FAULTS_LENGTHS),
  };
}
