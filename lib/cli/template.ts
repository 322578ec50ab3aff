/**
 * A line of output as the user wants it: `{name} {state}` with one value for each placeholder. No conditions and no loops; what needs
 * them takes `--json` and a program for it.
 *
 * `{{` and `}}` stand for braces, `\t` and `\n` for a tabulator and a line end, `\\` for a backslash.
 */
import { FumataError } from "../base/errors.ts";
import type { Flag } from "./command.ts";
import { closest } from "./suggestion.ts";

/** Fills in one line from values by their names. */
export type Template = (values: Readonly<Record<string, string>>) => string;

/** `--format TEMPLATE` with the placeholders that a command knows. */
export function formatFlag(names: readonly string[]): Flag {
  const shown = names.map((name) => `{${name}}`).join(" ");
  return { name: "format", type: "string", placeholder: "TEMPLATE", help: `print ${shown}` };
}

/** Reads a template. Throws a usage error for a placeholder that is not among the names, and for a brace that stands alone. */
export function parseTemplate(text: string, names: readonly string[]): Template {
  const pieces: ((values: Readonly<Record<string, string>>) => string)[] = [];
  for (const [whole, escaped, name] of text.matchAll(PIECE)) {
    if (name !== undefined) {
      if (!names.includes(name)) throw unknown(text, name, names);
      pieces.push((values) => values[name]);
    } else if (escaped !== undefined) {
      pieces.push(() => ESCAPES[escaped]);
    } else if (whole === "{" || whole === "}") {
      throw usage(text, `"${whole}" stands alone; write "${whole}${whole}" for the character`);
    } else {
      pieces.push(() => whole);
    }
  }
  return (values) => pieces.map((piece) => piece(values)).join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "{{": "{",
  "}}": "}",
  "\\t": "\t",
  "\\n": "\n",
  "\\\\": "\\",
};

/** An escape, a placeholder, or anything else. */
const PIECE = /(\{\{|\}\}|\\[tn\\])|\{([^{}]*)\}|[{}\\]|[^{}\\]+/g;

function unknown(text: string, name: string, names: readonly string[]): FumataError {
  const near = closest(name, names);
  const hint = near ? `did you mean {${near}}?` : `there are ${names.join(", ")}`;
  return usage(text, `there is no {${name}}; ${hint}`);
}

function usage(text: string, what: string): FumataError {
  return new FumataError("usage", `Cannot use --format "${text}": ${what}`);
}
