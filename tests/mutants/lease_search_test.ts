/** Every schedule of a few moves around one lease keeps I1, I2, I3 and I5. FUMATA_DEPTH=4 searches further (a minute or so). */
import { deepStrictEqual, ok } from "node:assert";
import { type Move, runSchedule, searchAll } from "./_lease_search.ts";

const DEPTH = Number(Deno.env.get("FUMATA_DEPTH") ?? 3);

/** `b` and `c` elect `b`, which gets its lease from `c`. */
const TAKE_OVER: readonly Move[] = [
  { what: "elect", leader: "b", voters: ["b", "c"], isNext: true },
  { what: "serve", leader: "b", ackers: ["c"] },
];
const SERVE_A: Move = { what: "serve", leader: "a", ackers: ["b", "c"] };
const STEP_DOWN_A: Move = { what: "step-down", leader: "a" };

Deno.test("every schedule of a few moves around one lease has one lease at an instant and one vote a term", () => {
  const schedules = searchAll(DEPTH);
  ok(schedules > 1_000, `${schedules} schedules`);
});

Deno.test("the search begins with a lease, and its moves can bring about another", () => {
  deepStrictEqual(runSchedule([]), ["a"]);
  deepStrictEqual(runSchedule([{ what: "wait" }]), []);
  deepStrictEqual(runSchedule([{ what: "wait" }, ...TAKE_OVER]), ["b"]);
});

Deno.test("a leader whose step-down is on its way gets no lease after a restart", () => {
  const restart: Move = { what: "restart", node: "a" };
  deepStrictEqual(runSchedule([STEP_DOWN_A, restart, SERVE_A, { what: "late" }, ...TAKE_OVER]), [
    "b",
  ]);
});

Deno.test("a step-down of an earlier reign releases nothing that was promised in a later one", () => {
  // `a` steps down, is elected again, holds a lease; then its old word arrives.
  const again: Move = { what: "elect", leader: "a", voters: ["a", "c"], isNext: true };
  const wait: Move = { what: "wait" };
  runSchedule([
    STEP_DOWN_A,
    wait,
    again,
    { what: "late" },
    SERVE_A,
    { what: "late" },
    ...TAKE_OVER,
  ]);
});

Deno.test("a follower that restarts within its promise does not vote before it ends", () => {
  const restart: Move = { what: "restart", node: "b" };
  deepStrictEqual(runSchedule([restart, ...TAKE_OVER]), ["a"]);
  deepStrictEqual(runSchedule([restart, { what: "wait" }, ...TAKE_OVER]), ["b"]);
});
