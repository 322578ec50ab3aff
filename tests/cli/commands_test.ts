/** The table of commands: names, loading, help with examples that the program itself would take, suggestions. */
import { deepStrictEqual as assertEquals, ok as assert, throws } from "node:assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { Command } from "../../lib/cli/command.ts";
import { COMMANDS, loadAll } from "../../lib/cli/commands.ts";
import { commandHelp, programHelp } from "../../lib/cli/help.ts";
import { closest } from "../../lib/cli/suggestion.ts";
import { fumataCalls } from "./_shell_words.ts";

const all = await loadAll(COMMANDS);
const commands = all.filter((command) => !command.isHidden);
const messageOf = (words: string[], command: Command): string => {
  try {
    parseArguments(words, command);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return "";
};

Deno.test("every command is called what the table calls it", () => {
  assertEquals(all.map((command) => command.name), Object.keys(COMMANDS));
});

Deno.test("the list of commands has each one's own summary, and leaves out the hidden ones", () => {
  for (const { name, summary, isHidden } of all) {
    assertEquals(COMMANDS[name].summary, isHidden ? undefined : summary, name);
  }
});

Deno.test("starting the program reads no command before one is named", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", main] })
    .output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string }[];
  };
  const read = modules.map(({ specifier }) => specifier);
  assert(read.some((specifier) => specifier.endsWith("/lib/cli/commands.ts")));
  assertEquals(read.filter((specifier) => specifier.includes("/lib/cli/commands/")), []);
});

Deno.test("the help of the program loads no command", () => {
  const load = () => Promise.reject(new Error("a command was loaded"));
  const help = programHelp({ one: { summary: "do one thing", load }, two: { load } }, "1.2.3");
  assert(help.includes("  one  do one thing\n") && !help.includes("two"));
});

Deno.test("every command has an example, and each example is one that it takes", () => {
  for (const command of commands) {
    assert(command.examples.length > 0, `${command.name} has no example`);
    for (const example of command.examples) {
      const calls = fumataCalls(example);
      assert(calls.length > 0, `no call of fumata in: ${example}`);
      for (const { words: [name, ...words] } of calls) {
        const called = commands.find((one) => one.name === name);
        assert(called, `there is no ${name}: ${example}`);
        parseArguments(words, called);
      }
      assert(
        calls.some(({ words }) => words[0] === command.name),
        `an example of ${command.name} does not call it: ${example}`,
      );
    }
  }
});

Deno.test("no command has two flags of one name, or one that every command has", () => {
  for (const command of commands) {
    const names = command.flags.flatMap((flag) => [flag.name, ...flag.aliases ?? []]);
    assertEquals(names.filter((name, at) => names.indexOf(name) !== at), [], command.name);
    assert(!names.some((name) => ["help", "verbose", "log", "log-format"].includes(name)));
    const shorts = command.flags.flatMap((flag) => flag.short ?? []);
    assertEquals(shorts.filter((name, at) => shorts.indexOf(name) !== at), [], command.name);
  }
});

Deno.test("the help of the program names every command, that of a command begins with examples", () => {
  const whole = programHelp(COMMANDS, "1.2.3");
  assert(all.some((command) => command.isHidden && !whole.includes(`  ${command.name} `)));
  for (const command of commands) {
    assert(whole.includes(`  ${command.name} `), command.name);
    const help = commandHelp(command);
    assert(help.indexOf(command.examples[0]) < help.indexOf("Usage:"), command.name);
    for (const flag of command.flags) assert(help.includes(`--${flag.name}`), flag.name);
  }
});

Deno.test("what flags mean is broken between words to fit the window", () => {
  const node = commands.find((command) => command.name === "node")!;
  for (const columns of [80, 100]) {
    const flags = commandHelp(node, columns).split("Flags:")[1].split("\n");
    const list = programHelp(COMMANDS, "1.2.3", columns).split("\n");
    assertEquals(list.filter((line) => line.length > columns), []);
    // A word without a space may be longer.
    assertEquals(flags.filter((line) => line.length > columns && line.trim().includes(" ")), []);
  }
  const words = (text: string) => text.split(/\s+/).join(" ");
  assertEquals(words(commandHelp(node, 80)), words(commandHelp(node, 1000)));
  assertEquals(
    words(programHelp(COMMANDS, "1.2.3", 80)),
    words(programHelp(COMMANDS, "1.2.3", 1000)),
  );
});

Deno.test("a mistyped flag is refused with the one that was meant", () => {
  const members = commands.find((command) => command.name === "members")!;
  assertEquals(
    messageOf(["--stat", "alive"], members),
    'Cannot use "--stat": members has no such flag; did you mean --state?',
  );
  assertEquals(
    messageOf(["--quite-another"], members),
    'Cannot use "--quite-another": members has no such flag; "fumata help members" lists its flags',
  );
  // What stands behind the flag must not decide whether it is known.
  throws(() => parseArguments(["--stat=alive"], members), /did you mean --state/);
});

Deno.test("an alias stands for its flag and is not shown", () => {
  const members = commands.find((command) => command.name === "members")!;
  assertEquals(parseArguments(["--log", "json"], members).text("log-format"), "json");
  assertEquals(parseArguments(["--log-format", "json"], members).text("log-format"), "json");
  assert(!/--log /.test(commandHelp(members)));
});

Deno.test("suggestions are near words only", () => {
  const names = Object.keys(COMMANDS);
  assertEquals(closest("lader", names), "leader");
  assertEquals(closest("mmebers", names), "members");
  assertEquals(closest("zebra", names), undefined);
});
