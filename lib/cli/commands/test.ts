/** `fumata test`: runs a folder's function once in the enclave, without deploying it. */
import { fromUtf8 } from "../../base/bytes.ts";
import { testPackage } from "../../enclave/client/mod.ts";
import { packFolder } from "../../package/mod.ts";
import type { Command } from "../command.ts";
import { FILE_FLAG, readInput, writeOutput } from "../function_input.ts";
import { OUTPUT_FLAG } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { printResult } from "./run.ts";
import { withProgress } from "../progress.ts";

/** The command. */
export const testCommand: Command = {
  name: "test",
  summary: "run a function once without deploying it",
  positional: "FOLDER [INPUT]",
  arity: [1, 2],
  examples: [
    `fumata test function/leader-election '{"describe":{}}'`,
    "cat input.json | fumata test ./my-function -",
  ],
  flags: [FILE_FLAG, OUTPUT_FLAG, ...PROFILE_FLAGS],
  async run(args, context) {
    const [folder, word] = args.positional;
    const input = await readInput(args, word);
    const { zip } = await packFolder(folder);
    const target = targetOf(await loadProfile(args, context));
    const output = await withProgress(
      context,
      `running ${folder}`,
      () => testPackage({ ...target, zip, input }),
    );
    if (args.text("output") === "json") printResult(context, output);
    else writeOutput(context, output, fromUtf8(output));
    return 0;
  },
};
