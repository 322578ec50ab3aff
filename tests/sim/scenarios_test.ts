/**
 * Every file of `scenarios/`: the run gives exactly the transcript that stands in the file, and nothing that the checkers or the file expect is broken.
 *
 * FUMATA_UPDATE=1 writes transcripts anew, to be read before they are committed.
 */
import { ok, strictEqual, throws } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { parseScenario, runScenario, withTranscript } from "../../lib/simulate/mod.ts";

const FOLDER = new URL("scenarios/", import.meta.url);
const FILES = [...Deno.readDirSync(FOLDER)].map((entry) => entry.name).sort();
const UPDATES = Deno.env.get("FUMATA_UPDATE") === "1";

for (const name of FILES) {
  Deno.test(`scenario ${name.replace(".scenario", "").replaceAll("_", " ")}`, () => {
    const url = new URL(name, FOLDER);
    const text = Deno.readTextFileSync(url);
    const { transcript, failure } = runScenario(text);
    const file = parseScenario(text);
    ok(file.title.includes("Rule:"), "a scenario names the rule that it shows");
    if (UPDATES) Deno.writeTextFileSync(url, withTranscript(file, transcript));
    strictEqual(failure, undefined);
    strictEqual(UPDATES ? transcript : file.transcript, transcript);
  });
}

Deno.test("an expectation that is not met fails the scenario with its line", () => {
  const { failure, transcript } = runScenario("cluster 3\nstart\nuntil lease\nexpect term 9\n");
  strictEqual(failure, 'line 4: "expect term 9" is not so: the highest term is 2');
  ok(transcript.endsWith(`!!! ${failure}\n`));
});

Deno.test("a scenario that says nothing, or no number where one has to be, is refused in words", () => {
  const refused = (text: string, why: RegExp) =>
    throws(
      () => runScenario(text),
      (thrown: unknown) =>
        thrown instanceof FumataError && thrown.code === "usage" && why.test(thrown.message),
    );
  refused("", /it needs a line "cluster 4 1"/);
  refused("# only words", /it needs a line/);
  refused("cluster many", /line 1 .*word 2 has to be a number of 2\.\.64/);
  refused("cluster 4 2", /word 3 has to be a number of 0\.\.1/);
  refused("cluster 3\nlease 0", /line 2 .*word 2 has to be a number of 100/);
  // Time that is no number would never be reached.
  refused("cluster 3\nstart\nadvance soon", /line 3 .*word 2 has to be/);
  refused("cluster 3\nrekey 2", /word 2 has to be a number of 1\.\.1/);
  refused("cluster 3\ncrash z", /names nobody/);
});
