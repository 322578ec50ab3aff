/**
 * The voter of an open cluster: proposals that came, and a vote or a refusal for each. A proposal that cannot be voted for yet is looked
 * at again whenever something changed, so a voter whose view comes a moment later still votes.
 */
import type { Digest, Vote } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import type { OpenContext } from "./open_context.ts";
import type { ProposalSummary, RefusalReason } from "./types.ts";

/** The voter of one node. */
export class OpenVoting {
  readonly #context: OpenContext;
  /** The last proposal of each known node. */
  readonly #pending = new Map<
    NodeId,
    { readonly proposal: ProposalSummary; refused?: RefusalReason }
  >();

  constructor(context: OpenContext) {
    this.#context = context;
  }

  /** A proposal came; the same one again changes nothing. */
  take(sender: NodeId, proposal: ProposalSummary): void {
    if (this.#pending.get(sender)?.proposal.digest === proposal.digest) return;
    this.#pending.set(sender, { proposal });
  }

  /** There is a new head: no proposal for the old one counts. */
  restart(): void {
    this.#pending.clear();
  }

  /** Some nodes may not be known any more. */
  forgetUnknown(): void {
    for (const id of this.#pending.keys()) {
      if (!this.#context.view.knows(id)) this.#pending.delete(id);
    }
  }

  /** Votes for what can be voted for now, and says once why not for the rest. */
  consider(): void {
    for (const [sender, pending] of this.#pending) {
      const { proposal } = pending;
      const reason = this.#objection(sender, proposal);
      if (reason === undefined) {
        this.#pending.delete(sender);
        const { term, digest } = proposal;
        const vote = this.vote(term, digest);
        this.#context.note({ what: "voted", term, collector: sender });
        this.#context.send([sender], { kind: "vote", term, digest, vote });
      } else if (pending.refused !== reason) {
        pending.refused = reason;
        this.#refuse(sender, proposal, reason);
      }
    }
  }

  /** Whether a vote for this digest would be the first of its term, or the same again; votes never go back. */
  mayVote(term: number, digest: Digest): boolean {
    const last = this.#context.lastVote;
    return !last || term > last.term || (term === last.term && digest === last.digest);
  }

  /** Makes the vote: stored before it is sent; the last vote only grows. */
  vote(term: number, digest: Digest): Vote {
    const context = this.#context;
    if (context.lastVote?.term !== term) {
      context.lastVote = { term, digest };
      context.emit({ type: "persist-vote", term, digest });
    }
    return context.rules.signVote(term, digest);
  }

  /** Whether this node voted in the term, or a later one, for something that can no longer come about. */
  get isStuck(): boolean {
    const { lastVote, term, kids } = this.#context;
    if (!lastVote || lastVote.term < term) return false;
    if (lastVote.term > term) return true;
    return ![...kids].some((kid) => this.#context.digestOf(kid) === lastVote.digest);
  }

  #refuse(sender: NodeId, { term, digest }: ProposalSummary, reason: RefusalReason): void {
    const { head, terms } = this.#context;
    this.#context.note({ what: "refused", term, reason });
    this.#context.send([sender], { kind: "refusal", digest, reason, head });
    if (reason === "term-over") {
      this.#pending.delete(sender);
      this.#context.send([sender], {
        kind: "gave-up",
        statements: terms.about(terms.current - 1),
      });
    }
  }

  #objection(sender: NodeId, proposal: ProposalSummary): RefusalReason | undefined {
    const { head, term, kids } = this.#context;
    if (proposal.prev !== head.id) return "prev";
    if (proposal.term < term) return "term-over";
    if (proposal.term > term) return "term-not-open";
    if (!kids.has(proposal.kid)) return "kid";
    if (this.#context.digestOf(proposal.kid) !== proposal.digest) return "view";
    if (this.#context.collector !== sender) return "collector";
    if (!this.mayVote(proposal.term, proposal.digest)) return "voted";
    return undefined;
  }
}
