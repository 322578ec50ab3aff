/**
 * The collector (design §4.3-4.5): one proposal a term, sent again to the silent, and the votes on it. A quorum goes to the enclave. The
 * bundle is the authority, not the collector: when this node can't reach the enclave everyone gets the bundle and anyone may call.
 *
 * Whoever votes to close votes no more, so a closing must come about even when its collector does not: its votes go to all, and
 * every voter collects them.
 */
import type { Digest, Vote } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Context } from "./context.ts";
import type { Objection, RosterProposal } from "./types.ts";
import { incumbencyAfter } from "./vote_rule.ts";
import type { Voting } from "./voting.ts";

interface Round {
  readonly proposal: RosterProposal;
  readonly digest: Digest;
  readonly votes: Map<NodeId, Vote>;
  resendAtMs: number;
  isCalled: boolean;
}

/** A quorum of votes that waits for an enclave call. */
interface ReadyBundle {
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

/** The collector of one node. */
export class Collecting {
  readonly #context: Context;
  readonly #voting: Voting;
  #round?: Round;
  /** When a proposal was last tried, successfully or not: until something changes there is no use in trying again. */
  #triedMs = -Infinity;
  #ready?: ReadyBundle;

  constructor(context: Context, voting: Voting) {
    this.#context = context;
    this.#voting = voting;
  }

  /** Another term: its round begins anew, while a bundle stays what it is. */
  restart(): void {
    this.#round = undefined;
  }

  /** Another head: bundles for the old one are void. */
  drop(): void {
    this.#round = undefined;
    this.#ready = undefined;
  }

