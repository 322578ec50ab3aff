/** The replica of a roster cluster: the election is told how every voter stands, after every word of gossip. Pure. */
import type { RosterElection } from "../election/roster/roster_election.ts";
import type { RosterEffect, RosterEvent, RosterMessage } from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { NodeId } from "../membership/types.ts";
import { Replica, type ReplicaEffect } from "./replica.ts";

/** What its shell is asked to do. */
export type RosterReplicaEffect = ReplicaEffect<
  Exclude<RosterEffect, { type: "send" | "head" }>,
  RosterMessage
>;

/** Membership and election of one voter. */
export function rosterReplica(
  membership: Membership,
  election: RosterElection,
  voters: ReadonlySet<NodeId>,
  nowMs: number,
): Replica<RosterEvent, Exclude<RosterEffect, { type: "send" | "head" }>, RosterMessage> {
  return new Replica(membership, election, {
    // A leader that leaves hands over first.
    beforeLeaving: [{ type: "step-down" }],
    // Accusations come and go without a change of state.
    view: (membership) => [{
      type: "view",
      members: membership.members().filter((member) => voters.has(member.id)),
    }],
  }, nowMs);
}
