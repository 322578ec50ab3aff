/**
 * `fumata rtt`: how long a datagram takes between two members and back, estimated from the coordinates that they told about themselves
 * (`membership/coordinate.ts`). A hint for placing things, and no measurement: nothing is sent between the two.
 */
import type { MemberView } from "../../api/views.ts";
import { FumataError } from "../../base/errors.ts";
import { type Coordinate, estimateRttMs } from "../../membership/coordinate.ts";
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const rttCommand: Command = {
  name: "rtt",
  summary: "estimate the round trip between two members",
  positional: "NAME|ID [NAME|ID]",
  arity: [1, 2],
  examples: ["fumata rtt db-3", "fumata rtt db-3 db-4 --node 5000"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const answer = await findNode(args, context).get("/v1/members") as {
      readonly members: readonly MemberView[];
    };
    const [from, to] = args.positional;
    const a = placed(answer.members, from);
    const b = placed(answer.members, to);
    const estimateMs = Math.round(estimateRttMs(a.coordinate, b.coordinate) * 100) / 100;
    const data = { from: a.name, to: b.name, estimateMs };
    print(args, context, data, () => `${a.name} to ${b.name}: about ${estimateMs.toFixed(2)} ms`);
    return 0;
  },
};

/** The member of a name or id, or without one the node that answers. */
function placed(
  members: readonly MemberView[],
  wanted: string | undefined,
): { readonly name: string; readonly coordinate: Coordinate } {
  const found = members.filter((member) =>
    wanted === undefined ? member.self : member.name === wanted || member.id === wanted
  );
  const what = `Cannot estimate the round trip to "${wanted ?? "the node itself"}"`;
  if (found.length === 0) throw new FumataError("usage", `${what}: no member has this name or id`);
  if (found.length > 1) {
    throw new FumataError("usage", `${what}: several have this name, give an id`);
  }
  const [{ name, coordinate }] = found;
  if (!coordinate) throw new FumataError("failure", `${what}: it has not answered a probe yet`);
  return { name, coordinate };
}
