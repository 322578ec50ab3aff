/** The help texts, made from the table of commands: examples first, then flags. */
import { COMMON_FLAGS } from "./arguments.ts";
import type { Command, Flag } from "./command.ts";
import type { CommandTable } from "./commands.ts";

/** Where there is no window to fit into: what people read comfortably. */
const COLUMNS_DEFAULT = 100;

/** A column of text narrower than this is worse than lines that the terminal breaks. */
const TEXT_COLUMNS_MIN = 24;

const EXIT_CODES_LINE =
  "Exit codes: 0 done, 1 usage or general failure, 2 node or enclave out of reach, 3 evidence, pin or signature " +
  "refused, 4 no leader, 5 function failed, 6 leadership lost, 70 a bug of fumata.";

/** Help of the whole program, in lines of at most `columns` characters where words allow it; it loads no command. */
export function programHelp(
  commands: CommandTable,
  version: string,
  columns = COLUMNS_DEFAULT,
): string {
  const listed = Object.entries(commands).flatMap(([name, { summary }]) =>
    summary === undefined ? [] : [[name, summary] as const]
  );
  return [
    ...wrapped(
      `fumata ${version}: elects the leader of a cluster inside an enclave, and proves it.`,
      columns,
    ),
    "",
    "Try:",
    ...twoColumns([
      ["fumata demo", "the whole system on this machine"],
      ["fumata help node", "everything about one command"],
    ], columns),
    "",
    "Commands:",
    ...twoColumns(listed, columns),
    "",
    ...wrapped(EXIT_CODES_LINE, columns),
    "",
  ].join("\n");
}

/** Help of one command, in lines of at most `columns` characters where words allow it. */
export function commandHelp(command: Command, columns = COLUMNS_DEFAULT): string {
  const usage = ["fumata", command.name, command.positional, "[flags]"].filter(Boolean).join(" ");
  return [
    `${command.name}: ${command.summary}`,
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
    `Usage: ${usage}${command.takesRest ? " -- COMMAND [ARGUMENTS]" : ""}`,
    "",
    ...flagLines("Flags:", command.flags, columns),
    ...flagLines("Flags of every command:", COMMON_FLAGS, columns),
  ].join("\n");
}

function flagLines(title: string, flags: readonly Flag[], columns: number): string[] {
  if (flags.length === 0) return [];
  const heads = flags.map((flag) => {
    const short = flag.short ? `-${flag.short}, ` : "    ";
    const seeds = flag.name === "checksum" ? " (-fh)" : "";
    const value = flag.type === "boolean" ? "" : ` ${flag.placeholder ?? "VALUE"}`;
    const more = flag.type === "list" ? "…" : "";
    return `${short}--${flag.name}${value}${more}${seeds}`;
  });
  const texts = flags.map((flag) => {
    const notes = [
      flag.choices?.join("|"),
      flag.range && `${flag.range[0]}..${flag.range[1]}`,
      flag.default && `default ${flag.default}`,
    ].filter(Boolean).join("; ");
    return `${flag.help}${notes ? ` (${notes})` : ""}`;
  });
  return [title, ...twoColumns(heads.map((head, i) => [head, texts[i]]), columns), ""];
}

/** Names and what they mean, side by side; what does not fit goes on below itself. */
function twoColumns(
  rows: readonly (readonly [head: string, text: string])[],
  columns: number,
): string[] {
  const width = Math.max(...rows.map(([head]) => head.length));
  const indent = " ".repeat(width + 4);
  return rows.flatMap(([head, text]) => {
    const [first, ...more] = wrapped(text, columns - width - 4);
    return [`  ${head.padEnd(width)}  ${first}`, ...more.map((line) => indent + line)];
  });
}

/** Breaks a text between words. */
function wrapped(text: string, columns: number): string[] {
  const most = Math.max(TEXT_COLUMNS_MIN, columns);
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
