/** The program as a whole: what it says on stderr quotes words and files of strangers, and no terminal obeys that. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { Sandbox } from "../e2e/program.ts";

/** Renames the window, clears the screen, turns the direction, and forges a line. */
const HOSTILE = "x\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\nfumata: all is well";
const PLAIN = "x?]0;owned??[2J?2J? fumata: all is well";

/** What the program says of these words, which it refuses. */
async function refused(sandbox: Sandbox, ...words: string[]): Promise<string> {
  const { code, out, err } = await sandbox.run(...words);
  assertEquals([code > 0, out], [true, ""]);
  return err;
}

Deno.test("an escape sequence in a flag's value is said as text, on one line", async () => {
  await using sandbox = await Sandbox.create();
  assertEquals(
    await refused(sandbox, "leader", "--folder", HOSTILE),
    `fumata: Cannot reach a node: none is running in "${PLAIN}"\n`,
  );
});

Deno.test("an escape sequence in a file is said as text, and a line of megabytes is cut", async () => {
  await using sandbox = await Sandbox.create();
  const file = `${sandbox.folder}/hostile.scenario`;
  await Deno.writeTextFile(file, `cluster 4 1\n${HOSTILE.replace("\n", " ")}`);
  assertEquals(
    await refused(sandbox, "simulate", "--scenario", file),
    `fumata: Cannot run line 2 of the scenario "${PLAIN}": ` +
      "it is no step that is known, or names nobody\n",
  );
  await Deno.writeTextFile(file, "cluster 4 1\n" + "x".repeat(5_000_000));
  assert((await refused(sandbox, "simulate", "--scenario", file)).length < 5_000);
});

Deno.test("the stack that --verbose shows has its lines, and nothing that a terminal obeys", async () => {
  await using sandbox = await Sandbox.create();
  const lines = (await refused(sandbox, "leader", "--verbose", "--folder", HOSTILE)).split("\n");
  assert(lines.length > 4);
  assertEquals(lines.filter((line) => /[\p{Cc}\p{Cf}]/u.test(line)), []);
});
