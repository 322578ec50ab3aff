/** `fumata leave`: makes a running node tell the others that it leaves, and stop. */
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const leaveCommand: Command = {
  name: "leave",
  summary: "have a running node leave the cluster and stop",
  examples: ["fumata leave --node 5000"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const answer = await findNode(args, context).post("/v1/leave", {});
    print(args, context, answer, () => "left the cluster");
    return 0;
  },
};
