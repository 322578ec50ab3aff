/** `fumata status`: how a running node is. */
import type { StatusView } from "../../api/views.ts";
import type { Command } from "../command.ts";
import { columns } from "../columns.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const statusCommand: Command = {
  name: "status",
  summary: "show how a running node is",
  examples: ["fumata status", "fumata status --node 5000 --json"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const status = await findNode(args, context).get("/v1/status") as StatusView;
    print(args, context, status, () => text(status));
    return 0;
  },
};

function text(status: StatusView): string {
  const { members, leader, dropped } = status;
  const counts = Object.entries(members).filter(([, count]) => count > 0);
  const drops = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  const [heading, ...rows] = [
    ["node", status.name],
    ["id", status.id],
    ["address", status.address],
    ["cluster", status.cluster],
    ["function", status.checksum],
    ["enclave", status.platform ?? "not verified yet"],
    ["members", counts.map(([state, count]) => `${count} ${state}`).join(", ")],
    ["leader", leader ? `${leader.name}, term ${leader.term}` : `none, term ${status.term}`],
    ["gossip", status.sealed ? "sealed" : "readable"],
    ["dropped", drops.length > 0 ? drops.join(", ") : "nothing"],
  ];
  return columns(heading, rows);
}
