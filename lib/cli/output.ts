/** The forms in which commands print facts: text for people, JSON for programs, or a line after the user's own template. */
import { FumataError } from "../base/errors.ts";
import type { Arguments, CommandContext, Flag } from "./command.ts";
import { parseTemplate } from "./template.ts";
import { capabilitiesOf } from "./view/capabilities.ts";

/** `-o text|json`. */
export const OUTPUT_FLAG: Flag = {
  name: "output",
  short: "o",
  type: "string",
  choices: ["text", "json"],
  default: "text",
  help: "form of the output",
};

/** `--json`, the same in one word. */
export const JSON_FLAG: Flag = { name: "json", type: "boolean", help: "print JSON" };

/** Prints a value as JSON when that was asked for, else the text; either ends with a newline. */
export function print(
  args: Arguments,
  context: CommandContext,
  value: unknown,
  text: () => string,
): void {
  const line = wantsJson(args) ? JSON.stringify(value, null, 2) : text();
  context.out(line === "" || line.endsWith("\n") ? line : line + "\n");
}

/** Whether JSON was asked for, in either way. */
export function wantsJson(args: Arguments): boolean {
  return args.text("output") === "json" || args.has("json");
}

/** Whether what is written to stdout may be coloured. */
export function wantsColour(context: CommandContext): boolean {
  return context.stdoutIsTerminal && capabilitiesOf(context.env).colour;
}

/** A fact by the name of its placeholder. */
export type Facts<Value> = Readonly<Record<string, (value: Value) => string>>;

/**
 * How `--format` prints a value: `undefined` without that flag. Called before anything is asked of a node, so that a mistake in the template is
 * the first thing that is told. Throws a usage error.
 */
export function formatter<Value>(
  args: Arguments,
  facts: Facts<Value>,
): ((value: Value) => string) | undefined {
  const text = args.text("format");
  if (text === undefined) return undefined;
  if (wantsJson(args)) {
    throw new FumataError("usage", "Cannot use --format and JSON at once: each says all of a form");
  }
  const names = Object.keys(facts);
  const fill = parseTemplate(text, names);
  return (value) => fill(Object.fromEntries(names.map((name) => [name, facts[name](value)])));
}
