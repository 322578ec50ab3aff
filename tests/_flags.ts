/** Flags of the tasks that are no commands of the program: a word that a task does not know ends it, instead of meaning nothing. */
import { parseArgs } from "@std/cli/parse-args";

/** The flags of a task by their names, texts or `true`; ends the process with 1 and one line on stderr for a word that is none of them. */
export function taskFlags(
  words: readonly string[],
  known: { readonly string?: readonly string[]; readonly boolean?: readonly string[] },
  // deno-lint-ignore no-explicit-any -- the splitter has no types
): Record<string, any> {
  return parseArgs([...words], {
    ...known,
    unknown(word: string) {
      const names = [...known.string ?? [], ...known.boolean ?? []].map((name) => `--${name}`);
      console.error(`Cannot use "${word}": the flags are ${names.join(", ")}`);
      Deno.exit(1);
    },
  });
}
