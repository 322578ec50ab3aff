/**
 * The election of a roster cluster as a pure machine: `step(event, nowMs) -> effects` (design §4).
 *
 * The idea: a certificate is worth `q` votes, a lease `q` promises, and any two such sets share an honest voter, who votes once a term, never
 * back, and not while it promised. So there is one leader a term and one lease at an instant, whatever `f` liars and the network
 * do; everything else here (collectors, terms, refusals, catching up, timers) is for getting on.
 *
 * This file hands each event to its part; the parts share a `context.ts`:
 *
 * | part | what |
 * |---|---|
 * | `voting.ts`, `vote_rule.ts`, `view_rule.ts` | when to vote |
 * | `collecting.ts` | proposals, bundles, enclave calls |
 * | `following.ts`, `heartbeat_log.ts`, `promises.ts` | acks, promises, silent leaders |
 * | `office.ts`, `leadership.ts`, `lease.ts`, `sub_leases.ts` | heartbeats, lease, step-down |
 * | `pursuit.ts`, `terms.ts` | giving up terms, and what opens the next |
 * | `witness.ts`, `evidence.ts` | liars, and copies of this node |
 *
 * The order of effects is the contract: `persist` is on disk before what follows is carried out, so a crash between any two effects
 * leaves a node that keeps its word. Deadlines are state; a `tick` at any moment is harmless.
 */
import type { Prng } from "../../base/prng.ts";
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import { Collecting } from "./collecting.ts";
import { Context, type ContextOptions, headOf } from "./context.ts";
import { Following } from "./following.ts";
import { Office } from "./office.ts";
import { Pursuit } from "./pursuit.ts";
import type {
  ForkEvidence,
  Head,
  RosterCertificate,
  RosterEffect,
  RosterEvent,
  RosterMessage,
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

/** The machine. */
export class RosterElection {
  readonly #context: Context;
  readonly #voting: Voting;
  readonly #collecting: Collecting;
  readonly #following: Following;
  readonly #office: Office;
  readonly #pursuit: Pursuit;
  readonly #witness: Witness;
  readonly #startMs: number;
  readonly #headAtStart: Digest;
  #isStarted = false;
  /** The certificate whose leader was last said to lead. */
  #announced?: RosterCertificate;

  constructor(options: RosterElectionOptions) {
    const { memory, nowMs, prng } = options;
    this.#startMs = nowMs;
    const context = new Context(options);
    this.#context = context;
    this.#headAtStart = context.head.id;
    this.#voting = new Voting(context);
    this.#collecting = new Collecting(context, this.#voting);
    this.#following = new Following(context, nowMs);
    this.#office = new Office(context, memory, (atMs) => this.#following.bind(atMs), nowMs);
    this.#pursuit = new Pursuit(context, prng, {
      voting: this.#voting,
      collecting: this.#collecting,
      following: this.#following,
    });
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
    if (!this.#context.isClosed) earliest = Math.min(earliest, this.#pursuit.deadlineMs());
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
        if (proposal) this.#pursuit.callFailed(proposal, nowMs);
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
        return this.#pursuit.hearGaveUp(sender, message.statements, nowMs);
      case "bundle": {
        const { proposal, votes } = message;
        const digest = rules.digest(proposal);
        for (const vote of votes) this.#witness.seeVote({ term: proposal.term, digest, vote });
        this.#context.watch.published(proposal.term);
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
    if (context.isStopped || !context.isNews(headOf(certificate))) return;
    const { term, prev } = certificate.proposal;
    context.watch.elected(context.rules.collector(prev, term));
    this.#office.leave("superseded");
    context.certificate = certificate;
    context.head = headOf(certificate);
    context.terms.restart(context.head);
    this.#collecting.drop();
    this.#pursuit.restart();
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
    if (this.#context.isNews(head)) this.#context.ask(from, head.id, nowMs);
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
    this.#pursuit.advance(nowMs);
  }

  #hasSteppedDown(): boolean {
    return this.#office.hasSteppedDown() || this.#following.hasSteppedDown();
  }

  /** Says who leads, whenever that changes. */
  #announce(nowMs: number): void {
    const { certificate, leader } = this.#context;
    const isLed = leader !== undefined && !this.#pursuit.needsLeader(nowMs);
    const led = isLed ? certificate : undefined;
    if (led?.id === this.#announced?.id) return;
    const before = this.#announced;
    this.#announced = led;
    if (!led && before?.leader !== undefined && before === certificate && !this.#hasSteppedDown()) {
      const { leader, proposal: { term } } = before;
      this.#context.note({ what: "leader-silent", leader, term });
      const { view, watch, head } = this.#context;
      // The leader of an earlier run's certificate was heard then, perhaps.
      const isUnheard = head.id !== this.#headAtStart && !this.#following.hasAppeared();
      if (isUnheard && view.isHeld(leader)) watch.neverHeard(leader, term);
    }
    this.#context.emit({ type: "leader", ...(led && { certificate: led }) });
  }
}
