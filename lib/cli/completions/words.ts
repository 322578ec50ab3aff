/** What completions offer, told from the table of commands: the words of a command, and what the value of a flag is. */
import { COMMON_FLAGS } from "../arguments.ts";
import type { Command, Flag } from "../command.ts";

/** Commands that the program answers itself. */
export const OWN_COMMANDS: readonly { readonly name: string; readonly summary: string }[] = [
  { name: "help", summary: "show what there is, or everything about one command" },
  { name: "version", summary: "print the version" },
];

/** Flags of a command with those that every command has. */
export function flagsOf(command: Command): readonly Flag[] {
  return [...command.flags, ...COMMON_FLAGS];
}

/** What may stand behind a flag. */
export type ValueKind = "none" | "choice" | "path" | "free";

/** The kind of a flag's value; paths are told by what stands for them in the help. */
export function valueKind(flag: Flag): ValueKind {
  if (flag.type === "boolean") return "none";
  if (flag.choices) return "choice";
  return /FILE|DIR|FOLDER|ZIP/.test(flag.placeholder ?? "") ? "path" : "free";
}

/** The spellings of a flag, the long one first. */
export function spellings(flag: Flag): readonly string[] {
  return [`--${flag.name}`, ...(flag.short ? [`-${flag.short}`] : [])];
}

/** The words that may stand at each place behind a command, none where anything may; as with paths, the help tells them. */
export function wordsByPlace({ positional = "" }: Command): readonly (readonly string[])[] {
  return positional.split(" ").map((place) => {
    const words = place.replaceAll(/[[\]]/g, "");
    return /^[a-z]+(\|[a-z]+)*$/.test(words) ? words.split("|") : [];
  });
}

/** The places with words of a command line, counted as bash and fish do: the program is word 0, its command word 1. */
export function fixedPlaces(
  command: Command,
): readonly { readonly at: number; readonly words: string }[] {
  return wordsByPlace(command).flatMap((words, place) =>
    words.length > 0 ? [{ at: place + 2, words: words.join(" ") }] : []
  );
}

/** A text as one word of a POSIX shell or zsh. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
