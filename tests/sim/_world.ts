/** A small roster world for tests of the checkers: nothing happens in it but what the test does. */
import { World, type WorldOptions } from "../../lib/simulate/world.ts";

/** Length of its leases, ms. */
export const LEASE_MS = 480;
/** Of its clocks. */
export const DRIFT_PPM = 2_000;

/** Three voters without a liar, one enclave, messages neither signed nor encoded, unless the test wants something else. */
export function rosterWorld(change: Partial<WorldOptions> = {}): World {
  return new World({
    seed: 1,
    nodes: 3,
    kind: "roster",
    faultBound: 0,
    leaseMs: LEASE_MS,
    driftPpm: DRIFT_PPM,
    enclaves: 1,
    encodes: false,
    signs: false,
    ...change,
  });
}
