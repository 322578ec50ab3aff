/**
 * The mutation check: one rule of the design after the other is taken out of a copy of the source, and the tests must notice.
 * `deno task mutants [--only ID,…] [--area AREA] [--tests FILE,…] [--write]`. A survivor is a failure: a rule that no test misses may as well not be there.
 *
 * `--tests` tries these files only: it shows what the exhaustive search or the simulator alone would catch. `--write` puts what caught each into the table of README.md, as soon as it is known; other rows stay.
 */
import { taskFlags } from "../_flags.ts";
import { type Fate, Laboratory, matchFault } from "./_laboratory.ts";
import { MUTANTS } from "./table.ts";
import { type Mutant, SUITES } from "./_types.ts";

const README = new URL("./README.md", import.meta.url);
const NOTHING = "**nothing**";
const TABLE_BEGIN = "<!-- table: deno task mutants --write -->\n";

/** The mutants that were asked for. */
function chosen(only: string | undefined, area: string | undefined): Mutant[] {
  const ids = only?.split(",");
  return MUTANTS.filter((mutant) =>
    (ids === undefined || ids.includes(mutant.id)) && (area === undefined || mutant.area === area)
  );
}

function lineOf(mutant: Mutant, fate: Fate): string {
  const seconds = fate.seconds.toFixed(1);
  return fate.what === "caught"
    ? `caught    ${mutant.id} (${seconds} s) by: ${fate.by}`
    : `SURVIVED  ${mutant.id} (${seconds} s): ${mutant.rule} in ${mutant.file}`;
}

/** Makes the row of a mutant anew; those of others that the table has stay as they are. */
async function writeRow({ id, rule, file }: Mutant, fate: Fate): Promise<void> {
  const [head, table = ""] = (await Deno.readTextFile(README)).split(TABLE_BEGIN);
  const rows = new Map<string, string>();
  for (const row of table.split("\n")) {
    const known = /^\| `([^`]+)`/.exec(row)?.[1];
    if (known !== undefined) rows.set(known, row);
  }
  const catcher = fate.what === "caught" ? fate.by : NOTHING;
  rows.set(id, `| \`${id}\` | ${cell(rule)} | \`${file}\` | ${cell(catcher)} |`);
  const known = MUTANTS.map(({ id }) => rows.get(id)).filter((row) => row !== undefined);
  const caught = known.filter((row) => !row.includes(NOTHING)).length;
  const text = [
    `${caught} of ${MUTANTS.length} are caught.`,
    "",
    "| mutant | the rule that it takes out | file | first test that fails |",
    "| --- | --- | --- | --- |",
    ...known,
    "",
  ].join("\n");
  await Deno.writeTextFile(README, `${head}${TABLE_BEGIN}\n${text}`);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", README.pathname] }).output();
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

async function main(args: string[]): Promise<number> {
  const flags = taskFlags(args, { string: ["only", "area", "tests"], boolean: ["write"] });
  const mutants = chosen(flags.only, flags.area);
  if (mutants.length === 0) {
    const areas = Object.keys(SUITES).join(", ");
    console.error(`Cannot choose: no mutant has that id or area; the areas: ${areas}`);
    return 1;
  }
  const faults = (await Promise.all(mutants.map(matchFault))).filter((fault) => fault);
  if (faults.length > 0) {
    console.error(`the table does not match the code any more:\n${faults.join("\n")}`);
    return 1;
  }
  const suites = flags.tests === undefined ? undefined : [flags.tests.split(",")];
  await using laboratory = await Laboratory.open();
  const fates = new Map<Mutant, Fate>();
  for (const mutant of mutants) {
    const fate = await laboratory.try(mutant, suites ?? SUITES[mutant.area]);
    fates.set(mutant, fate);
    console.log(lineOf(mutant, fate));
    if (flags.write && !suites) await writeRow(mutant, fate);
  }
  const survivors = [...fates.values()].filter((fate) => fate.what === "survived").length;
  console.log(`${fates.size - survivors} caught, ${survivors} survived`);
  return survivors === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
