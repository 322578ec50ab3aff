/**
 * The replica of an open cluster: the view that the election votes on is every member that is alive or suspect (a suspicion may yet be
 * refuted) and this node. Pure.
 */
import { base64url, fromBase64url } from "../base/bytes.ts";
import { compareIds } from "../../function/leader-election/rules.ts";
import type { OpenElection } from "../election/open_election.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
} from "../election/types.ts";
import type { Membership } from "../membership/core.ts";
import { Replica, type ReplicaEffect } from "./replica.ts";

/** What its shell is asked to do. */
export type OpenReplicaEffect = ReplicaEffect<
  Exclude<ElectionEffect, { type: "send" | "head" }>,
  ElectionMessage
>;

/** Membership and election of one node. */
export function openReplica(
  membership: Membership,
  election: OpenElection,
  self: Candidate,
  nowMs: number,
): Replica<ElectionEvent, Exclude<ElectionEffect, { type: "send" | "head" }>, ElectionMessage> {
  let joined = false;
  return new Replica(membership, election, {
    beforeLeaving: [{ type: "leave" }],
    view(membership, { changed, tick }) {
      if (!changed && !tick) return [];
      const others = membership.members();
      const active = others
        .filter((member) => member.state === "alive" || member.state === "suspect")
        .map((member): Candidate => ({
          id: member.id,
          name: member.name,
          key: base64url(member.publicKey),
        }));
      const events: ElectionEvent[] = [{
        type: "view",
        active: sortedById([...active, self]),
        known: others.map((member) => member.id),
      }];
      if (active.length > 0 && !joined) {
        joined = true;
        events.unshift({ type: "joined" });
      }
      return events;
    },
  }, nowMs);
}

/** By id bytes, as proposals list them; each id is decoded once, not at every comparison. */
function sortedById(candidates: readonly Candidate[]): Candidate[] {
  return candidates
    .map((candidate) => ({ candidate, bytes: fromBase64url(candidate.id)! }))
    .sort((a, b) => compareIds(a.bytes, b.bytes))
    .map(({ candidate }) => candidate);
}
