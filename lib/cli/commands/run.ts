/** `fumata run`: calls a function once and prints its output. */
import { isBase58Id } from "../../base/base58.ts";
import { base64, fromHex, fromUtf8 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { runFunction } from "../../enclave/client/mod.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { FILE_FLAG, readInput, writeOutput } from "../function_input.ts";
import { OUTPUT_FLAG, printJson } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { withProgress } from "../progress.ts";

const CHECKSUM_BYTES = 32;

/** The command. */
export const runCommand: Command = {
  name: "run",
  summary: "call a function once",
  positional: "FUNCTION_ID|USER/NAME [INPUT]",
  arity: [1, 2],
  examples: [
    `fumata run YmoDB35PKxZS9v6eaU84YR '{"node_list":["127.0.0.1:5000"]}' -c 6b6d1c8b21f89626…`,
    "fumata run YmoDB35PKxZS9v6eaU84YR -f input.json -c 6b6d1c8b21f89626…",
    "fumata run local/leader-election -f input.json -c 6b6d1c8b21f89626… > output.json",
    "cat input.json | fumata run YmoDB35PKxZS9v6eaU84YR - -c 6b6d1c8b21f89626…",
  ],
  flags: [
    {
      name: "checksum",
      short: "c",
      type: "string",
      placeholder: "HEX",
      help: "the function's checksum, pinned before the input leaves",
    },
    FILE_FLAG,
    OUTPUT_FLAG,
    ...PROFILE_FLAGS,
  ],
  async run(args, context) {
    const functionId = args.positional[0];
    if (!isBase58Id(functionId) && !/^[^/]+\/[^/]+$/.test(functionId)) {
      throw usage(
        `"${functionId}" is no function; an id of 22 letters and digits, or USER/NAME, is wanted`,
      );
    }
    const checksum = checksumOf(args);
    const input = await readInput(args, args.positional[1]);
    const target = targetOf(await loadProfile(args, context));
    const output = await withProgress(
      context,
      `running ${functionId} at ${target.url}`,
      () => runFunction({ ...target, functionId, checksum }, input),
    );
    if (args.text("output") === "json") printResult(context, output);
    else writeOutput(context, output, fromUtf8(output));
    return 0;
  },
};

function checksumOf(args: Arguments): Uint8Array {
  const text = args.text("checksum");
  if (text === undefined) {
    throw usage("the checksum is missing; give it with -c, so that nothing is sent to other code");
  }
  const bytes = fromHex(text);
  if (bytes?.length === CHECKSUM_BYTES) return bytes;
  throw usage(`"${text}" is no checksum; 64 hex digits are wanted`);
}

/** The JSON form of an output: base64, and the text when it is one. */
export function printResult(context: CommandContext, output: Uint8Array): void {
  const text = fromUtf8(output);
  printJson(context, { output: base64(output), ...(text !== undefined && { text }) });
}

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot run the function: ${message}`);
}
