/**
 * Getting a leader (design §4.4): whether this node wants another one, and the term in which it tries. A term in which nothing can come
 * about is given up by a signed statement, at the latest when its timeout is over; a quorum of statements opens the next, with another
 * collector. Nothing here is needed for safety.
 */
import type { Prng } from "../../base/prng.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Collecting } from "./collecting.ts";
import type { Context } from "./context.ts";
import type { Following } from "./following.ts";
import type { GaveUp, RosterProposal, SignedVote } from "./types.ts";
import type { Voting } from "./voting.ts";

/** Terms that one step may open: a lone voter opens them by itself, one after the other. */
const TERMS_A_STEP_MAX = 8;

/** The parts of the machine that a pursuit drives or asks. */
export interface PursuitParts {
  readonly voting: Voting;
  readonly collecting: Collecting;
  readonly following: Following;
}

/** The pursuit of one node. */
export class Pursuit {
  readonly #context: Context;
  readonly #prng: Prng;
  readonly #voting: Voting;
  readonly #collecting: Collecting;
  readonly #following: Following;
  /** Since when this node wants another leader, in this term. */
  #needSinceMs?: number;
  #termDeadlineMs?: number;
  #givenUpInARow = 0;
  /** The last term whose whole timeout passed here. */
  #timedOutTerm = 0;

  constructor(context: Context, prng: Prng, { voting, collecting, following }: PursuitParts) {
    this.#context = context;
    this.#prng = prng;
    this.#voting = voting;
    this.#collecting = collecting;
    this.#following = following;
  }

