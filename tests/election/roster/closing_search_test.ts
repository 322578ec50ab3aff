/** The search of a voter that missed the end of its predecessor: whom it asks for what, and how often. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { ClosingSearch } from "../../../lib/election/roster/closing_search.ts";

const GENESIS = { term: 0, id: "genesis" };
const INTERVAL_MS = 100;

function search() {
  const machine = new ClosingSearch(GENESIS, new Set(["a", "b"]), INTERVAL_MS);
  return (from: string, term: number, id: string, nowMs: number) =>
    machine.step({ type: "head-seen", from, head: { term, id } }, nowMs)
      .map(({ to, message }) => [...to, message.kind === "want-certificate" && message.id]);
}

Deno.test("a voter that shows a head is asked for it; its own beginning, and who is no voter, are nothing to ask about", () => {
  const see = search();
  deepStrictEqual(see("a", 7, "closing", 0), [["a", "closing"]]);
  deepStrictEqual(see("b", 7, "closing", 0), [["b", "closing"]]);
  deepStrictEqual(see("a", 0, "other genesis", 1_000), []);
  deepStrictEqual(see("stranger", 7, "closing", 1_000), []);
  const machine = new ClosingSearch(GENESIS, new Set(["a"]), INTERVAL_MS);
  deepStrictEqual(machine.step({ type: "tick" }, 0), []);
  strictEqual(machine.deadlineMs(), undefined);
});

Deno.test("a voter is asked at a bounded rate, whatever heads it names", () => {
  const see = search();
  let asked = 0;
  for (let nowMs = 0; nowMs < 1_000; nowMs += 10) {
    asked += see("a", nowMs + 1, `h${nowMs}`, nowMs).length;
  }
  strictEqual(asked, 1_000 / INTERVAL_MS);
});

Deno.test("the same is asked for ever more seldom, and something else soon", () => {
  const see = search();
  const askedAtMs: number[] = [];
  for (let nowMs = 0; nowMs < 100_000; nowMs += 100) {
    if (see("a", 7, "useless", nowMs).length > 0) askedAtMs.push(nowMs);
  }
  deepStrictEqual(askedAtMs.slice(0, 5), [0, 100, 300, 700, 1_500]);
  const gaps = askedAtMs.slice(1).map((atMs, i) => atMs - askedAtMs[i]);
  strictEqual(Math.max(...gaps), 30_000);
  deepStrictEqual(see("a", 8, "of use", 100_000), [["a", "of use"]]);
});
