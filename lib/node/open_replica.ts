/**
 * The replica of an open cluster: the view that the election votes on is every member that is alive or suspect (a suspicion may yet be
 * refuted) and this node. Pure.
 */
import { base64url } from "../base/bytes.ts";
import type { OpenElection } from "../election/open_election.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
  ViewChange,
} from "../election/types.ts";
import type { Membership } from "../membership/core.ts";
import type { Member } from "../membership/types.ts";
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
  let isTold = false;
  let joined = false;
  return new Replica(membership, election, {
    beforeLeaving: [{ type: "leave" }],
    view(membership, memberChanges) {
      const changes = isTold
        ? memberChanges.map(({ kind, member }) => changeOf(member, kind === "reap"))
        : [
          { kind: "active" as const, node: self },
          ...membership.members().map((member) => changeOf(member, false)),
        ];
      isTold = true;
      if (changes.length === 0) return [];
      const view = { type: "view" as const, changes };
      if (joined || !changes.some((change) => isCompany(change, self))) return [view];
      joined = true;
      // In this order: told first that it need not wait any longer, a node would elect itself alone just when it is not any more.
      return [view, { type: "joined" }];
    },
  }, nowMs);
}

/** Candidates by the bytes of their keys: a list of all shares them with the list before it, and a text is not made at every change. */
const candidates = new WeakMap<Uint8Array, Candidate>();

function candidateOf({ id, name, publicKey }: Member): Candidate {
  const known = candidates.get(publicKey);
  if (known?.name === name) return known;
  const made = { id, name, key: base64url(publicKey) };
  candidates.set(publicKey, made);
  return made;
}

function changeOf(member: Member, isForgotten: boolean): ViewChange {
  const { id, state } = member;
  if (isForgotten) return { kind: "forgotten", id };
  const isActive = state === "alive" || state === "suspect";
  return isActive ? { kind: "active", node: candidateOf(member) } : { kind: "inactive", id };
}

function isCompany(change: ViewChange, self: Candidate): boolean {
  return change.kind === "active" && change.node.id !== self.id;
}
