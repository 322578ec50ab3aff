/** Faults of chaos: a seed decides them, a machine that allows less gets less, and all are over in time. */
import { deepStrictEqual, notDeepStrictEqual, ok } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { FAULT_WEIGHTS, scheduleOf } from "./_schedule.ts";

const ALL = { nodes: 7, hosts: 2, canCut: true, fillable: [6] };
const RUN_MS = 3_600_000;

Deno.test("one seed gives the same faults, another one others, and a long run has all kinds", () => {
  const faults = scheduleOf(createPrng(1), RUN_MS, ALL);
  deepStrictEqual(scheduleOf(createPrng(1), RUN_MS, ALL), faults);
  notDeepStrictEqual(scheduleOf(createPrng(2), RUN_MS, ALL), faults);
  deepStrictEqual(new Set(faults.map(({ kind }) => kind)), new Set(Object.keys(FAULT_WEIGHTS)));
  ok(faults.every(({ atMs, forMs }) => forMs >= 0 && atMs + forMs <= RUN_MS));
});

Deno.test("where nothing can be cut and no disk be filled, neither comes", () => {
  const faults = scheduleOf(createPrng(1), RUN_MS, { ...ALL, canCut: false, fillable: [] });
  ok(faults.every(({ kind }) => !kind.startsWith("cut") && kind !== "disk-full"));
});
