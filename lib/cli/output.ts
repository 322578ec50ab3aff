/**
 * The forms in which commands print facts: text for people, JSON for programs, or a line after the user's own template. What is printed here may
 * come from strangers; no form of it holds anything that a terminal obeys.
 */
import { FumataError } from "../base/errors.ts";
import { plainJson, plainLine, plainText } from "../base/plain_text.ts";
import type { Arguments, CommandContext, Flag } from "./command.ts";
import { parseTemplate } from "./template.ts";
import { capabilitiesOf } from "./view/capabilities.ts";
import { type Line, painted } from "./view/paint.ts";

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

/** Prints a value as JSON when that was asked for, else the text; either ends with a newline. Lines of pieces are coloured on a terminal. */
export function print(
  args: Arguments,
  context: CommandContext,
  value: unknown,
  text: () => string | readonly Line[],
): void {
  if (wantsJson(args)) printJson(context, value);
  else printText(context, text());
}

/** Prints a value as JSON. */
export function printJson({ out }: CommandContext, value: unknown): void {
  out(plainJson(value, 2) + "\n");
}

/** Prints a text, or lines of pieces, which are coloured on a terminal. */
export function printText(context: CommandContext, text: string | readonly Line[]): void {
  const plain = typeof text === "string" ? plainText(text) : painted(text, wantsColour(context));
  context.out(plain === "" || plain.endsWith("\n") ? plain : plain + "\n");
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
  return (value) =>
    fill(Object.fromEntries(names.map((name) => [name, plainLine(facts[name](value))])));
}
