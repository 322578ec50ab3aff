/** `fumata key`: the account's encryption key, after the enclave that holds it was attested. */
import { base64 } from "../../base/bytes.ts";
import { fetchAccountKey } from "../../enclave/client/mod.ts";
import type { Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { withProgress } from "../progress.ts";

/** The command. */
export const keyCommand: Command = {
  name: "key",
  summary: "print the key to which values for this account are encrypted",
  examples: ["fumata key > account.pem"],
  flags: [OUTPUT_FLAG, ...PROFILE_FLAGS],
  async run(args, context) {
    const target = targetOf(await loadProfile(args, context));
    const { publicKey } = await withProgress(
      context,
      "verifying the enclave",
      () => fetchAccountKey(target),
    );
    const text = base64(publicKey);
    print(args, context, { key: text }, () => {
      const lines = text.match(/.{1,64}/g) ?? [];
      return ["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----"].join("\n");
    });
    return 0;
  },
};
