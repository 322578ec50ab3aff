/**
 * The election of a roster cluster as a pure machine: `step(event, nowMs) -> effects` (design §4).
 *
 * The idea: a certificate is worth `q` votes, a lease `q` promises, and any two such sets share an honest voter, who votes once a term, never
 * back, and not while it promised. So there is one leader a term and one lease at an instant, whatever `f` liars and the network
 * do; everything else here (collectors, terms, refusals, catching up, timers) is for getting on.
 *
 * This file hands each event to its part and keeps the terms going; the parts share a `context.ts`:
 *
 * | part | what |
 * |---|---|
 * | `voting.ts`, `vote_rule.ts`, `view_rule.ts` | when to vote |
 * | `collecting.ts` | proposals, bundles, enclave calls |
 * | `following.ts`, `heartbeat_log.ts`, `promises.ts` | acks, promises, silent leaders |
 * | `office.ts`, `leadership.ts`, `lease.ts`, `sub_leases.ts` | heartbeats, lease, step-down |
 * | `terms.ts` | what opens a term |
 * | `witness.ts`, `evidence.ts` | liars, and copies of this node |
 *
 * The order of effects is the contract: `persist` is on disk before what follows is carried out, so a crash between any two effects
 * leaves a node that keeps its word. Deadlines are state; a `tick` at any moment is harmless.
 */
import type { Prng } from "../../base/prng.ts";
import type { NodeId } from "../../membership/types.ts";
import { Collecting } from "./collecting.ts";
import { Context, type ContextOptions, headOf } from "./context.ts";
import { Following } from "./following.ts";
import { Office } from "./office.ts";
import type {
  ForkEvidence,
  GaveUp,
  Head,
  RosterCertificate,
  RosterEffect,
  RosterEvent,
  RosterMessage,
  SignedVote,
  StepDown,
  SuccessionOrder,
} from "./types.ts";
import { Voting } from "./voting.ts";
import { Witness } from "./witness.ts";

/**
 * What the machine is made of. `origin` is what the first certificate follows: term 0 and the genesis id, or term and id of the predecessor's
 * closing certificate.
 */
export interface RosterElectionOptions extends ContextOptions {
  readonly prng: Prng;
}

/** Terms that one step may open: a lone voter opens them by itself, one after the other. */
const TERMS_A_STEP_MAX = 8;

/** The machine. */
export class RosterElection {
  readonly #context: Context;
  readonly #prng: Prng;
  readonly #voting: Voting;
  readonly #collecting: Collecting;
  readonly #following: Following;
  readonly #office: Office;
  readonly #witness: Witness;
  readonly #startMs: number;
  #isStarted = false;
  /** The certificate whose leader was last said to lead. */
  #announced?: RosterCertificate;
  /** Since when this node wants another leader, in this term. */
  #needSinceMs?: number;
  #termDeadlineMs?: number;
  #givenUpInARow = 0;

  constructor(options: RosterElectionOptions) {
    const { memory, nowMs } = options;
    this.#prng = options.prng;
    this.#startMs = nowMs;
    const context = new Context(options);
    this.#context = context;
    this.#voting = new Voting(context);
    this.#collecting = new Collecting(context, this.#voting);
    this.#following = new Following(context, nowMs);
    this.#office = new Office(context, memory, (atMs) => this.#following.bind(atMs), nowMs);
    context.hasSteppedDown = () => this.#hasSteppedDown();
    context.hasAppeared = () => this.#following.hasAppeared();
    this.#witness = new Witness(context, memory.evidence, () => this.#office.leave("fail-stop"));
  }

  /** The highest certificate's term and id. */
  get head(): Head {
    return this.#context.head;
  }

  /** The highest certificate. */
  get headCertificate(): RosterCertificate | undefined {
    return this.#context.certificate;
  }

  /** The term in which this node votes. */
  get term(): number {
    return this.#context.terms.current;
  }

  /** Who gathers the votes of the current term. */
  get collector(): NodeId {
    return this.#context.collector;
  }

