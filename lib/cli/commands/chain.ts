/** `fumata chain`: the chain of certificates that a running node keeps, with the keys and their evidence, for `fumata audit` anywhere. */
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, printJson } from "../output.ts";

/** The command. */
export const chainCommand: Command = {
  name: "chain",
  summary: "print the chain of certificates that a node keeps",
  examples: ["fumata chain > chain.json", "fumata chain --node 5000 > chain.json"],
  flags: [JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const chain = await findNode(args, context).get("/v1/chain");
    printJson(context, chain);
    return 0;
  },
};
