/** Draws the successions of a run: when an operator orders them, and what each next function is like. */
import type { Prng } from "../base/prng.ts";
import type { ScheduledFault } from "./faults.ts";
import type { Electorate } from "./sim_function.ts";

/** A succession and what goes on after it. */
export interface PlannedSuccession {
  readonly scheduled: ScheduledFault;
  readonly electorate: Electorate;
}

/** Successions of one run: another policy or roster, and back again. */
const SUCCESSIONS_MAX = 3;

/** One to three, in their order; the machine at the place `nodes` is the one that may replace a voter. */
export function drawSuccessions(
  prng: Prng,
  nodes: number,
  faultsMs: number,
): PlannedSuccession[] {
  const planned: PlannedSuccession[] = [];
  const first: Electorate = {
    policy: "random",
    places: Array.from({ length: nodes }, (_, place) => place),
  };
  const count = 1 + prng.below(SUCCESSIONS_MAX);
  for (let last = first; planned.length < count;) {
    // Each has its part of the time: the one before has to be over.
    const atMs = Math.floor((planned.length + prng.float()) * faultsMs / count);
    last = drawElectorate(prng, first, last);
    planned.push({ scheduled: { atMs, fault: { kind: "succession" } }, electorate: last });
  }
  return planned;
}

/** The same voters under another policy, one of them replaced, or everything as it was at first: under another checksum in any case. */
function drawElectorate(prng: Prng, first: Electorate, last: Electorate): Electorate {
  switch (prng.below(3)) {
    case 0:
      return { ...last, policy: last.policy === "random" ? "highest" : "random" };
    case 1: {
      if (last.places !== first.places) return first;
      const replaced = prng.below(first.places.length);
      const places = first.places.map((place, i) => i === replaced ? first.places.length : place);
      return { ...last, places };
    }
    default:
      return first;
  }
}