  /** What was proven about liars. */
  get evidence(): readonly ForkEvidence[] {
    return this.#witness.kept;
  }

  /**
   * How long this node may still act as the leader, in ms of its monotonic clock from `nowMs`; 0 when it may not. Read the clock anew for each use,
   * and tell `clocks` before.
   */
  leaseRemainingMs(nowMs: number): number {
    return this.#office.leadership?.leaseRemainingMs(nowMs) ?? 0;
  }

  /** When the next `tick` is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    if (this.#context.isStopped) return undefined;
    if (!this.#isStarted) return this.#startMs;
    let earliest = Math.min(this.#office.deadlineMs(), this.#following.deadlineMs());
    if (!this.#context.isClosed) earliest = Math.min(earliest, this.#electionDeadlineMs());
    return earliest === Infinity ? undefined : earliest;
  }

  /** Takes one event at a moment and gives what is to be done, in order. */
  step(event: RosterEvent, nowMs: number): RosterEffect[] {
    if (this.#context.isStopped) return [];
    if (!this.#isStarted) this.#start(nowMs);
    this.#take(event, nowMs);
    if (!this.#context.isStopped) this.#advance(nowMs);
    return this.#context.takeEffects();
  }

  #start(nowMs: number): void {
    this.#isStarted = true;
    const { head, others, isClosed } = this.#context;
    this.#context.emit({ type: "head", head });
    if (!isClosed) this.#context.tellOrder(others);
    this.#office.enter(nowMs);
  }

  #take(event: RosterEvent, nowMs: number): void {
    const context = this.#context;
    switch (event.type) {
      case "tick":
        return;
      case "view":
        return context.view.update(event.members, nowMs);
      case "message":
        if (!context.others.includes(event.sender)) return;
        return this.#onMessage(event.sender, event.message, nowMs);
      case "certificate":
        return this.#onCertificate(event.certificate, event.from, nowMs);
      case "head-seen":
        if (!context.others.includes(event.from)) return;
        return this.#onHeadSeen(event.from, event.head, nowMs);
      case "keys":
        context.kids = new Set(event.kids);
        context.preferredKid = event.preferred;
        return this.#collecting.retry(nowMs);
      case "enclave-failed": {
        const { digest, reason, refused } = event;
        const proposal = this.#collecting.failed(digest, reason, refused, nowMs);
        // The first time at once; an enclave that refuses on and on must not make terms run as fast as it answers.
        const isFirst = this.#givenUpInARow === 0;
        if (proposal && isFirst && context.isCurrent(proposal)) this.#giveUp(nowMs);
        return;
      }
      case "clocks":
        return this.#office.clocks(event.wallMs, nowMs);
      case "step-down":
        return this.#office.leadership?.beginStepDown("asked");
      case "released":
        return this.#office.leadership?.released(event.certificateId);
      case "sub-lease":
        return this.#office.subLease(event.id, event.wantedMs, nowMs);
      case "sub-lease-returned":
        return this.#office.leadership?.subLeaseReturned(event.id);
      case "succession":
        return this.#onOrder(event.order);
      default:
        event satisfies never;
    }
  }

  #onMessage(
    sender: NodeId,
    message: Exclude<RosterMessage, { kind: "certificate" }>,
    nowMs: number,
  ): void {
    const { rules, isStopped } = this.#context;
    if (isStopped) return;
    switch (message.kind) {
      case "proposal": {
        const { proposal, vote } = message;
        const signed = { term: proposal.term, digest: rules.digest(proposal), vote };
        if (rules.collector(proposal.prev, proposal.term) !== sender) {
          this.#context.note({ what: "misbehaved", by: sender, how: "proposal-out-of-turn" });
        }
        this.#witness.seeVote(signed);
        return this.#voting.take(sender, proposal, signed, nowMs);
      }
      case "vote":
        this.#witness.seeVote(message);
        return this.#collecting.take(sender, message.digest, message.vote);
      case "refusal":
        return this.#onRefusal(sender, message, nowMs);
      case "gave-up":
        if (message.seen) this.#witness.seeVote(message.seen);
        return this.#onGaveUp(sender, message.statements, nowMs);
      case "bundle": {
        const { proposal, votes } = message;
        const digest = rules.digest(proposal);
        for (const vote of votes) this.#witness.seeVote({ term: proposal.term, digest, vote });
        return this.#collecting.takeBundle(sender, proposal, digest, votes, nowMs);
      }
      case "want-certificate":
        return this.#context.teachHead(sender, nowMs);
      case "heartbeat":
        return this.#following.hear(sender, message.heartbeat, nowMs);
      case "lease-ack":
        if (message.ack.voter === sender) this.#office.leadership?.acked(message.ack);
        return;
      case "ack-refusal":
        return this.#onAckRefusal(sender, message, nowMs);
      case "step-down":
        return this.#onStepDown(message.stepDown);
      case "evidence":
        return this.#witness.seeEvidence(message.votes);
      case "succession":
        return this.#onOrder(message.order);
      default:
        message satisfies never;
    }
  }

