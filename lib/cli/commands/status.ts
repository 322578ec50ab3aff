/** `fumata status`: how a running node is. */
import type { LeaderView, StatusView } from "../../api/views.ts";
import type { Command } from "../command.ts";
import { aligned, type Cell } from "../columns.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { type Facts, formatter, JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";
import { formatFlag } from "../template.ts";
import { type Line, piece } from "../view/paint.ts";

/** What `--format` knows of a node. */
const FACTS: Facts<StatusView> = {
  name: (status) => status.name,
  id: (status) => status.id,
  address: (status) => status.address,
  cluster: (status) => status.cluster,
  checksum: (status) => status.checksum,
  enclave: (status) => status.platform ?? "-",
  policy: (status) => status.policy ?? "-",
  leader: (status) => status.leader?.name ?? "-",
  term: (status) => String(status.term),
  alive: (status) => String(status.members.alive),
  suspect: (status) => String(status.members.suspect),
  dead: (status) => String(status.members.dead),
  left: (status) => String(status.members.left),
  started: (status) => status.startedAt,
};

/** The command. */
export const statusCommand: Command = {
  name: "status",
  summary: "show how a running node is",
  examples: [
    "fumata status",
    "fumata status --node 5000 --json",
    "fumata status --format '{leader} {alive}'",
  ],
  flags: [formatFlag(Object.keys(FACTS)), OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const format = formatter(args, FACTS);
    const status = await findNode(args, context).get("/v1/status") as StatusView;
    print(
      args,
      context,
      status,
      () => format ? format(status) : text(status),
    );
    return 0;
  },
};

/** What a leader holds; only itself knows. */
function leaseWords({ kind, leads, leaseRemainingMs }: LeaderView): Cell {
  if (kind !== "roster") return "none: an open cluster has no leases";
  if (!leads) return piece("none now: it must not act as the leader", "warning");
  return piece(`${leaseRemainingMs} ms left unless renewed`, "good");
}

function text(status: StatusView): Line[] {
  const { members, leader, dropped, platform } = status;
  const counts = Object.entries(members).filter(([, count]) => count > 0);
  const drops = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  const enclave = platform === "simulated"
    ? piece("simulated (insecure)", "warning")
    : platform ?? piece("not verified yet", "warning");
  const facts: [string, Cell][] = [
    ["node", piece(status.name, "strong")],
    ["id", status.id],
    ["address", status.address],
    ["cluster", status.cluster],
    ["function", status.checksum],
    ["enclave", enclave],
    ["members", counts.map(([state, count]) => `${count} ${state}`).join(", ")],
    [
      "leader",
      leader
        ? piece(`${leader.name}, term ${leader.term}`, "good")
        : piece(`none, term ${status.term}`, "warning"),
    ],
    ...(leader?.self ? [["lease", leaseWords(leader)] satisfies [string, Cell]] : []),
    ["gossip", status.sealed ? "sealed" : "readable"],
    ["dropped", drops.length > 0 ? drops.join(", ") : "nothing"],
  ];
  return aligned(facts.map(([what, value]) => [piece(what, "quiet"), value]));
}
