/** One core of the soak: runs every so many-th seed of all mixes, and tells what came of it now and then. */
/// <reference lib="deno.worker" />
import {
  addRun,
  EMPTY_TALLY,
  replayCommand,
  simulate,
  type Tally,
} from "../../lib/simulate/mod.ts";
import { soakRun } from "./_soak_runs.ts";

/** What a worker is told. */
export interface SoakOrder {
  readonly seed: number;
  readonly stride: number;
  readonly untilMs: number;
}

/**
 * What a worker tells: before each run which one it is, so that one that never comes back is known; now and then the sum since the last time, and
 * failures with the commands that repeat them; and at the end the first seed that it did not run.
 */
export type SoakReport =
  | { readonly kind: "begins"; readonly seed: number; readonly command: string }
  | { readonly kind: "sum"; readonly tally: Tally; readonly failures: readonly string[] }
  | { readonly kind: "done"; readonly nextSeed: number };

/** How often a worker tells, ms. */
const TELL_MS = 1_000;

self.onmessage = ({ data }: MessageEvent<SoakOrder>) => {
  let { seed } = data;
  while (performance.timeOrigin + performance.now() < data.untilMs) {
    const endMs = performance.now() + TELL_MS;
    let tally = EMPTY_TALLY;
    const failures: string[] = [];
    for (; performance.now() < endMs; seed += data.stride) {
      const options = soakRun(seed);
      tell({ kind: "begins", seed, command: replayCommand(options, options) });
      const result = simulate(options);
      tally = addRun(tally, result);
      if (result.violation) {
        const { invariant, message } = result.violation;
        failures.push(`${invariant}: ${message}\n  ${replayCommand(options, result)}`);
      }
    }
    tell({ kind: "sum", tally, failures });
  }
  tell({ kind: "done", nextSeed: seed });
};

function tell(report: SoakReport): void {
  self.postMessage(report);
}
