/**
 * The replica of an open cluster: the view that the election votes on is every member that is alive or suspect (a suspicion may yet be
 * refuted) and this node. Pure.
 *
 * The view is kept, and a change of one member costs the place of that one in it: in a cluster of 1,000 making it anew at every change took
 * longer than everything else together.
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
import type { Member, MemberChange, NodeId } from "../membership/types.ts";
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
  let view: OpenView | undefined;
  let joined = false;
  return new Replica(membership, election, {
    beforeLeaving: [{ type: "leave" }],
    view(membership, changes) {
      if (view && !view.take(changes)) return [];
      view ??= new OpenView(self, membership.members());
      const events: ElectionEvent[] = [{
        type: "view",
        active: view.active(),
        known: view.known(),
      }];
      if (!joined && view.isInCompany) {
        joined = true;
        events.unshift({ type: "joined" });
      }
      return events;
    },
  }, nowMs);
}

/** A candidate with the bytes of its id, which are what the order is by. */
interface Place {
  readonly candidate: Candidate;
  readonly bytes: Uint8Array;
}

/** The view of one node. */
class OpenView {
  readonly #known = new Set<NodeId>();
  /** By id bytes, as proposals list them. */
  readonly #places: Place[];

  constructor(self: Candidate, members: readonly Member[]) {
    this.#places = [placeOf(self)];
    for (const member of members) this.#show(member);
  }

  /** Whether anybody but this node is in it. */
  get isInCompany(): boolean {
    return this.#places.length > 1;
  }

  active(): Candidate[] {
    return this.#places.map(({ candidate }) => candidate);
  }

  known(): NodeId[] {
    return [...this.#known];
  }

  /** Takes changes. Whether the view is another. */
  take(changes: readonly MemberChange[]): boolean {
    let isOther = false;
    for (const { kind, member } of changes) {
      const isNew = kind === "reap" ? this.#forget(member) : this.#show(member);
      isOther ||= isNew;
    }
    return isOther;
  }

  #forget(member: Member): boolean {
    const wasKnown = this.#known.delete(member.id);
    return this.#remove(member) || wasKnown;
  }

  #show(member: Member): boolean {
    const isNew = !this.#known.has(member.id);
    this.#known.add(member.id);
    const isActive = member.state === "alive" || member.state === "suspect";
    return (isActive ? this.#enter(member) : this.#remove(member)) || isNew;
  }

  #enter({ id, name, publicKey }: Member): boolean {
    const place = placeOf({ id, name, key: base64url(publicKey) });
    const at = this.#indexOf(place.bytes);
    const there = this.#places[at]?.candidate;
    if (there?.id !== id) this.#places.splice(at, 0, place);
    else if (there.name !== name) this.#places[at] = place;
    else return false;
    return true;
  }

  #remove({ id }: Member): boolean {
    const at = this.#indexOf(fromBase64url(id)!);
    if (this.#places[at]?.candidate.id !== id) return false;
    this.#places.splice(at, 1);
    return true;
  }

  /** Where an id is, or would be. */
  #indexOf(bytes: Uint8Array): number {
    let [from, to] = [0, this.#places.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareIds(this.#places[middle].bytes, bytes) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function placeOf(candidate: Candidate): Place {
  return { candidate, bytes: fromBase64url(candidate.id)! };
}
