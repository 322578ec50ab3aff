/** What the running node itself knows: whom it sees, and whether anybody leads. */
import { misfitOf } from "../../api/schema_check.ts";
import type { LeaderView, MemberView } from "../../api/views.ts";
import { ANSWERS } from "../node_link.ts";
import { type Finding, ok, warn } from "./finding.ts";

const ANSWER_MS_MAX = 2_000;

/** Addresses of the other members that the node at this HTTP address sees alive; none when it does not say. */
export async function memberAddresses(http: string): Promise<readonly string[]> {
  const answer = await ask(http, "/v1/members") as { members: readonly MemberView[] } | undefined;
  return (answer?.members ?? [])
    .filter(({ self, state }) => !self && (state === "alive" || state === "suspect"))
    .map(({ address }) => address);
}

/** Whether it respects a leader. */
export async function checkLeader(http: string): Promise<Finding> {
  const leader = await ask(http, "/v1/leader") as LeaderView | undefined;
  if (leader) return ok("leader", `${leader.name} leads term ${leader.term}`);
  const advice = '"fumata members" shows who is missing; a roster needs its quorum';
  return warn("leader", "the running node respects no leader", advice);
}

/** `undefined` for any answer but a good one of a node. */
async function ask(http: string, path: string): Promise<unknown> {
  try {
    const response = await fetch(`http://${http}${path}`, {
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const value = await response.json();
    const isAnswer = response.ok && misfitOf(value, ANSWERS[`GET ${path}`]) === undefined;
    return isAnswer ? value : undefined;
  } catch {
    return undefined;
  }
}
