/** The sum of many runs: what was tried, how fast, and whether liars win more draws than chance gives them (I8). */
import type { SimulationResult } from "./simulate.ts";

/** The sum. */
export interface Tally {
  readonly runs: number;
  readonly failures: number;
  readonly virtualMs: number;
  readonly events: number;
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  readonly messages: number;
  readonly reigns: number;
  readonly subLeases: number;
  readonly successions: number;
  /** From the healing to a lease, ms: the longest. */
  readonly leaseAfterMsMax: number;
  readonly draws: SimulationResult["draws"];
}

/** Nothing was run. */
export const EMPTY_TALLY: Tally = {
  runs: 0,
  failures: 0,
  virtualMs: 0,
  events: 0,
  faults: 0,
  faultsByKind: {},
  messages: 0,
  reigns: 0,
  subLeases: 0,
  successions: 0,
  leaseAfterMsMax: 0,
  draws: { elections: 0, expected: 0, variance: 0, won: 0 },
};

/** Standard deviations beyond which chance is no explanation: one tally in a million goes so far. */
const DEVIATIONS_MAX = 5;

/** Adds a run. */
export function addRun(tally: Tally, result: SimulationResult): Tally {
  return addTally(tally, {
    ...EMPTY_TALLY,
    runs: 1,
    failures: result.violation ? 1 : 0,
    virtualMs: result.virtualMs,
    events: result.events,
    faults: Object.values(result.faults).reduce((sum, count) => sum + count, 0),
    faultsByKind: result.faults,
    messages: result.messages.sent,
    reigns: result.reigns,
    subLeases: result.subLeases,
    successions: result.successions,
    leaseAfterMsMax: result.leaseAfterMs ?? 0,
    draws: result.draws,
  });
}

/** Adds two tallies. */
export function addTally(a: Tally, b: Tally): Tally {
  const faultsByKind = { ...a.faultsByKind };
  for (const [kind, count] of Object.entries(b.faultsByKind)) {
    faultsByKind[kind] = (faultsByKind[kind] ?? 0) + count;
  }
  return {
    runs: a.runs + b.runs,
    failures: a.failures + b.failures,
    virtualMs: a.virtualMs + b.virtualMs,
    events: a.events + b.events,
    faults: a.faults + b.faults,
    faultsByKind,
    messages: a.messages + b.messages,
    reigns: a.reigns + b.reigns,
    subLeases: a.subLeases + b.subLeases,
    successions: a.successions + b.successions,
    leaseAfterMsMax: Math.max(a.leaseAfterMsMax, b.leaseAfterMsMax),
    draws: {
      elections: a.draws.elections + b.draws.elections,
      expected: a.draws.expected + b.draws.expected,
      variance: a.draws.variance + b.draws.variance,
      won: a.draws.won + b.draws.won,
    },
  };
}

/** By how many standard deviations liars won more than their share; 0 when none took part. */
export function liarsAdvantage({ draws: { expected, variance, won } }: Tally): number {
  return variance === 0 ? 0 : (won - expected) / Math.sqrt(variance);
}

/** Whether chance explains what liars won. */
export function areDrawsFair(tally: Tally): boolean {
  return liarsAdvantage(tally) < DEVIATIONS_MAX;
}

/** The sum for people. */
export function tallyText(tally: Tally, wallMs: number): string {
  const { runs, failures, virtualMs, events, faults, messages, reigns, draws } = tally;
  const hours = virtualMs / 3_600_000;
  const wallHours = Math.max(wallMs, 1) / 3_600_000;
  return [
    `${runs} runs, ${failures} failed; ${hours.toFixed(3)} virtual hours in ${
      (wallMs / 1_000).toFixed(1)
    } s (${(hours / wallHours).toFixed(0)} times real time)`,
    `${faults} faults, ${reigns} leaders elected, ${tally.subLeases} sub-leases, ${tally.successions} successions, ${messages} messages, ${events} events (${
      (events / Math.max(wallMs, 1) * 1_000).toFixed(0)
    } a second)`,
    `longest way from healing to a lease: ${(tally.leaseAfterMsMax / 1_000).toFixed(1)} s`,
    ...(draws.elections === 0 ? [] : [
      `liars won ${draws.won} of ${draws.elections} draws that they took part in; ${
        draws.expected.toFixed(1)
      } were due (${liarsAdvantage(tally).toFixed(1)} standard deviations)`,
    ]),
  ].join("\n");
}
