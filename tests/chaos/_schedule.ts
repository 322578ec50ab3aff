/**
 * Which fault comes when: a list that a seed decides, so that a run can be had again. What a fault meets is not decided by it, for real processes
 * take real time: "the leader" is whoever leads at that moment.
 */
import type { Prng } from "../../lib/base/prng.ts";

/** A fault by its kind; nodes and hosts by their place. */
export type FaultKind =
  | "kill"
  | "pause"
  | "restart-storm"
  | "cut"
  | "cut-one-way"
  | "kill-enclave"
  | "disk-full";

/** All kinds, and how often each comes in relation to the others. */
export const FAULT_WEIGHTS: Readonly<Record<FaultKind, number>> = {
  "kill": 4,
  "pause": 6,
  "restart-storm": 2,
  "cut": 5,
  "cut-one-way": 5,
  "kill-enclave": 2,
  "disk-full": 1,
};

/** One fault. */
export interface Fault {
  readonly kind: FaultKind;
  /** From the start of the run. */
  readonly atMs: number;
  readonly forMs: number;
  /** Whom it meets first: a place, or whoever leads. */
  readonly target: number | "leader";
  /** For cuts: who is on the target's side, by place; the target is added. For `kill-enclave` the first is the host. */
  readonly company: readonly number[];
}

/** What a machine allows. */
export interface Abilities {
  readonly nodes: number;
  readonly hosts: number;
  readonly canCut: boolean;
  /** Nodes whose disk can be filled, by place. */
  readonly fillable: readonly number[];
}

/** Between two faults, ms: short against a failover, so that faults meet elections; at times long enough for a calm leader. */
const PAUSE_MS = { least: 500, most: 12_000 };
/** How long one lasts, ms: from a part of a lease to several elections. */
const FAULT_MS = { least: 200, most: 7_000 };
/** Of all faults on nodes, so many tenths meet the leader: there the danger is. */
const TENTHS_ON_LEADER = 4;

/** The faults of a run of so many ms, in order; all are over by then. */
export function scheduleOf(prng: Prng, runMs: number, abilities: Abilities): Fault[] {
  const { nodes, hosts, canCut, fillable } = abilities;
  const kinds = (Object.keys(FAULT_WEIGHTS) as FaultKind[]).filter((kind) =>
    (canCut || !kind.startsWith("cut")) && (fillable.length > 0 || kind !== "disk-full")
  );
  const bag = kinds.flatMap((kind) => Array.from({ length: FAULT_WEIGHTS[kind] }, () => kind));
  const between = ({ least, most }: typeof PAUSE_MS) =>
    least + Math.floor(prng.float() ** 2 * (most - least));
  const faults: Fault[] = [];
  for (let atMs = between(PAUSE_MS); atMs < runMs; atMs += between(PAUSE_MS)) {
    const kind = bag[prng.below(bag.length)];
    const place = prng.below(nodes);
    const onLeader = prng.below(10) < TENTHS_ON_LEADER;
    const company = kind === "kill-enclave"
      ? [prng.below(hosts)]
      : prng.shuffled(Array.from({ length: nodes }, (_, i) => i)).slice(0, prng.below(nodes - 1));
    const target = kind === "disk-full"
      ? fillable[prng.below(fillable.length)]
      : onLeader
      ? "leader"
      : place;
    const forMs = Math.min(between(FAULT_MS), runMs - atMs);
    faults.push({ kind, atMs, forMs, target, company });
  }
  return faults;
}
