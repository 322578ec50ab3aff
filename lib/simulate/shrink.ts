/**
 * Makes a failing run smaller: fewer faults, by delta debugging (Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing Input", 2002).
 * A liar is a fault among others, so liars get fewer too. A smaller run counts only when it breaks the same invariant. The number of nodes
 * stays: with another one every draw is another, and so is the run.
 */
import { simulate, type SimulationOptions, type SimulationResult } from "./simulate.ts";

/** Runs that one shrinking may take: each has the length of the failing one. */
const RUNS_MAX = 400;

/** A failing run that was made as small as it could be, and the options that repeat it. */
export interface Shrunk {
  readonly options: SimulationOptions;
  readonly result: SimulationResult;
  /** Runs that it took. */
  readonly runs: number;
}

/** Shrinks a run that failed. `result` is what `options` gave. */
export function shrink(options: SimulationOptions, result: SimulationResult): Shrunk {
  const { nodes, faultBound, mix, violation } = result;
  let best: Shrunk = {
    options: {
      ...options,
      nodes,
      ...(result.kind === "roster" && { faultBound }),
      mix,
      keep: options.keep ?? [...result.schedule.keys()],
    },
    result,
    runs: 0,
  };
  let runs = 0;
  const fails = (candidate: SimulationOptions): boolean => {
    if (runs >= RUNS_MAX) return false;
    runs++;
    const found = simulate(candidate);
    if (found.violation?.invariant !== violation?.invariant) return false;
    best = { options: candidate, result: found, runs };
    return true;
  };
  // What comes after the failure can't have made it. Faults at the very end do not change anything, or the failure is one of liveness.
  const before = result.schedule.flatMap(({ atMs }, index) =>
    atMs <= (violation?.atMs ?? Infinity) ? [index] : []
  );
  const kept = best.options.keep!.filter((index) => before.includes(index));
  if (kept.length < best.options.keep!.length) fails({ ...best.options, keep: kept });
  fewerFaults(() => best.options.keep!, (keep) => fails({ ...best.options, keep }));
  return { ...best, runs };
}

/** Leaves out parts, from halves to single ones, as long as that goes on. */
function fewerFaults(
  kept: () => readonly number[],
  fails: (keep: readonly number[]) => boolean,
): void {
  for (let size = Math.ceil(kept().length / 2); size >= 1;) {
    let isSmaller = false;
    for (let from = 0; from < kept().length;) {
      const without = kept().filter((_, i) => i < from || i >= from + size);
      if (fails(without)) isSmaller = true;
      else from += size;
    }
    if (size === 1 && !isSmaller) return;
    size = isSmaller ? Math.min(size, Math.max(1, kept().length >> 1)) : size >> 1;
  }
}
