/** The sum of runs: nothing is lost in it, and liars that win more than chance gives them show (I8). */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  addRun,
  addTally,
  areDrawsFair,
  EMPTY_TALLY,
  simulate,
  type Tally,
} from "../../lib/simulate/mod.ts";

/** Four hundred draws among four of whom one lies, and what the liars won of them: 100 are due, with a deviation of 8.7. */
function drawn(won: number): Tally {
  return { ...EMPTY_TALLY, draws: { elections: 400, expected: 100, variance: 75, won } };
}

Deno.test("liars that win what chance may give are fair, and beyond five deviations they are not", () => {
  ok(areDrawsFair(EMPTY_TALLY));
  ok(areDrawsFair(drawn(100)));
  ok(areDrawsFair(drawn(0)));
  ok(areDrawsFair(drawn(143)));
  ok(!areDrawsFair(drawn(144)));
  ok(!areDrawsFair(addTally(drawn(130), drawn(132))), "two that are fair alone");
});

Deno.test("the sum of two runs has the faults, draws and leaders of both", () => {
  const results = [5, 8].map((seed) => simulate({ seed, mix: "liars", nodes: 4, faultBound: 1 }));
  const [a, b] = results.map((result) => addRun(EMPTY_TALLY, result));
  const both = results.reduce(addRun, EMPTY_TALLY);
  deepStrictEqual(both, addTally(a, b));
  const counts = Object.values(both.faultsByKind).reduce((sum, count) => sum + count, 0);
  strictEqual(both.faults, counts);
  strictEqual(both.reigns, results[0].reigns + results[1].reigns);
  strictEqual(both.draws.elections, results[0].draws.elections + results[1].draws.elections);
  ok(both.draws.elections > 0);
});
