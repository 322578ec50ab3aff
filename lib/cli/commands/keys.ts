/**
 * `fumata keys`: the cluster keys of a running node. A key is changed without downtime by three rounds over all nodes: add the new one, then
 * use it, then remove the old one. Keys are read from files and shown by their ids.
 */
import type { KeysView } from "../../api/views.ts";
import { base64 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { KeyringFile } from "../../node/keyring_file.ts";
import type { Arguments, Command } from "../command.ts";
import { findNode, NODE_FLAGS, type NodeLink } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

const ROOT = "/v1/cluster-keys";

/** The command. */
export const keysCommand: Command = {
  name: "keys",
  summary: "list or change the cluster keys of a running node",
  positional: "list|add|use|remove [FILE|ID]",
  arity: [1, 2],
  examples: [
    "fumata keys list --node 5000",
    "fumata keys add new.key --node 5000",
    "fumata keys use 1f0c99ab --node 5000",
    "fumata keys remove 77e0d2c4 --node 5000",
  ],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const ask = question(args);
    const answer = await ask(findNode(args, context)) as KeysView;
    print(
      args,
      context,
      answer,
      () => answer.keys.map((id) => id === answer.primary ? `${id}  in use` : id).join("\n"),
    );
    return 0;
  },
};

/** What to ask the node, once what it needs is there. */
function question(args: Arguments): (node: NodeLink) => Promise<unknown> {
  const [action, what] = args.positional;
  if (action === "list") {
    if (what === undefined) return (node) => node.get(ROOT);
    throw usage(`"${what}" is one word too many behind list`);
  }
  if (action !== "add" && action !== "use" && action !== "remove") {
    throw usage(`"${action}" is not known; list, add, use or remove is wanted`);
  }
  if (what === undefined) {
    throw usage(action === "add" ? "the file with the key is missing" : "the key's id is missing");
  }
  if (action !== "add") return (node) => node.post(`${ROOT}/${action}`, { id: what });
  const [key] = KeyringFile.open(what).keyring;
  return (node) => node.post(`${ROOT}/add`, { key: base64(key.secret) });
}

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot use keys: ${message}`);
}
