/**
 * Makes a failing run smaller: fewer faults, by delta debugging (Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing Input", 2002).
 * A liar is a fault among others, so liars get fewer too. Then fewer nodes: with another number every draw is another, and so are the faults, so
 * smaller clusters are tried as runs of their own, and the least that fails is made smaller in its turn. A smaller run counts only
 * when it breaks the same invariant.
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

/** Seeds that are tried for each smaller number of nodes. */
const SEEDS_A_SIZE = 12;

/** Shrinks a run that failed: its faults, then its nodes. `result` is what `options` gave. */
export function shrink(options: SimulationOptions, result: SimulationResult): Shrunk {
  const same = fewestFaults(options, result);
  const smaller = fewerNodes(options, result);
  if (!smaller.found) return { ...same, runs: same.runs + smaller.runs };
  const least = fewestFaults(smaller.found.options, smaller.found.result);
  return { ...least, runs: same.runs + smaller.runs + least.runs };
}

/** The smallest cluster under the same mix and with as many liars as there is room for, a few seeds of each size, that breaks the same invariant. */
function fewerNodes(
  options: SimulationOptions,
  { nodes, faultBound, kind, mix, seed, violation }: SimulationResult,
): { readonly found?: Omit<Shrunk, "runs">; readonly runs: number } {
  let runs = 0;
  for (let fewer = 2; fewer < nodes; fewer++) {
    const bound = Math.min(faultBound, Math.floor((fewer - 1) / 3));
    for (let next = 0; next < SEEDS_A_SIZE; next++) {
      runs++;
      const { keep: _, ...rest } = options;
      const liars = kind === "roster" ? { faultBound: bound } : {};
      const candidate = { ...rest, mix, nodes: fewer, ...liars, seed: (seed + next) % 2 ** 32 };
      const result = simulate(candidate);
      if (result.violation?.invariant !== violation?.invariant) continue;
      return { found: { options: candidate, result }, runs };
    }
  }
  return { runs };
}

function fewestFaults(options: SimulationOptions, result: SimulationResult): Shrunk {
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
