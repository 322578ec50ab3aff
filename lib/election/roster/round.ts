/**
 * The collector's round (design §4.3-4.5): one proposal a term, the votes on it, and when to send it again to the silent. A quorum goes to
 * the enclave; the bundle is the authority, so when this node can't reach the enclave everyone gets it and anyone may call.
 */
import type { Digest, Vote } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { RosterProposal } from "./types.ts";

/** One proposal that this node collects votes for. */
export interface Round {
  readonly proposal: RosterProposal;
  readonly digest: Digest;
  readonly votes: Map<NodeId, Vote>;
  resendAtMs: number;
  isCalled: boolean;
}

/** A quorum of votes that waits for an enclave call. */
export interface ReadyBundle {
  readonly digest: Digest;
  readonly proposal: RosterProposal;
  readonly votes: readonly Vote[];
  /** Whether the others have it, or it came from them. */
  isDelegated: boolean;
  /** When this node calls; absent while a call is under way, or after the function refused. */
  callAtMs?: number;
  /** Wait before the next try. */
  retryMs: number;
}

/** Voters that a round has no vote of. */
export function silentVoters(round: Pick<Round, "votes">, voters: readonly NodeId[]): NodeId[] {
  return voters.filter((id) => !round.votes.has(id));
}
