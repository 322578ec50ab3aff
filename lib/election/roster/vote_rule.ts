/**
 * The vote rule (design §4.4) as one function of what a voter knows: why it does not vote for a proposal, or `undefined` when it does.
 *
 * The order is by what teaches most: who follows another head or term learns that first.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Head, LastVote, Objection, RosterCertificate, RosterProposal } from "./types.ts";
import type { ViewRule } from "./view_rule.ts";

/** What a voter knows when it judges. */
export interface Voter {
  readonly term: number;
  readonly head: Head;
  /** Of the head; absent at genesis. */
  readonly certificate?: RosterCertificate;
  readonly collector: NodeId;
  readonly lastVote?: LastVote;
  /** End of its promises and of the time after a restart. */
  readonly freeAtMs: number;
  /** Enclave keys for which it has fresh evidence. */
  readonly kids: ReadonlySet<Digest>;
  readonly view: ViewRule;
  /** Whether the leader of the head has said that it leads no more. */
  readonly hasSteppedDown: boolean;
  /** The checksum that the operator ordered to close for. */
  readonly successor?: Digest;
}

/** Why the voter does not vote for this proposal of `sender`. */
export function objectionTo(
  proposal: RosterProposal,
  digest: Digest,
  sender: NodeId,
  voter: Voter,
  nowMs: number,
): Objection | undefined {
  if (proposal.prev !== voter.head.id) return { reason: "prev" };
  if (voter.certificate?.proposal.type === "closing") return { reason: "closed" };
  // Greater than the highest certificate's: the current term always is.
  if (proposal.term < voter.term) return { reason: "term-over" };
  if (proposal.term > voter.term) return { reason: "term-not-open" };
  if (sender !== voter.collector) return { reason: "collector" };
  const last = voter.lastVote;
  const isLastVote = last?.term === proposal.term && last.digest === digest;
  if (last && !isLastVote) {
    if (last.successor !== undefined && !closesFor(proposal, last.successor)) {
      return { reason: "closed" };
    }
    if (last.term >= proposal.term) return { reason: "voted" };
  }
  if (nowMs < voter.freeAtMs) {
    return { reason: "promise", waitMs: Math.ceil(voter.freeAtMs - nowMs) };
  }
  if (!isKidRight(proposal.kid, voter)) return { reason: "kid" };
  switch (proposal.type) {
    case "closing":
      return proposal.successor === voter.successor ? undefined : { reason: "order" };
    case "leader": {
      if (voter.successor !== undefined) return { reason: "order" };
      const { incumbent, tenure } = incumbencyAfter(voter.certificate);
      if (proposal.incumbent !== incumbent || proposal.tenure !== tenure) {
        return { reason: "incumbent" };
      }
      const { view, hasSteppedDown } = voter;
      const led = incumbent === undefined ? undefined : { id: incumbent, hasSteppedDown };
      return view.objection(proposal.active, led, nowMs);
    }
  }
}

/**
 * Whether a proposal closes in favour of this checksum. To close once more for the same one in a later term is no other word: else votes that came
 * to nothing (an enclave that lost its key before it was called, a term that was given up) would leave too few for ever. However many
 * certificates close an electorate, they name one successor, and nobody leads it any more after the first.
 */
function closesFor(proposal: RosterProposal, successor: Digest): boolean {
  return proposal.type === "closing" && proposal.successor === successor;
}

/** Incumbent and tenure of a proposal that follows a certificate. */
export function incumbencyAfter(
  certificate: RosterCertificate | undefined,
): { readonly incumbent?: NodeId; readonly tenure: number } {
  const proposal = certificate?.proposal;
  if (proposal?.type !== "leader" || certificate?.leader === undefined) return { tenure: 0 };
  const stayed = certificate.leader === proposal.incumbent;
  return { incumbent: certificate.leader, tenure: stayed ? proposal.tenure + 1 : 1 };
}

/** The key goes on unless it is gone; a new one needs evidence that this voter has itself verified. */
function isKidRight(kid: Digest, { certificate, kids }: Voter): boolean {
  const current = certificate?.proposal.kid;
  if (kid === current) return true;
  return kids.has(kid) && !(current !== undefined && kids.has(current));
}
