/** A bounded run of chaos, where it is asked for: FUMATA_EXECUTABLE names the program, or FUMATA_CHAOS is set for a run of the sources. */
import { match, ok, strictEqual } from "node:assert";

const CHAOS = new URL("chaos.ts", import.meta.url).pathname;
const MINUTES = "1";
const SEED = "7";

function isAskedFor(): boolean {
  return ["FUMATA_EXECUTABLE", "FUMATA_CHAOS"].some((name) => Deno.env.has(name));
}

async function chaos(...words: string[]) {
  const args = ["run", "-A", "--no-check", CHAOS, ...words];
  const command = new Deno.Command(Deno.execPath(), {
    args,
    stdin: "null",
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("a run with faults on real processes finds no two leaders, and ends with one", {
  ignore: !isAskedFor(),
}, async () => {
  const { code, out, err } = await chaos("--minutes", MINUTES, "--seed", SEED, "--json");
  ok(out !== "", err);
  const { violations, sightings, healedMs, faults } = JSON.parse(out);
  strictEqual(violations.join("\n"), "");
  strictEqual(code, 0, err);
  ok(sightings > 0 && healedMs > 0);
  ok(faults.kill > 0 && faults.pause > 0, out);
});

Deno.test("flags that cannot be meant are refused before anything starts", async () => {
  for (const words of [["--minutes", "0"], ["--seed", "x"], ["--fault-bound", "3"]]) {
    const { code, err } = await chaos(...words);
    strictEqual(code, 1);
    match(err, /^Cannot run: --/);
  }
});
