/** `fumata simulate`: what its flags mean, which of them mean nothing together, and what it prints. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { simulateCommand } from "../../lib/cli/commands/simulate.ts";
import { runCommand } from "../certificate/_command.ts";

const FILE = new URL("../sim/scenarios/handover.scenario", import.meta.url).pathname;

async function refuses(message: RegExp, ...words: string[]): Promise<void> {
  await rejects(
    runCommand(simulateCommand, ...words),
    (thrown) =>
      thrown instanceof FumataError && thrown.code === "usage" && message.test(thrown.message),
    words.join(" "),
  );
}

Deno.test("seeds, nodes and liars are whole numbers", async () => {
  await refuses(/--seed "1.5": a whole number is wanted/, "--seed", "1.5");
  await refuses(/--seeds "2.5"/, "--seeds", "2.5");
  await refuses(/--nodes "4.5"/, "--nodes", "4.5");
  await refuses(/--liars "0.5"/, "--nodes", "4", "--liars", "0.5");
});

Deno.test("--keep takes numbers of faults that the schedule has, of one run", async () => {
  for (const list of ["5,,6", "0x10", "1, 2", "-1", "1.5", "all"]) {
    await refuses(/^Cannot use --keep/, "--seed", "1", `--keep=${list}`);
  }
  await refuses(
    /^Cannot keep fault 99999: the schedule of seed 1 has /,
    "--seed=1",
    "--keep=99999",
  );
  await refuses(/--keep for several runs/, "--keep", "0");
  await refuses(/--keep for several runs/, "--seed", "1", "--seeds", "2", "--keep", "0");
});

Deno.test("flags that would say nothing beside another one are refused", async () => {
  await refuses(/--seeds beside --until-failure/, "--until-failure", "--seeds", "3");
  await refuses(/--seed beside --scenario/, "--scenario", FILE, "--seed", "3");
  await refuses(/--wire beside --scenario/, "--scenario", FILE, "--wire");
});

Deno.test("a run that keeps no fault has none, and says so in JSON", async () => {
  const words = ["--seed", "3", "--duration", "1", "--keep", "none", "--json"];
  const { code, out } = await runCommand(simulateCommand, ...words);
  const { runs, failures, faults } = JSON.parse(out);
  deepStrictEqual([code, runs, failures, faults], [0, 1, 0, 0]);
});

Deno.test("a scenario is played, and its transcript printed, also as JSON", async () => {
  const { code, out } = await runCommand(simulateCommand, "--scenario", FILE);
  strictEqual(code, 0);
  ok(out.startsWith("> start\n"));
  const asJson = await runCommand(simulateCommand, "--scenario", FILE, "--json");
  deepStrictEqual(JSON.parse(asJson.out), { transcript: out });
});
