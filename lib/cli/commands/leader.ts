/** `fumata leader`: whom a running node respects as the leader; exit code 4 when there is none. */
import type { LeaderView } from "../../api/views.ts";
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const leaderCommand: Command = {
  name: "leader",
  summary: "show the leader that a node respects",
  examples: ["fumata leader", "fumata leader --node 5000 --json"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const leader = await findNode(args, context).get("/v1/leader") as LeaderView;
    print(args, context, leader, () => {
      const who = leader.self ? `${leader.name} (the node itself)` : leader.name;
      return `${who}, term ${leader.term}, id ${leader.id}`;
    });
    return 0;
  },
};
