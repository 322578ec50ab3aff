/** `fumata members`: who is there, as a running node sees it. */
import type { MemberView } from "../../api/views.ts";
import { FumataError } from "../../base/errors.ts";
import type { Arguments, Command } from "../command.ts";
import { columns } from "../columns.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** The command. */
export const membersCommand: Command = {
  name: "members",
  summary: "list the members that a node sees",
  examples: [
    "fumata members",
    "fumata members --node 5000 --state alive --tag zone=b",
    "fumata members --json",
  ],
  flags: [
    {
      name: "state",
      type: "list",
      choices: ["alive", "suspect", "dead", "left"],
      help: "only members in this state; several times for several",
    },
    {
      name: "tag",
      type: "list",
      placeholder: "KEY[=VALUE]",
      help: "only members with this tag; several times: with all of them",
    },
    OUTPUT_FLAG,
    JSON_FLAG,
    ...NODE_FLAGS,
  ],
  async run(args, context) {
    const answer = await findNode(args, context).get("/v1/members") as {
      readonly members: readonly MemberView[];
    };
    const members = answer.members.filter(filterOf(args));
    print(args, context, members, () => table(members));
    return 0;
  },
};

function filterOf(args: Arguments): (member: MemberView) => boolean {
  const states = args.list("state");
  const tags = args.list("tag").map((text) => {
    const [, key, value] = /^([^=]+)(?:=(.*))?$/.exec(text) ?? [];
    if (key === undefined) {
      throw new FumataError("usage", `Cannot use --tag "${text}": KEY or KEY=VALUE is wanted`);
    }
    return { key, value };
  });
  return (member) =>
    (states.length === 0 || states.includes(member.state)) &&
    tags.every(({ key, value }) =>
      Object.hasOwn(member.tags, key) && (value === undefined || member.tags[key] === value)
    );
}

function table(members: readonly MemberView[]): string {
  return columns(
    ["NAME", "ADDRESS", "STATE", "SINCE", "INCARNATION", "RTT", "TAGS"],
    members.map((member) => [
      member.self ? `${member.name} *` : member.name,
      member.address,
      member.state,
      member.since.replace(/\.\d+Z$/, "Z"),
      String(member.incarnation),
      member.rttMs === null ? "-" : `${member.rttMs.toFixed(1)} ms`,
      Object.entries(member.tags).map(([key, value]) => `${key}=${value}`).join(" "),
    ]),
  );
}
