/** The table as the suite runs it: it matches the code, every mutant is a program, and a handful is tried. `deno task mutants` tries all. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Laboratory, matchFault } from "./_laboratory.ts";
import { MUTANTS } from "./table.ts";
import { SUITES } from "./_types.ts";

/** One rule of each kind, and the search. */
const HANDFUL = ["vote-twice", "restart-promise", "quorum", "certificate-votes", "accuse-f"];

Deno.test("every mutant stands for text that is in the code exactly once", async () => {
  const faults = await Promise.all(MUTANTS.map(matchFault));
  deepStrictEqual(faults.filter((fault) => fault !== undefined), []);
  strictEqual(new Set(MUTANTS.map(({ id }) => id)).size, MUTANTS.length);
  for (const { id, find, replace } of MUTANTS) ok(find !== replace, id);
});

Deno.test("every mutant type-checks, so that it is caught by what it does", async () => {
  await using laboratory = await Laboratory.open();
  deepStrictEqual(await laboratory.typeFaults(MUTANTS), []);
});

Deno.test("a handful of mutants is caught, and what is not changed is not", async () => {
  await using laboratory = await Laboratory.open();
  for (const id of HANDFUL) {
    const mutant = MUTANTS.find((one) => one.id === id)!;
    const fate = await laboratory.try(mutant, SUITES[mutant.area].slice(0, 1));
    strictEqual(fate.what, "caught", id);
  }
  const [first] = MUTANTS;
  const unchanged = { ...first, replace: first.find };
  strictEqual((await laboratory.try(unchanged, SUITES.roster.slice(0, 1))).what, "survived");
});

Deno.test("the search of schedules alone finds a promise that is lost at a restart", async () => {
  await using laboratory = await Laboratory.open();
  const mutant = MUTANTS.find(({ id }) => id === "restart-promise")!;
  const fate = await laboratory.try(mutant, [["tests/mutants/lease_search_test.ts"]]);
  strictEqual(fate.what, "caught");
});
