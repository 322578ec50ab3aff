/** One core of the soak: runs every so many-th seed of all mixes, and tells what came of it now and then. */
/// <reference lib="deno.worker" />
import {
  addRun,
  EMPTY_TALLY,
  MIXES,
  replayCommand,
  simulate,
  type Tally,
} from "../../lib/simulate/mod.ts";

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
/** One run in so many has every message encoded, signed and verified; it takes several times as long. */
const WIRE_ONE_IN = 16;
/** One run in so many is of an open cluster. */
const OPEN_ONE_IN = 6;
/** The phases of faults last this long at least, ms, and up to so many seconds more. */
const FAULTS_MS_MIN = 3_000;
const FAULTS_LENGTHS = 8;

self.onmessage = ({ data }: MessageEvent<SoakOrder>) => {
  let { seed } = data;
  while (performance.timeOrigin + performance.now() < data.untilMs) {
    const endMs = performance.now() + TELL_MS;
    let tally = EMPTY_TALLY;
    const failures: string[] = [];
    for (; performance.now() < endMs; seed += data.stride) {
      const mix = MIXES[seed % MIXES.length];
      const round = Math.floor(seed / MIXES.length);
      const options = {
        seed,
        mix,
        wire: round % WIRE_ONE_IN === 0,
        kind: round % OPEN_ONE_IN === OPEN_ONE_IN - 1 ? "open" as const : "roster" as const,
        // Most of what can go wrong does so soon: many short phases of faults find more than few long ones.
        faultsMs: FAULTS_MS_MIN + 1_000 * (round % FAULTS_LENGTHS),
      };
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
