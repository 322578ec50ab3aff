/** `fumata completions`: the script that makes a shell complete commands, flags and their values. */
import type { Command } from "../command.ts";
import { COMMANDS, loadAll } from "../commands.ts";
import { FumataError } from "../../base/errors.ts";
import { bashCompletions } from "../completions/bash.ts";
import { fishCompletions } from "../completions/fish.ts";
import { zshCompletions } from "../completions/zsh.ts";

const SHELLS: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** The command. */
export const completionsCommand: Command = {
  name: "completions",
  summary: "print the completions for a shell",
  positional: "bash|zsh|fish",
  arity: [1, 1],
  examples: [
    "fumata completions bash > ~/.local/share/bash-completion/completions/fumata",
    "fumata completions zsh > ~/.zfunc/_fumata",
    "fumata completions fish > ~/.config/fish/completions/fumata.fish",
  ],
  flags: [],
  async run(args, context) {
    const [shell] = args.positional;
    if (!Object.hasOwn(SHELLS, shell)) {
      const known = Object.keys(SHELLS).join(", ");
      throw new FumataError("usage", `Cannot complete for "${shell}": one of ${known} is wanted`);
    }
    const commands = await loadAll(COMMANDS);
    context.out(SHELLS[shell](commands.filter((command) => !command.isHidden)));
    return 0;
  },
};
