/** A command's surroundings, played: what it prints is kept, its environment is what the test says. */
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { Command, CommandContext } from "../../lib/cli/command.ts";

/** What a command did. */
export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly said: string;
}

/** Runs a command to its end. Rejects with what it throws. */
export async function runCommand(
  command: Command,
  words: readonly string[],
  options: {
    env?: Record<string, string>;
    interrupted?: Promise<void>;
    onLog?: (event: string, message: string, fields: Record<string, unknown>) => void;
  } = {},
): Promise<Outcome> {
  let out = "";
  let said = "";
  const context: CommandContext = {
    out: (text) => out += text,
    say: (line) => said += line + "\n",
    env: (name) => options.env?.[name],
    stdoutIsTerminal: false,
    stdinIsTerminal: false,
    verbose: false,
    logger: () => ({
      log: (_level, event, message, fields) => options.onLog?.(event, message, { ...fields }),
    }),
    interrupted: options.interrupted ?? new Promise(() => {}),
  };
  const exitCode = await command.run(parseArguments(words, command), context);
  return { exitCode, out, said };
}