  /** Proposes if it is this node's turn. Gives why it never can in this term. */
  propose(needSinceMs: number, nowMs: number): Objection | undefined {
    if (!this.#isToPropose() || nowMs < this.#proposeAtMs(needSinceMs)) return undefined;
    this.#triedMs = nowMs;
    const proposal = this.#proposal(nowMs);
    if (!proposal) return undefined;
    const { rules, self, others } = this.#context;
    const digest = rules.digest(proposal);
    const objection = this.#voting.objection(proposal, digest, self, nowMs);
    if (objection) return objection;
    const vote = this.#voting.vote(proposal, digest);
    this.open(proposal, digest, vote, nowMs);
    const active = proposal.type === "leader" ? proposal.active.length : 0;
    this.#context.note({ what: "proposed", term: proposal.term, active });
    this.#context.send(others, { kind: "proposal", proposal, vote });
    return undefined;
  }

  /** Begins to collect, with this node's vote. */
  open(proposal: RosterProposal, digest: Digest, vote: Vote, nowMs: number): void {
    if (this.#round?.digest === digest) return;
    this.#round = {
      proposal,
      digest,
      votes: new Map([[this.#context.self, vote]]),
      resendAtMs: nowMs + this.#context.settings.resendIntervalMs,
      isCalled: false,
    };
  }

  /** A vote came. */
  take(sender: NodeId, digest: Digest, vote: Vote): void {
    if (this.#round?.digest === digest) this.#round.votes.set(sender, vote);
  }

  /** Whether this node collects for that digest. */
  collects(digest: Digest): boolean {
    return this.#round?.digest === digest;
  }

  /** A bundle came whose collector can't reach the enclave. */
  takeBundle(
    sender: NodeId,
    proposal: RosterProposal,
    digest: Digest,
    votes: readonly Vote[],
    nowMs: number,
  ): void {
    const { head, order } = this.#context;
    if (proposal.prev !== head.id || proposal.term <= head.term) return;
    // The function wants the operator's order, which this node does not have.
    if (proposal.type === "closing" && proposal.successor !== order?.successor) return;
    if (this.#ready && this.#ready.proposal.term >= proposal.term) return;
    this.#makeReady(proposal, digest, votes, true, nowMs + this.#staggerMs(sender));
  }

  /** The enclave has just been reached. */
  retry(nowMs: number): void {
    if (this.#ready?.callAtMs !== undefined) this.#ready.callAtMs = nowMs;
  }

  /** The enclave was not reached, or refused. Gives the proposal that it refused. */
  failed(
    digest: Digest,
    reason: string,
    refused: boolean,
    nowMs: number,
  ): RosterProposal | undefined {
    const ready = this.#ready;
    if (ready?.digest !== digest) return undefined;
    const { proposal, votes } = ready;
    const { term } = proposal;
    if (refused) {
      // What the function refuses it refuses from everyone.
      this.#context.note({ what: "enclave-refused", term, reason });
      return proposal;
    }
    if (!ready.isDelegated) {
      ready.isDelegated = true;
      this.#context.note({ what: "delegated", term, reason });
      this.#context.send(this.#context.others, { kind: "bundle", proposal, votes });
    }
    ready.callAtMs = nowMs + ready.retryMs;
    ready.retryMs = Math.min(2 * ready.retryMs, this.#context.settings.collectorTimeoutMsMax);
    return undefined;
  }

  /** Counts, sends again, calls. */
  advance(nowMs: number): void {
    const round = this.#round;
    if (round && !round.isCalled) {
      if (round.votes.size >= this.#context.roster.votesNeeded) this.#close(round, nowMs);
      else if (nowMs >= round.resendAtMs) this.#sendAgain(round, nowMs);
    }
    if (this.#ready?.callAtMs !== undefined && nowMs >= this.#ready.callAtMs) {
      this.#ready.callAtMs = undefined;
      this.#call(this.#ready);
    }
  }

  /** When something is due. */
  deadlineMs(needSinceMs: number | undefined): number {
    let earliest = this.#ready?.callAtMs ?? Infinity;
    if (this.#round && !this.#round.isCalled) {
      earliest = Math.min(earliest, this.#round.resendAtMs);
    }
    if (needSinceMs !== undefined && this.#isToPropose() && this.#kid() !== undefined) {
      const proposeAtMs = this.#proposeAtMs(needSinceMs);
      if (proposeAtMs > this.#triedMs) earliest = Math.min(earliest, proposeAtMs);
    }
    return earliest;
  }

  #isToPropose(): boolean {
    const { collector, self, terms } = this.#context;
    return !this.#round && collector === self && !terms.hasGivenUp(self);
  }

  /** Not before promises are over, nor while members are about to settle, unless that goes on and on. */
  #proposeAtMs(needSinceMs: number): number {
    const { promises, view, settings } = this.#context;
    return Math.max(
      promises.freeAtMs(),
      Math.min(view.candidatesAtMs(), needSinceMs + settings.settleMs),
    );
  }

  #proposal(nowMs: number): RosterProposal | undefined {
    const kid = this.#kid();
    const { terms, head, order, certificate, view, roster } = this.#context;
    if (kid === undefined) return undefined;
    const base = { term: terms.current, prev: head.id, kid };
    if (order) return { type: "closing", ...base, successor: order.successor };
    const candidates = view.candidates(nowMs);
    const { incumbent, tenure } = incumbencyAfter(certificate);
    const mayStay = this.#mayStay(tenure);
    const fresh = candidates.filter((id) => id !== incumbent || mayStay);
    // Only a lone voter has no other.
    const active = fresh.length > 0 ? fresh : candidates;
    // Only who is listed votes, and the incumbent: with fewer it would spend this node's vote on nothing.
    const voters = active.length + (incumbent === undefined || active.includes(incumbent) ? 0 : 1);
    if (voters < roster.votesNeeded) return undefined;
    return {
      type: "leader",
      ...base,
      active,
      ...(incumbent !== undefined && { incumbent }),
      tenure,
    };
  }

  /**
   * A leader that fell silent or stepped down is the reason for this election, and is left out. Under a `sticky` policy one that fell silent
   * may stay while membership holds it alive, as after a short cut or a restart: once, for by its next certificate it has to be heard
   * before it may stay again. So one that never speaks costs one election, and not the cluster.
   */
  #mayStay(tenure: number): boolean {
    const { roster, hasSteppedDown, hasAppeared } = this.#context;
    return tenure < (roster.stickyTenureMax ?? 0) && hasAppeared() && !hasSteppedDown();
  }

  /** The key goes on while this node has verified it, or knows no other. */
  #kid(): Digest | undefined {
    const { certificate, kids, preferredKid } = this.#context;
    const current = certificate?.proposal.kid;
    const goesOn = current !== undefined && (kids.has(current) || preferredKid === undefined);
    return goesOn ? current : preferredKid;
  }

  #close(round: Round, nowMs: number): void {
    round.isCalled = true;
    const { proposal, digest, votes } = round;
    this.#context.note({ what: "quorum", term: proposal.term, votes: votes.size });
    const { collector, self } = this.#context;
    const isOwn = collector === self;
    const callAtMs = isOwn ? nowMs : nowMs + this.#staggerMs(collector);
    this.#makeReady(proposal, digest, [...votes.values()], !isOwn, callAtMs);
  }

  #makeReady(
    proposal: RosterProposal,
    digest: Digest,
    votes: readonly Vote[],
    isDelegated: boolean,
    callAtMs: number,
  ): void {
    const retryMs = this.#context.settings.collectorTimeoutMs;
    this.#ready = { digest, proposal, votes, isDelegated, callAtMs, retryMs };
  }

  #sendAgain(round: Round, nowMs: number): void {
    const { proposal, digest, votes } = round;
    const { self, others, collector, settings } = this.#context;
    round.resendAtMs = nowMs + settings.resendIntervalMs;
    const vote = votes.get(self)!;
    if (collector === self) {
      const silent = others.filter((id) => !votes.has(id));
      this.#context.send(silent, { kind: "proposal", proposal, vote });
    } else {
      this.#context.send(others, { kind: "vote", term: proposal.term, digest, vote });
    }
  }

  #call({ digest, proposal, votes }: ReadyBundle): void {
    const { certificate, order } = this.#context;
    this.#context.emit({
      type: "call-enclave",
      digest,
      proposal,
      votes,
      ...(certificate && { prev: certificate }),
      ...(proposal.type === "closing" && order && { order }),
    });
  }

  /** Places in line after a member, in roster order. */
  #staggerMs(after: NodeId): number {
    const { roster: { voters }, self, settings } = this.#context;
    const place = (id: NodeId) => voters.findIndex((voter) => voter.id === id);
    const line = (place(self) - place(after) - 1 + voters.length) % voters.length;
    return line * settings.callStaggerMs;
  }
}
