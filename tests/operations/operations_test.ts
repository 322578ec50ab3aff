/** The texts of lib/operations say what the program understands: every command line, every setting, every variable. */
import { deepStrictEqual, ok } from "node:assert";
import { COMMON_FLAGS, parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { readConfigFile } from "../../lib/cli/config/config_file.ts";
import { variableOf } from "../../lib/cli/config/layers.ts";
import { NODE_SERVICE_FLAGS } from "../../lib/cli/node_flags.ts";

const FOLDER = new URL("../../lib/operations/", import.meta.url);
const texts = [...Deno.readDirSync(FOLDER)].filter(({ isFile }) => isFile).map(({ name }) => ({
  name,
  text: Deno.readTextFileSync(new URL(name, FOLDER)),
}));

/** Words of the command lines in a text: fenced shell, `ExecStart`, and lists in YAML and container files. */
function commandLines(text: string): string[][] {
  const shell = [...text.matchAll(/^(?:fumata|ExecStart=\S*\/fumata) (.*)$/gm)]
    .map(([, rest]) => wordsOf(rest.replace(/ +#.*| > .*/, "")));
  const lists = [...text.matchAll(/(?:command:|CMD)\s+(\[[^\]]*\])/g)].map(([, list]) => {
    const words: string[] = JSON.parse(list.replace(/,\s*\]/, "]"));
    return words[0] === "fumata" ? words.slice(1) : words;
  });
  return [...shell, ...lists];
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

Deno.test("every command line is one that the program takes", async () => {
  let count = 0;
  for (const { name, text } of texts) {
    for (const [command, ...words] of commandLines(text)) {
      const entry = COMMANDS[command];
      ok(entry, `${name}: ${command}`);
      parseArguments(words, await entry.load());
      count++;
    }
  }
  ok(count >= 10, `${count} command lines were found`);
});

Deno.test("every setting of the example is one, and every variable names a setting", async () => {
  await readConfigFile(new URL("node.json", FOLDER).pathname, [
    ...NODE_SERVICE_FLAGS,
    ...COMMON_FLAGS,
  ]);
  const variables = texts.filter(({ name }) => name !== "README.md").flatMap(({ text }) =>
    [...text.matchAll(/(?:name: |Environment=|ENV )(FUMATA_\w+)/g)].map(([, variable]) => variable)
  );
  const known = NODE_SERVICE_FLAGS.map(({ name }) => variableOf(name));
  ok(variables.length >= 5);
  deepStrictEqual(variables.filter((variable) => !known.includes(variable)), []);
});

Deno.test("a unit waits longer for the end of a command than the command has", () => {
  const { text } = texts.find(({ name }) => name === "fumata-lock@.service")!;
  const [, graceS] = /--grace (\d+)/.exec(text)!;
  const [, stopS] = /TimeoutStopSec=(\d+)/.exec(text)!;
  ok(Number(stopS) > Number(graceS));
});
