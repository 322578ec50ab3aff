/**
 * The voter (design §4.4): proposals that came, and a vote or a refusal for each. A proposal that can't be voted for yet is looked at again
 * whenever something changed, so a voter whose promise runs out or whose view comes a moment later still votes.
 */
import type { Digest, Vote } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Context } from "./context.ts";
import type { Objection, RefusalReason, RosterProposal, SignedVote } from "./types.ts";
import { objectionTo } from "./vote_rule.ts";

interface Pending {
  readonly proposal: RosterProposal;
  readonly digest: Digest;
  refusedFor?: RefusalReason;
}

/** The voter of one node. */
export class Voting {
  readonly #context: Context;
  /** The last proposal of each member. */
  readonly #pending = new Map<NodeId, Pending>();
  #seen?: SignedVote;

  constructor(context: Context) {
    this.#context = context;
  }

  /** The collector's vote in the current term, as this node saw it. */
  get seen(): SignedVote | undefined {
    return this.#seen;
  }

  /** Another term or another head: nothing was seen in it yet. */
  restart(): void {
    this.#seen = undefined;
  }

  /** A proposal came. */
  take(sender: NodeId, proposal: RosterProposal, signed: SignedVote, nowMs: number): void {
    const { head, collector } = this.#context;
    if (this.#context.isCurrent(proposal) && sender === collector) {
      this.#seen ??= signed;
      this.#context.watch.proposed(proposal.term);
    }
    // It may be this node that is behind.
    if (proposal.prev !== head.id && proposal.term > head.term) {
      this.#context.ask(sender, proposal.prev, nowMs);
    }
    this.#pending.set(sender, { proposal, digest: signed.digest });
  }

  /** Votes for what can be voted for now. Gives the closing proposals among it: their votes are for everybody to collect. */
  consider(nowMs: number): { readonly proposal: RosterProposal; readonly vote: Vote }[] {
    const closings: { proposal: RosterProposal; vote: Vote }[] = [];
    for (const [sender, pending] of this.#pending) {
      const objection = this.objection(pending.proposal, pending.digest, sender, nowMs);
      if (objection === undefined) {
        this.#pending.delete(sender);
        const vote = this.#voteFor(pending, sender);
        if (pending.proposal.type === "closing") {
          closings.push({ proposal: pending.proposal, vote });
        }
      } else if (pending.refusedFor !== objection.reason) {
        pending.refusedFor = objection.reason;
        this.#refuse(sender, pending, objection, nowMs);
      }
    }
    return closings;
  }

  /** Why this node does not vote for a proposal of `sender`. */
  objection(
    proposal: RosterProposal,
    digest: Digest,
    sender: NodeId,
    nowMs: number,
  ): Objection | undefined {
    const { terms, head, certificate, collector, lastVote, promises, kids, view, order } =
      this.#context;
    const voter = {
      term: terms.current,
      head,
      certificate,
      collector,
      lastVote,
      freeAtMs: promises.freeAtMs(),
      kids,
      view,
      hasSteppedDown: this.#context.hasSteppedDown(),
      successor: order?.successor,
    };
    return objectionTo(proposal, digest, sender, voter, nowMs);
  }

  /** Makes the vote: stored before it can leave; the last vote only grows. */
  vote(proposal: RosterProposal, digest: Digest): Vote {
    const { term, prev } = proposal;
    const last = this.#context.lastVote;
    if (last?.term !== term || last.digest !== digest) {
      const closing = proposal.type === "closing" ? { successor: proposal.successor } : {};
      const lastVote = { term, digest, prev, ...closing };
      this.#context.lastVote = lastVote;
      this.#context.persist({ lastVote });
    }
    return this.#context.rules.signVote(term, digest);
  }

  /** When a proposal that is held up by a promise can be voted for. */
  deadlineMs(): number {
    for (const { refusedFor } of this.#pending.values()) {
      if (refusedFor === "promise") return this.#context.promises.freeAtMs();
    }
    return Infinity;
  }

  #voteFor({ proposal, digest }: Pending, collector: NodeId): Vote {
    const vote = this.vote(proposal, digest);
    const { term } = proposal;
    this.#context.watch.voted(term);
    this.#context.note({ what: "voted", term, collector });
    const to = proposal.type === "closing" ? this.#context.others : [collector];
    this.#context.send(to, { kind: "vote", term, digest, vote });
    return vote;
  }

  #refuse(
    sender: NodeId,
    { proposal: { term }, digest }: Pending,
    objection: Objection,
    nowMs: number,
  ): void {
    const { head } = this.#context;
    this.#context.note({ what: "refused", term, collector: sender, objection });
    this.#context.send([sender], { kind: "refusal", term, digest, objection, head });
    if (objection.reason === "order") this.#context.tellOrder([sender]);
    if (objection.reason === "term-over") this.#context.teachTerm(sender, nowMs);
  }
}
