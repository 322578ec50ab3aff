/** The one command that repeats a run, and the list of what struck in it. */
import { nameOf } from "./identities.ts";
import { faultText } from "./faults.ts";
import type { SimulationOptions, SimulationResult } from "./simulate.ts";

/** What a command line says of a run besides its options; how large it is only matters when that was given. */
export type DrawnCluster =
  & Pick<SimulationResult, "kind" | "mix">
  & Partial<Pick<SimulationResult, "nodes" | "faultBound">>;

/** The command line that repeats a run to the last byte. */
export function replayCommand(options: SimulationOptions, result: DrawnCluster): string {
  const { seed, faultsMs, wire, keep } = options;
  const { kind, nodes, faultBound, mix } = result;
  // Nodes and liars that were drawn from the seed are drawn again.
  const isDrawn = options.nodes === undefined;
  return [
    `fumata simulate --seed ${seed} --mix ${mix}`,
    ...(kind === "roster" ? [] : [`--kind ${kind}`]),
    ...(isDrawn ? [] : [`--nodes ${nodes}${kind === "roster" ? ` --liars ${faultBound}` : ""}`]),
    ...(faultsMs === undefined ? [] : [`--duration ${faultsMs / 1000}`]),
    ...(wire ? ["--wire"] : []),
    ...(keep === undefined ? [] : [`--keep ${keep.length === 0 ? "none" : keep.join(",")}`]),
  ].join(" ");
}

/** The faults of a run that are kept, one a line with their numbers. */
export function scheduleText(result: SimulationResult, keep?: readonly number[]): string[] {
  const kept = keep && new Set(keep);
  return result.schedule.flatMap(({ atMs, fault }, index) =>
    kept && !kept.has(index) ? [] : [
      `${String(index).padStart(4)} ${atMs.toFixed(0).padStart(8)} ms  ${faultText(fault, nameOf)}`,
    ]
  );
}
