/** A command's surroundings, played: what it prints is kept, its environment is what the test says. */
import { concat } from "../../lib/base/bytes.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { Command, CommandContext } from "../../lib/cli/command.ts";

/** What a command did. */
export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  /** What was written as bytes. */
  readonly bytes: Uint8Array;
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
  let bytes = new Uint8Array();
  const context: CommandContext = {
    out: (text) => out += text,
    outBytes: (more) => bytes = concat(bytes, more),
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
  return { exitCode, out, bytes, said };
}
