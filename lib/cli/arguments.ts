/**
 * From the words of the command line to checked flag values, after a command's own table of flags. Splitting words is done by
 * `@std/cli`; everything beyond it (unknown flags with a suggestion, ranges, choices, missing values) is checked here.
 */
// @std/cli carries no types on every registry, so its one function is typed here.
import { parseArgs } from "@std/cli/parse-args";
import { FumataError } from "../base/errors.ts";
import type { Arguments, Command, Flag } from "./command.ts";
import { closest } from "./suggestion.ts";

/** Flags that every command takes. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: "help", short: "h", type: "boolean", help: "show this help" },
  { name: "verbose", type: "boolean", help: "show stack traces of errors" },
  {
    name: "log-format",
    aliases: ["log"],
    type: "string",
    choices: ["text", "json"],
    default: "text",
    help: "form of the log lines",
  },
  {
    name: "log-level",
    type: "string",
    choices: ["debug", "info", "warn", "error"],
    default: "info",
    help: "least urgent level that is logged",
  },
];

/** What the words of a command are read after. */
export type CommandWords = Pick<Command, "name" | "flags" | "positional" | "arity" | "takesRest">;

/** The seeds' spelling of the checksum flag, which no parser of short flags can know. */
const CHECKSUM_ALIAS = /^-fh(?==|$)/;

/** The longest word that is taken; longer ones are not typed by people. */
const WORD_CHARACTERS_MAX = 1_000_000;

/** Reads the words behind the command name. Throws a usage error that says which word is wrong and what is wanted. */
export function parseArguments(words: readonly string[], command: CommandWords): Arguments {
  const flags = [...command.flags, ...COMMON_FLAGS];
  const end = words.indexOf("--");
  const own = (end < 0 ? words : words.slice(0, end)).map((word) =>
    word.replace(CHECKSUM_ALIAS, "--checksum")
  );
  const after = end < 0 ? [] : words.slice(end + 1);
  if (after.length > 0 && !command.takesRest) {
    throw usage(`Cannot use "${after[0]}" behind "--": ${command.name} takes nothing there`);
  }
  if (own.some((word) => word.length > WORD_CHARACTERS_MAX)) {
    throw usage(`Cannot use an argument of more than ${WORD_CHARACTERS_MAX} characters`);
  }
  // The splitter keeps the other words under this name, and a flag of the name would take their place.
  const taken = own.find((word) => /^-+_/.test(word));
  if (taken !== undefined) throw usage(`Cannot use "${taken}": ${command.name} has no such flag`);
  const parsed = split(own, flags, command);
  const values = new Map(flags.map((flag) => [flag.name, valuesOf(parsed[flag.name], flag)]));
  const positional = parsed._.map(String);
  checkArity(positional, command);
  const one = (name: string): string | undefined => values.get(name)?.at(-1);
  return {
    positional,
    after,
    text: one,
    number: (name) => one(name) === undefined ? undefined : Number(one(name)),
    has: (name) => one(name) === "true",
    list: (name) => values.get(name) ?? [],
  };
}

type Parsed = Record<string, unknown> & { _: unknown[] };

function split(words: string[], flags: readonly Flag[], command: CommandWords): Parsed {
  return parseArgs(words, {
    boolean: flags.filter((flag) => flag.type === "boolean").map((flag) => flag.name),
    string: [...flags.filter((flag) => flag.type !== "boolean").map((flag) => flag.name), "_"],
    collect: flags.filter((flag) => flag.type !== "boolean").map((flag) => flag.name),
    alias: Object.fromEntries(
      flags.map((flag) => [
        flag.name,
        [...(flag.aliases ?? []), ...(flag.short ? [flag.short] : [])],
      ]),
    ),
    unknown: (word: string, key?: string) => {
      if (key === undefined) return true;
      const near = closest(key, flags.map((flag) => flag.name));
      const hint = near
        ? `did you mean --${near}?`
        : `"fumata help ${command.name}" lists its flags`;
      throw usage(`Cannot use "${word}": ${command.name} has no such flag; ${hint}`);
    },
  }) as Parsed;
}

function valuesOf(parsed: unknown, flag: Flag): readonly string[] {
  if (flag.type === "boolean") return parsed === true ? ["true"] : [];
  const values = (Array.isArray(parsed) ? parsed : parsed === undefined ? [] : [parsed]).map(
    String,
  );
  for (const value of values) checkValue(value, flag);
  return values;
}

/** Throws a usage error for a value that the flag does not take; `name` is where it stands. */
export function checkValue(value: string, flag: Flag, name = `--${flag.name}`): void {
  if (value === "") {
    throw usage(`Cannot use ${name}: it needs a value (${flag.placeholder ?? "VALUE"})`);
  }
  if (flag.type === "number") {
    const [low, high] = flag.range ?? [0, Number.MAX_SAFE_INTEGER];
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
    if (!(number >= low && number <= high)) {
      throw usage(`Cannot use ${name} "${value}": a number of ${low}..${high} is wanted`);
    }
  }
  if (flag.choices && !flag.choices.includes(value)) {
    throw usage(`Cannot use ${name} "${value}": one of ${flag.choices.join(", ")} is wanted`);
  }
}

function checkArity(positional: readonly string[], command: CommandWords): void {
  const [least, most] = command.arity ?? [0, 0];
  const wanted = command.positional ?? "no arguments";
  if (positional.length < least) {
    throw usage(
      `Cannot run ${command.name}: ${wanted} is missing; see "fumata help ${command.name}"`,
    );
  }
  if (positional.length > most) {
    throw usage(`Cannot use "${positional[most]}": ${command.name} takes ${wanted}`);
  }
}

function usage(message: string): FumataError {
  return new FumataError("usage", message);
}
