/**
 * `fumata encrypt`: encrypts a value to the account's key, so that only functions of the account see it: `cape:…`, to be put as or in an input.
 * With `--user` the key is taken without a token, for who gives values to somebody else's functions.
 */
import { encryptForAccount, fetchAccountKey, fetchUserKey } from "../../enclave/client/mod.ts";
import type { Command } from "../command.ts";
import { FILE_FLAG, readInput } from "../function_input.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { withProgress } from "../progress.ts";

/** The command. */
export const encryptCommand: Command = {
  name: "encrypt",
  summary: "encrypt a value that only the account's functions can read",
  positional: "[INPUT]",
  arity: [0, 1],
  examples: [
    "fumata encrypt 'the secret'",
    "fumata encrypt -f secret.bin > secret.cape",
    "fumata encrypt - --user local < secret.txt",
  ],
  flags: [
    FILE_FLAG,
    {
      name: "user",
      type: "string",
      placeholder: "NAME",
      help: "take this user's key, which needs no token",
    },
    OUTPUT_FLAG,
    ...PROFILE_FLAGS,
  ],
  async run(args, context) {
    const input = await readInput(args, args.positional[0]);
    const target = targetOf(await loadProfile(args, context));
    const user = args.text("user");
    const { publicKey } = await withProgress(
      context,
      "verifying the enclave",
      async (): Promise<{ readonly publicKey: Uint8Array }> =>
        user === undefined
          ? await fetchAccountKey(target)
          : await fetchUserKey({ ...target, user }),
    );
    const encrypted = await encryptForAccount(publicKey, input);
    print(args, context, { encrypted }, () => encrypted);
    return 0;
  },
};
