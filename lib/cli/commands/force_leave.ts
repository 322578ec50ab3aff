/**
 * `fumata force-leave`: a running node gives up a member that does not answer. Nobody can sign another's farewell, so the others are told
 * no more than that it is dead, and each forgets it in its own time; a member that comes back is a member again.
 */
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const forceLeaveCommand: Command = {
  name: "force-leave",
  summary: "have a running node forget a member that failed",
  positional: "NAME|ID",
  arity: [1, 1],
  examples: ["fumata force-leave 10.0.0.8:5000", "fumata force-leave db-3 --node 5000"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const [member] = args.positional;
    const answer = await findNode(args, context).post("/v1/force-leave", { member });
    print(args, context, answer, () => `${member} is forgotten`);
    return 0;
  },
};
