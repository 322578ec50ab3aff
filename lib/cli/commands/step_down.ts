/** `fumata step-down`: makes the leader of a roster cluster give its lease back, so that another is elected at once. */
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const stepDownCommand: Command = {
  name: "step-down",
  summary: "have the leader give its lease back",
  examples: ["fumata step-down --node 5000"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const answer = await findNode(args, context).post("/v1/step-down", {}) as { term: number };
    print(args, context, answer, () => `stepped down from term ${answer.term}`);
    return 0;
  },
};
