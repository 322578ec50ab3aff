/** `fumata members`: who is there, as a running node sees it. */
import type { MemberView } from "../../api/views.ts";
import { FumataError } from "../../base/errors.ts";
import type { Arguments, Command } from "../command.ts";
import { columns } from "../columns.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { type Facts, formatter, JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";
import { formatFlag } from "../template.ts";
import { type Line, type Look, piece } from "../view/paint.ts";

/** What `--format` knows of a member. */
const FACTS: Facts<MemberView> = {
  name: (member) => member.name,
  id: (member) => member.id,
  address: (member) => member.address,
  state: (member) => member.state,
  since: (member) => member.since.replace(/\.\d+Z$/, "Z"),
  incarnation: (member) => String(member.incarnation),
  rtt: (member) => member.rttMs === null ? "-" : `${member.rttMs.toFixed(1)} ms`,
  tags: (member) => Object.entries(member.tags).map(([key, value]) => `${key}=${value}`).join(" "),
};

/** The command. */
export const membersCommand: Command = {
  name: "members",
  summary: "list the members that a node sees",
  examples: [
    "fumata members",
    "fumata members --node 5000 --state alive --tag zone=b",
    "fumata members --json",
    "fumata members --format '{name} {state}'",
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
    formatFlag(Object.keys(FACTS)),
    OUTPUT_FLAG,
    JSON_FLAG,
    ...NODE_FLAGS,
  ],
  async run(args, context) {
    const filter = filterOf(args);
    const format = formatter(args, FACTS);
    const answer = await findNode(args, context).get("/v1/members") as {
      readonly members: readonly MemberView[];
    };
    const members = answer.members.filter(filter);
    print(
      args,
      context,
      members,
      () => format ? members.map(format).join("\n") : table(members),
    );
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

const LOOKS: Record<MemberView["state"], Look> = {
  alive: "good",
  suspect: "warning",
  dead: "bad",
  left: "gone",
};

function table(members: readonly MemberView[]): Line[] {
  const { name, address, state, since, incarnation, rtt, tags } = FACTS;
  return columns(
    ["NAME", "ADDRESS", "STATE", "SINCE", "INCARNATION", "RTT", "TAGS"],
    members.map((member) => [
      piece(member.self ? `${name(member)} *` : name(member), member.self ? "strong" : "plain"),
      address(member),
      piece(state(member), LOOKS[member.state]),
      since(member),
      incarnation(member),
      rtt(member),
      tags(member),
    ]),
  );
}