  #onCertificate(certificate: RosterCertificate, from: NodeId | undefined, nowMs: number): void {
    const context = this.#context;
    this.#witness.seeCertificate(certificate);
    if (context.isStopped || certificate.proposal.term <= context.head.term) return;
    this.#office.leave("superseded");
    context.certificate = certificate;
    context.head = headOf(certificate);
    context.terms.restart(context.head);
    this.#collecting.drop();
    this.#givenUpInARow = 0;
    this.#beginAnew();
    context.persist({ head: certificate });
    context.emit({ type: "head", head: context.head });
    if (from === undefined) {
      const { document } = certificate;
      context.send(context.others, { kind: "certificate", document });
    }
    if (context.isClosed) context.emit({ type: "closed", certificate });
    this.#office.enter(nowMs);
    this.#following.restart(nowMs);
  }

  #onHeadSeen(from: NodeId, head: Head, nowMs: number): void {
    if (head.term > this.#context.head.term) this.#context.ask(from, head.id, nowMs);
  }

  /** A refusal teaches both: a greater head is fetched, and whoever is behind is shown what it misses. */
  #onRefusal(
    sender: NodeId,
    { term, digest, objection, head }: Extract<RosterMessage, { kind: "refusal" }>,
    nowMs: number,
  ): void {
    this.#onHeadSeen(sender, head, nowMs);
    if (!this.#collecting.collects(digest)) return;
    this.#context.note({ what: "was-refused", by: sender, term, objection });
    if (objection.reason === "order") this.#context.tellOrder([sender]);
    if (objection.reason === "term-not-open") this.#context.teachTerm(sender, nowMs);
    if (objection.reason === "prev" && head.term < this.#context.head.term) {
      this.#context.teachHead(sender, nowMs);
    }
  }

  #onAckRefusal(
    sender: NodeId,
    refusal: Extract<RosterMessage, { kind: "ack-refusal" }>,
    nowMs: number,
  ): void {
    const { certificateId, reason, head, bootNonce } = refusal;
    this.#onHeadSeen(sender, head, nowMs);
    if (certificateId !== this.#context.head.id) return;
    if (bootNonce !== undefined) this.#office.leadership?.echoTo(sender, bootNonce);
    if (reason === "head" && head.term < this.#context.head.term) {
      this.#context.teachHead(sender, nowMs);
    }
  }

  #onStepDown(stepDown: StepDown): void {
    const { self, head, leader } = this.#context;
    if (stepDown.leader !== self) return this.#following.hearStepDown(stepDown);
    const isOfThis = leader === self && stepDown.certificateId === head.id;
    if (isOfThis && !this.#office.hasSteppedDown()) {
      this.#witness.failStop("a step-down that this node did not make");
    }
  }

  #onOrder(order: SuccessionOrder): void {
    const context = this.#context;
    if (context.order) return;
    context.order = order;
    context.persist({ order });
    context.tellOrder(context.others);
    this.#office.leadership?.beginStepDown("asked");
  }

  /** Everything that follows from the state as it is now. */
  #advance(nowMs: number): void {
    this.#office.advance(nowMs);
    this.#following.advance(nowMs);
    this.#announce(nowMs);
    this.#openTerm(nowMs);
    for (let opened = 0; opened <= TERMS_A_STEP_MAX; opened++) {
      this.#elect(nowMs);
      if (!this.#openTerm(nowMs)) break;
    }
  }

  #elect(nowMs: number): void {
    for (const { proposal, vote } of this.#voting.consider(nowMs)) {
      this.#collecting.open(proposal, this.#context.rules.digest(proposal), vote, nowMs);
    }
    if (this.#needsLeader(nowMs)) this.#pursue(nowMs);
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
    if (nowMs >= this.#termDeadlineMs!) this.#giveUp(nowMs);
  }

  #needsLeader(nowMs: number): boolean {
    const { isClosed, leader, order, self } = this.#context;
    if (isClosed) return false;
    if (leader === undefined || order || this.#hasSteppedDown()) return true;
    return leader !== self && nowMs >= this.#following.silentAtMs;
  }

  #hasSteppedDown(): boolean {
    return this.#office.hasSteppedDown() || this.#following.hasSteppedDown();
  }

  #isCollectorGone(nowMs: number): boolean {
    const { collector, self, leader, view } = this.#context;
    if (collector === self) return false;
    const isSilentLeader = collector === leader && !this.#hasSteppedDown() &&
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
    const { rules, self, others, terms, head, collector, lastVote } = this.#context;
    // A vote to close is the last one: giving up the term that it was cast in could leave too few for the next.
    if (lastVote?.successor !== undefined && lastVote.term === terms.current) return;
    if (!terms.hasGivenUp(self)) {
      this.#context.note({ what: "gave-up", term: terms.current, collector });
      terms.note(rules.signGaveUp(head.id, terms.current));
    }
    const seen: SignedVote | undefined = this.#voting.seen;
    const statements = terms.present;
    this.#context.send(others, { kind: "gave-up", statements, ...(seen && { seen }) });
  }

  #onGaveUp(sender: NodeId, statements: readonly GaveUp[], nowMs: number): void {
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

  /** Opens the next term when enough voters gave this one up. Whether it did. */
  #openTerm(nowMs: number): boolean {
    const { isClosed, terms } = this.#context;
    if (isClosed || !terms.open()) return false;
    this.#givenUpInARow++;
    this.#context.persist({ opening: terms.opening });
    this.#context.note({ what: "term-opened", term: terms.current });
    this.#collecting.restart();
    this.#beginAnew();
    if (this.#needsLeader(nowMs)) this.#beginTerm(nowMs);
    return true;
  }

  #beginAnew(): void {
    this.#voting.restart();
    this.#needSinceMs = undefined;
    this.#termDeadlineMs = undefined;
  }

  #electionDeadlineMs(): number {
    const { leader, self } = this.#context;
    const isWatched = leader !== undefined && leader !== self && !this.#hasSteppedDown() &&
      this.#needSinceMs === undefined;
    return Math.min(
      isWatched ? this.#following.silentAtMs : Infinity,
      this.#termDeadlineMs ?? Infinity,
      this.#voting.deadlineMs(),
      this.#collecting.deadlineMs(this.#needSinceMs),
    );
  }

  /** Says who leads, whenever that changes. */
  #announce(nowMs: number): void {
    const { certificate, leader } = this.#context;
    const isLed = leader !== undefined && !this.#needsLeader(nowMs);
    const led = isLed ? certificate : undefined;
    if (led?.id === this.#announced?.id) return;
    const before = this.#announced;
    this.#announced = led;
    if (!led && before?.leader !== undefined && before === certificate && !this.#hasSteppedDown()) {
      const { leader, proposal: { term } } = before;
      this.#context.note({ what: "leader-silent", leader, term });
    }
    this.#context.emit({ type: "leader", ...(led && { certificate: led }) });
  }
}
