/**
 * The collector of an open cluster: this node's own proposal, the votes for it, and the call of the enclave with a majority's. A collector that
 * does not reach the enclave hands the votes to everyone, and each in line calls a little later than the one before.
 */
import type { Digest, Vote } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import type { OpenContext } from "./open_context.ts";
import type { OpenVoting } from "./open_voting.ts";
import type { Proposal } from "./types.ts";

interface Round {
  readonly proposal: Proposal;
  readonly digest: Digest;
  readonly votes: Map<NodeId, Vote>;
  phase: "gathering" | "calling" | "delegated";
}

interface DelegatedBundle {
  readonly digest: Digest;
  readonly proposal: Proposal;
  readonly votes: readonly Vote[];
  callAtMs?: number;
}

/** The rounds of one node, one at a time. */
export class OpenRound {
  readonly #context: OpenContext;
  readonly #voting: OpenVoting;
  #round?: Round;
  #bundle?: DelegatedBundle;

  constructor(context: OpenContext, voting: OpenVoting) {
    this.#context = context;
    this.#voting = voting;
  }

  /** Another view, term or head: what was under way leads nowhere. */
  drop(): void {
    this.#round = undefined;
    this.#bundle = undefined;
  }

  /** The term of the round with this digest, if it is the present one. */
  termOf(digest: Digest): number | undefined {
    return this.#round?.digest === digest ? this.#round.proposal.term : undefined;
  }

  /** When a bundle of another collector is to be called with, monotonic ms. */
  deadlineMs(): number {
    return this.#bundle?.callAtMs ?? Infinity;
  }

  /** Proposes the view when it is this node's turn and it may still vote. */
  propose(): void {
    const context = this.#context;
    const { kid, term, self } = context;
    if (this.#round || kid === undefined || context.hasGivenUp || this.#voting.isStuck) return;
    if (context.collector !== self) return;
    const proposal = context.proposalOf(kid);
    const digest = context.digestOf(kid);
    if (!this.#voting.mayVote(term, digest)) return;
    const vote = this.#voting.vote(term, digest);
    this.#round = { proposal, digest, votes: new Map([[self, vote]]), phase: "gathering" };
    context.note({ what: "proposed", term, active: context.view.size });
    const summary = { term, prev: context.head.id, kid, digest };
    context.send(context.others, { kind: "proposal", proposal: summary });
  }

  /** A vote came. */
  take(sender: NodeId, term: number, digest: Digest, vote: Vote): void {
    const round = this.#round;
    if (!round || round.phase !== "gathering" || !this.#context.view.isActive(sender)) return;
    if (round.digest === digest && round.proposal.term === term) round.votes.set(sender, vote);
  }

  /** Another collector's votes came, which it cannot use itself. */
  takeBundle(sender: NodeId, proposal: Proposal, votes: readonly Vote[], nowMs: number): void {
    const { head, self, rules, settings } = this.#context;
    if (proposal.prev !== head.id || proposal.term <= head.term) return;
    if (!proposal.active.some((node) => node.id === self)) return;
    const digest = rules.digest(proposal);
    if (this.#bundle?.digest === digest) return;
    const line = proposal.active.map((node) => node.id).filter((id) => id !== sender);
    const place = Math.max(0, line.indexOf(self));
    const callAtMs = nowMs + place * settings.callStaggerMs;
    this.#bundle = { digest, proposal, votes, callAtMs };
  }

  /** The enclave was not reached, or `refused` the call. */
  failed(digest: Digest, reason: string, refused: boolean): void {
    const round = this.#round;
    if (this.#bundle?.digest === digest) this.#bundle.callAtMs = undefined;
    if (!round || round.digest !== digest || round.phase !== "calling") return;
    round.phase = "delegated";
    const { proposal, votes } = round;
    this.#context.note({ what: "delegated", term: proposal.term, reason });
    // A bundle that the function refuses is refused for everyone: only an unreachable enclave is worth passing on.
    if (refused) return;
    const bundle = { kind: "bundle", proposal, votes: [...votes.values()] } as const;
    this.#context.send(this.#context.others, bundle);
  }

  /** Calls the enclave with what is complete or due. */
  callWhenReady(nowMs: number): void {
    const round = this.#round;
    if (round?.phase === "gathering") {
      const { votes, proposal, digest } = round;
      if (votes.size >= this.#context.rules.votesNeeded(proposal.active.length)) {
        round.phase = "calling";
        this.#context.note({ what: "quorum", term: proposal.term, votes: votes.size });
        this.#call(digest, proposal, [...votes.values()]);
      }
    }
    const bundle = this.#bundle;
    if (bundle?.callAtMs !== undefined && nowMs >= bundle.callAtMs) {
      bundle.callAtMs = undefined;
      this.#call(bundle.digest, bundle.proposal, bundle.votes);
    }
  }

  #call(digest: Digest, proposal: Proposal, votes: readonly Vote[]): void {
    this.#context.emit({ type: "call-enclave", digest, proposal, votes });
  }
}
