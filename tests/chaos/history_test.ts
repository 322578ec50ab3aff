/** What the observer of chaos takes for a fault, and what not: answers are certain only within the time of their questions. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import { History, type Sighting } from "./_history.ts";

const END_MS = 10_000;

function seen(node: string, term: number, askedMs: number, more: Partial<Sighting> = {}): Sighting {
  const certificateId = `c${term}`;
  return { node, term, certificateId, askedMs, answeredMs: askedMs + 10, leaseMs: 500, ...more };
}

function violationsOf(...sightings: Sighting[]): readonly string[] {
  const history = new History(0);
  for (const sighting of sightings) history.see(sighting);
  return history.findings(END_MS).violations;
}

Deno.test("leases one after the other are no fault", () => {
  deepStrictEqual(violationsOf(seen("a", 1, 0), seen("a", 1, 50), seen("b", 2, 545)), []);
});

Deno.test("a later lease that was seen before the earlier one was over overlaps", () => {
  match(violationsOf(seen("a", 1, 0), seen("b", 2, 480))[0], /b \(term 2\) and a \(term 1\)/);
});

Deno.test("an earlier lease that is held again after a later one was overlaps", () => {
  match(violationsOf(seen("b", 2, 0), seen("a", 1, 600))[0], /a \(term 1\) and b \(term 2\)/);
});

Deno.test("an answer that was long under way proves nothing about the time between", () => {
  deepStrictEqual(
    violationsOf(seen("b", 2, 700), seen("a", 1, 0, { answeredMs: 2_000, leaseMs: 100 })),
    [],
  );
});

Deno.test("two nodes with a lease of one term, and two certificates of one, are faults", () => {
  match(violationsOf(seen("a", 1, 0), seen("b", 1, 900))[0], /a and b hold term 1/);
  const other = seen("b", 1, 0, { certificateId: "other", leaseMs: 0 });
  match(violationsOf(seen("a", 1, 0), other)[0], /two certificates/);
});

Deno.test("a node that goes back to an earlier term is at fault", () => {
  const before = seen("a", 3, 0, { leaseMs: 0 });
  match(violationsOf(before, seen("a", 2, 50, { leaseMs: 0 }))[0], /from term 3 back to 2/);
});

Deno.test("locked commands that run at once, or in the wrong order, are faults", () => {
  const judge = (...ticks: [run: string, term: number, atS: number][]) => {
    const history = new History(0);
    history.see(seen("a", 1, 0));
    for (const [run, term, atS] of ticks) history.tick({ run, term, atS });
    return history.findings(END_MS).violations;
  };
  deepStrictEqual(judge(["x", 1, 1], ["x", 1, 2], ["y", 2, 2]), []);
  match(judge(["x", 1, 1], ["y", 2, 2], ["x", 1, 2.01])[0], /at once/);
  match(judge(["x", 2, 1], ["y", 1, 2])[0], /wrong order/);
});

Deno.test("a run in which nobody leads is no success, and the time without a leader is told", () => {
  match(violationsOf()[0], /nobody/);
  const history = new History(0);
  for (const at of [100, 2_000, 2_500]) history.see(seen("a", 1, at));
  strictEqual(history.findings(3_000).leaderlessMsMax, 1_890);
  strictEqual(history.findings(9_000).leaderlessMsMax, 6_490);
});
