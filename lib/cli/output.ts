/** The flag `-o json` of commands that print facts, and the two forms of their output. */
import type { Arguments, CommandContext, Flag } from "./command.ts";

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
  const line = args.text("output") === "json" || args.has("json")
    ? JSON.stringify(value, null, 2)
    : text();
  context.out(line === "" || line.endsWith("\n") ? line : line + "\n");
}
