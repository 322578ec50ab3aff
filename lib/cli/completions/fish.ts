/** Completions for fish (fish documentation, `complete`): one line for each command and flag. */
import type { Command, Flag } from "../command.ts";
import { fixedPlaces, flagsOf, OWN_COMMANDS, valueKind } from "./words.ts";

/** The script. */
export function fishCompletions(commands: readonly Command[]): string {
  const all = [...commands, ...OWN_COMMANDS];
  return [
    '# Completions of fumata for fish; made by "fumata completions fish".',
    "function __fumata_is",
    "    set -l words (commandline -opc)",
    '    test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"',
    "end",
    "function __fumata_at",
    "    set -l words (commandline -opc)",
    '    test (count $words) -eq $argv[2]; and test "$words[2]" = "$argv[1]"',
    "end",
    "function __fumata_wants_command",
    "    set -l words (commandline -opc)",
    '    test (count $words) -eq 1; or test "$words[2..]" = help',
    "end",
    "complete -c fumata -n __fumata_wants_command -f",
    ...all.map(({ name, summary }) =>
      `complete -c fumata -n __fumata_wants_command -a ${name} -d ${fishQuoted(summary)}`
    ),
    ...commands.flatMap((command) => [
      ...fixedPlaces(command).map(({ at, words }) =>
        `complete -c fumata -n '__fumata_at ${command.name} ${at}' -f -a ${fishQuoted(words)}`
      ),
      ...flagsOf(command).map((flag) => flagLine(command, flag)),
    ]),
    "",
  ].join("\n");
}

function flagLine(command: Command, flag: Flag): string {
  const short = flag.short ? ` -s ${flag.short}` : "";
  const value = {
    none: "",
    choice: ` -x -a ${fishQuoted(flag.choices?.join(" ") ?? "")}`,
    path: " -r -F",
    free: " -x",
  }[valueKind(flag)];
  return `complete -c fumata -n '__fumata_is ${command.name}' -l ${flag.name}${short}${value} -d ${
    fishQuoted(flag.help)
  }`;
}

/** In fish's single quotes a backslash escapes itself and the quote. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
