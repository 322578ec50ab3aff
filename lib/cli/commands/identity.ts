/** `fumata identity`: the key of a state folder, made if there is none, for the roster in a `cluster.json`. */
import { base64url } from "../../base/bytes.ts";
import { StateStore } from "../../node/state_store.ts";
import { FumataError } from "../../base/errors.ts";
import type { Command } from "../command.ts";
import { print } from "../output.ts";

/** The command. */
export const identityCommand: Command = {
  name: "identity",
  summary: "print the key of a node's state folder, for a roster",
  examples: [
    "fumata identity --state node-1",
    "fumata identity --state node-1 --json",
  ],
  flags: [
    { name: "state", type: "string", placeholder: "DIR", help: "state folder; made if need be" },
    { name: "json", type: "boolean", help: "print JSON" },
  ],
  run(args, context) {
    const folder = args.text("state");
    if (folder === undefined) {
      throw new FumataError("usage", "Cannot print an identity: name its folder with --state DIR");
    }
    using store = StateStore.open(folder);
    const { id, publicKey } = store.identity;
    const key = base64url(publicKey);
    print(args, context, { id, key }, () => `id   ${id}\nkey  ${key}`);
    return Promise.resolve(0);
  },
};