  /** Whether there is no leader, or none that can stay. */
  needsLeader(nowMs: number): boolean {
    const { isClosed, leader, order, self } = this.#context;
    if (isClosed) return false;
    if (leader === undefined || order || this.#context.hasSteppedDown()) return true;
    return leader !== self && nowMs >= this.#following.silentAtMs;
  }

  /** When something is due, monotonic ms. */
  deadlineMs(): number {
    const { leader, self } = this.#context;
    const isWatched = leader !== undefined && leader !== self &&
      !this.#context.hasSteppedDown() && this.#needSinceMs === undefined;
    return Math.min(
      isWatched ? this.#following.silentAtMs : Infinity,
      this.#termDeadlineMs ?? Infinity,
      this.#voting.deadlineMs(),
      this.#collecting.deadlineMs(this.#needSinceMs),
    );
  }

  /** There is a new head. */
  restart(): void {
    this.#givenUpInARow = 0;
    this.#beginAnew();
  }

  /** Opens terms, votes, proposes and gives up, as far as that follows from the state as it is now. */
  advance(nowMs: number): void {
    this.#openTerm(nowMs);
    for (let opened = 0; opened <= TERMS_A_STEP_MAX; opened++) {
      this.#elect(nowMs);
      if (!this.#openTerm(nowMs)) break;
    }
  }

  /** The enclave could not be called with this proposal. */
  callFailed(proposal: RosterProposal, nowMs: number): void {
    // The first time at once; an enclave that refuses on and on must not make terms run as fast as it answers.
    const isFirst = this.#givenUpInARow === 0;
    if (isFirst && this.#context.isCurrent(proposal)) this.#giveUp(nowMs);
  }

  /** Statements came, of one term. */
  hearGaveUp(sender: NodeId, statements: readonly GaveUp[], nowMs: number): void {
    const context = this.#context;
    context.terms.noteTogether(statements);
    const [{ prev, term }] = statements;
    if (prev !== context.head.id) {
      if (term > context.head.term) context.ask(sender, prev, nowMs);
      context.teachHead(sender, nowMs);
      return;
    }
    // Whoever shows a quorum of statements is in the term after them at least.
    const senderTerm = statements.length < context.roster.votesNeeded ? term : term + 1;
    if (senderTerm < context.terms.current) context.teachTerm(sender, nowMs);
  }

  #elect(nowMs: number): void {
    for (const { proposal, vote } of this.#voting.consider(nowMs)) {
      this.#collecting.open(proposal, this.#context.rules.digest(proposal), vote, nowMs);
    }
    if (this.needsLeader(nowMs)) this.#pursue(nowMs);
    else this.#needSinceMs = this.#termDeadlineMs = undefined;
    this.#collecting.advance(nowMs);
  }

  /** Proposes when it is this node's turn, gives up when nothing can come of this term. */
  #pursue(nowMs: number): void {
    this.#needSinceMs ??= nowMs;
    if (this.#termDeadlineMs === undefined) this.#beginTerm(nowMs);
    const objection = this.#collecting.propose(this.#needSinceMs, nowMs);
    const isHopeless = objection || this.#isCollectorGone(nowMs) || this.#isVotedOut();
    const { terms, self } = this.#context;
    if (isHopeless && !terms.hasGivenUp(self)) this.#giveUp(nowMs);
    if (nowMs < this.#termDeadlineMs!) return;
    this.#timedOutTerm = terms.current;
    this.#giveUp(nowMs);
  }

  #isCollectorGone(nowMs: number): boolean {
    const { collector, self, leader, view } = this.#context;
    if (collector === self) return false;
    const isSilentLeader = collector === leader && !this.#context.hasSteppedDown() &&
      nowMs >= this.#following.silentAtMs;
    return isSilentLeader || view.isGone(collector);
  }

  /** Whether this node's last vote, on another head, keeps it from voting in this term. */
  #isVotedOut(): boolean {
    const { lastVote, terms, head } = this.#context;
    return lastVote !== undefined && lastVote.term >= terms.current && lastVote.prev !== head.id;
  }

  /** The timeout of a term backs off with each one given up. */
  #beginTerm(nowMs: number): void {
    const { settings, promises } = this.#context;
    const doubled = settings.collectorTimeoutMs * 2 ** Math.min(this.#givenUpInARow, 20);
    const timeoutMs = Math.min(doubled, settings.collectorTimeoutMsMax) *
      (1 + this.#prng.float() / 4);
    this.#termDeadlineMs = Math.max(nowMs, promises.freeAtMs()) + timeoutMs;
  }

  /** Says to all that the term is over for this node, and again at every deadline until the next term opens. */
  #giveUp(nowMs: number): void {
    this.#beginTerm(nowMs);
    const { rules, self, others, terms, head, collector } = this.#context;
    if (!terms.hasGivenUp(self)) {
      this.#context.note({ what: "gave-up", term: terms.current, collector });
      terms.note(rules.signGaveUp(head.id, terms.current));
    }
    const seen: SignedVote | undefined = this.#voting.seen;
    const statements = terms.present;
    this.#context.send(others, { kind: "gave-up", statements, ...(seen && { seen }) });
  }

  /** Opens the next term when enough voters gave this one up. Whether it did. */
  #openTerm(nowMs: number): boolean {
    const { isClosed, terms } = this.#context;
    const term = terms.current;
    if (isClosed || !terms.open()) return false;
    this.#givenUpInARow++;
    this.#watchLost(term);
    this.#context.persist({ opening: terms.opening });
    this.#context.note({ what: "term-opened", term: terms.current });
    this.#collecting.restart();
    this.#beginAnew();
    if (this.needsLeader(nowMs)) this.#beginTerm(nowMs);
    return true;
  }

  #watchLost(term: number): void {
    const { rules, head, self, leader, terms, view, watch } = this.#context;
    const collector = rules.collector(head.id, term);
    // A leader that is to be replaced does not know yet that it should collect.
    if (collector === self || collector === leader) return;
    watch.lost({
      term,
      collector,
      isTimedOut: this.#timedOutTerm === term,
      isGivenUpByCollector: terms.opening.some(({ voter }) => voter === collector),
      isCollectorAlive: view.isHeld(collector),
    });
  }

  #beginAnew(): void {
    this.#voting.restart();
    this.#needSinceMs = undefined;
    this.#termDeadlineMs = undefined;
  }
}
