/** Members: who is there, joining, leaving, giving up. */
import { type Address, formatAddress, parseAddress } from "../../base/address.ts";
import { FumataError } from "../../base/errors.ts";
import { SEEDS_MAX } from "../../membership/limits.ts";
import type { ApiRequest, Route } from "../types.ts";
import { list, record, text } from "../schema.ts";
import { FORCE_LEAVE_SCHEMA, JOIN_SCHEMA, LEFT_SCHEMA, MEMBERS_SCHEMA } from "../view_schemas.ts";
import { type ForceLeaveView, type JoinView, type LeftView, membersView } from "../views.ts";

/** The entries. */
export const MEMBER_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/members",
    needsToken: false,
    doc: {
      summary: "All members as this node sees them, itself included, by name.",
      answers: {
        200: {
          means: "The members.",
          schema: MEMBERS_SCHEMA,
        },
      },
    },
    handle: ({ node }) => ({ json: { members: membersView(node) } }),
  },
  {
    method: "POST",
    path: "/v1/join",
    needsToken: true,
    doc: {
      summary: "Tries further seeds at once, and says which of them answered within 3 s.",
      takes: record<{ seeds: string[] }>("JoinOrder", { seeds: list(text("host:port")) }),
      answers: { 200: { means: "Who answered, and who did not.", schema: JOIN_SCHEMA } },
    },
    async handle(request) {
      const report = await request.node.join(seedsOf(request));
      const json: JoinView = {
        answered: report.answered.map(({ seed, id }) => ({ seed: formatAddress(seed), id })),
        silent: report.silent.map(formatAddress),
      };
      return { json };
    },
  },
  {
    method: "POST",
    path: "/v1/leave",
    needsToken: true,
    doc: {
      summary: "Leaves the cluster; the node stops.",
      answers: {
        200: {
          means: "The others know.",
          schema: LEFT_SCHEMA,
        },
      },
    },
    async handle({ node }) {
      await node.leave();
      return { json: { left: true } satisfies LeftView };
    },
  },
  {
    method: "POST",
    path: "/v1/force-leave",
    needsToken: true,
    doc: {
      summary: "Gives up a member that does not answer, and forgets it.",
      takes: record<{ member: string }>("ForceLeaveOrder", { member: text("Its name or id.") }),
      answers: {
        200: {
          means: "It is forgotten.",
          schema: FORCE_LEAVE_SCHEMA,
        },
        409: { means: "It is alive, unknown, this node itself, or the name is not unique." },
      },
    },
    handle: forceLeave,
  },
];

function seedsOf({ body }: ApiRequest): Address[] {
  const seeds = (body as { seeds?: unknown } | undefined)?.seeds;
  if (!Array.isArray(seeds) || seeds.length === 0 || seeds.length > SEEDS_MAX) {
    throw new FumataError("usage", `Cannot join: "seeds" has to be 1..${SEEDS_MAX} addresses`);
  }
  return seeds.map((text) => {
    const address = typeof text === "string" ? parseAddress(text) : undefined;
    if (!address) {
      throw new FumataError("usage", `Cannot join ${JSON.stringify(text)}: it is no host:port`);
    }
    return address;
  });
}

/** Another's leave can't be signed; what can be done is to stop waiting for it. */
function forceLeave({ node, body }: ApiRequest) {
  const wanted = (body as { member?: unknown } | undefined)?.member;
  if (typeof wanted !== "string") {
    throw new FumataError("usage", 'Cannot force a leave: "member" has to be a name or an id');
  }
  const cannot = (why: string) =>
    new FumataError("failure", `Cannot force "${wanted}" to leave: ${why}`);
  if (wanted === node.id || wanted === node.name) {
    throw cannot('it is this node itself; "fumata leave" makes it leave');
  }
  const found = node.members().filter(({ id, name }) => id === wanted || name === wanted);
  if (found.length === 0) throw cannot("this node knows no such member");
  if (found.length > 1) throw cannot("several members have this name; give the id");
  const [{ id, state }] = found;
  if (state === "alive") {
    throw cannot("it is alive and would refute; stop it, or let it leave by itself");
  }
  node.giveUp(id);
  return { json: { id, was: state } satisfies ForceLeaveView };
}
