/**
 * The guides say what is: every command line is one that the program takes, every link leads somewhere, every message is one that the code
 * prints, and the table of log events is that of the code.
 */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS, loadAll } from "../../lib/cli/commands.ts";
import { eventsOfTheCode, sourcesOfTheCode } from "./_log_events.ts";
import { fumataCalls } from "./_shell_words.ts";

const FOLDER = new URL("../../lib/guides/", import.meta.url);
const commands = await loadAll(COMMANDS);
const guides = [...Deno.readDirSync(FOLDER)].map(({ name }) => ({
  name,
  text: Deno.readTextFileSync(new URL(name, FOLDER)),
}));

/** The shell blocks of a guide and its calls of fumata within sentences. */
function shellOf(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, block]) => block);
  const inline = text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "").matchAll(/`(fumata [^`]*)`/g);
  return [...blocks, ...[...inline].map(([, call]) => call)];
}

for (const { name, text } of guides) {
  Deno.test(`every command line of ${name} is one that the program takes`, () => {
    for (const { line, words: [command, ...words] } of shellOf(text).flatMap(fumataCalls)) {
      if (command === "help") continue;
      const called = commands.find((one) => one.name === command);
      assert(called, `there is no ${command}: ${line}`);
      // In a sentence a command's bare name stands for it.
      if (words.length > 0) parseArguments(words, called);
    }
  });

  Deno.test(`every link of ${name} leads to a file`, () => {
    for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
      assert(Deno.statSync(new URL(target, new URL(name, FOLDER))), target);
    }
  });
}

Deno.test("the index names every guide", () => {
  const index = guides.find(({ name }) => name === "README.md")!.text;
  for (const { name } of guides) {
    if (name !== "README.md") assert(index.includes(`(${name})`), name);
  }
});

Deno.test("every message in the table of symptoms is one that the code prints", () => {
  const { text } = guides.find(({ name }) => name === "what_to_do.md")!;
  // What is put together from several texts is one, and what is filled in is left open.
  const code = sourcesOfTheCode().map((source) =>
    source.replaceAll(/["`]\s*\+\s*["`]/g, "").replaceAll(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, "…")
      .replaceAll('\\"', '"')
  ).join("\n");
  const rows = [...text.matchAll(/^\| `([^`]+)`\s*\|/gm)].map(([, message]) => message);
  assert(rows.length >= 15);
  for (const message of rows) {
    for (const part of message.split("…").map((part) => part.trim())) {
      // The reason behind a colon or a semicolon may stand elsewhere in the code.
      const reasons = code.includes(part) ? [part] : part.split(/[:;] /);
      for (const reason of reasons) {
        assert(code.includes(reason), `no source prints "${reason}" of: ${message}`);
      }
    }
  }
});

Deno.test("the table of log events is that of the code, with the levels that it names", () => {
  const { text } = guides.find(({ name }) => name === "logs.md")!;
  const rows = [...text.matchAll(/^\| `([a-z-]+)`\s*\| ([a-z, ]+?)\s*\|/gm)];
  const documented = new Map(rows.map(([, name, levels]) => [name, levels.split(", ")]));
  assertEquals(documented.size, rows.length);
  const events = eventsOfTheCode();
  assertEquals([...documented.keys()].sort(), [...events.keys()].sort());
  for (const [name, levels] of events) {
    for (const level of levels) {
      assert(documented.get(name)!.includes(level), `${name} is also logged as ${level}`);
    }
  }
});
