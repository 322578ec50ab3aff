/**
 * The election of a roster cluster as a pure machine: `step(event, nowMs) -> effects` (design §4).
 *
 * The idea: a certificate is worth `q` votes, a lease `q` promises, and any two such sets share an honest voter, who votes once a term, never
 * back, and not while it promised. So there is one leader a term and one lease at an instant, whatever `f` liars and the network
 * do; everything else here (collectors, terms, refusals, catching up, timers) is for getting on.
 *
 * This file puts the parts together: `terms.ts` (what opens a term), `vote_rule.ts` and `view_rule.ts` (when to vote), `round.ts` (collecting),
 * `promises.ts` and `heartbeat_log.ts` (the follower), `leadership.ts` with `lease.ts` and `sub_leases.ts` (the leader), `catch_up.ts`,
 * `evidence.ts`.
 *
 * The order of effects is the contract: `persist` is on disk before what follows is carried out, so a crash between any two effects
 * leaves a node that keeps its word. Deadlines are state; a `tick` at any moment is harmless.
 */
import type { Prng } from "../../base/prng.ts";
import type { Digest, Vote } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import { CatchUp } from "./catch_up.ts";
import { Context } from "./context.ts";
import { Evidence, votesOf } from "./evidence.ts";
import { HeartbeatLog } from "./heartbeat_log.ts";
import { Leadership } from "./leadership.ts";
import { Promises } from "./promises.ts";
import { type ReadyBundle, type Round, silentVoters } from "./round.ts";
import type { RosterSettings } from "./settings.ts";
import { Terms } from "./terms.ts";
import type {
  AckRefusalReason,
  ForkEvidence,
  GaveUp,
  Head,
  Heartbeat,
  LastVote,
  Objection,
  RefusalReason,
  Roster,
  RosterCertificate,
  RosterEffect,
  RosterEvent,
  RosterMemory,
  RosterMessage,
  RosterProposal,
  RosterRules,
  SignedVote,
  StepDown,
  SuccessionOrder,
} from "./types.ts";
import { ViewRule } from "./view_rule.ts";
import { incumbencyAfter, objectionTo, type Voter } from "./vote_rule.ts";

/** What the machine is made of. */
export interface RosterElectionOptions {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly rules: RosterRules;
  readonly settings: RosterSettings;
  readonly memory: RosterMemory;
  /** What the first certificate follows: term 0 and the genesis id, or the closing certificate of the predecessor. */
  readonly origin: Head;
  readonly prng: Prng;
  readonly nowMs: number;
}

/** Votes about terms further ahead than this are not remembered: nobody honest is there. */
const VOTES_AHEAD_MAX = 16;

/** Terms that one step may open: a lone voter opens them by itself, one after the other. */
const TERMS_A_STEP_MAX = 8;

interface Pending {
  readonly proposal: RosterProposal;
  readonly digest: Digest;
  refusedFor?: RefusalReason;
}

interface EarlyHeartbeat {
  readonly heartbeat: Heartbeat;
  readonly dueMs: number;
}

/** The machine. */
export class RosterElection {
  readonly #context: Context;
  readonly #prng: Prng;
  readonly #terms: Terms;
  readonly #view: ViewRule;
  readonly #promises: Promises;
  readonly #heartbeats: HeartbeatLog;
  readonly #catchUp: CatchUp;
  readonly #evidence: Evidence;
  readonly #bootNonce: string;
  readonly #ownKey?: string;

  #head: Head;
  #certificate?: RosterCertificate;
  #lastVote?: LastVote;
  #incarnation: number;
  /** Certificate by which this node leads no more. */
  #ownStepDown?: Digest;
  #order?: SuccessionOrder;
  #kids: ReadonlySet<Digest> = new Set();
  #preferredKid?: Digest;
  #clockOffsetMs?: number;
  readonly #startMs: number;
  #isStarted = false;
  #isStopped = false;

  #leadership?: Leadership;
  #stepDownAgainAtMs = Infinity;
  /** Last step-down of each voter, also for certificates that this node does not hold yet. */
  readonly #stepDowns = new Map<NodeId, Digest>();
  #leaderHeardMs: number;
  #announced?: Digest;
  readonly #earlyHeartbeats = new Map<NodeId, EarlyHeartbeat>();

  #needSinceMs?: number;
  #termDeadlineMs?: number;
  #givenUpInARow = 0;
  readonly #pending = new Map<NodeId, Pending>();
  /** The collector's vote in the current term, as this node saw it. */
  #seen?: SignedVote;
  #round?: Round;
  #proposalTriedMs = -Infinity;
  #ready?: ReadyBundle;

  constructor(options: RosterElectionOptions) {
    const { self, roster, rules, settings, memory, nowMs } = options;
    this.#context = new Context(self, roster, rules, settings);
    this.#prng = options.prng;
    this.#certificate = memory.head;
    this.#head = memory.head ? headOf(memory.head) : options.origin;
    this.#lastVote = memory.lastVote;
    this.#incarnation = memory.incarnation;
    this.#ownStepDown = memory.steppedDown;
    this.#order = memory.order;
    this.#startMs = nowMs;
    this.#leaderHeardMs = nowMs;
    this.#bootNonce = rules.nonce();
    const voters = roster.voters.map((voter) => voter.id);
    this.#ownKey = roster.voters.find((voter) => voter.id === self)?.key;
    this.#terms = new Terms(roster.votesNeeded, this.#head, memory.opening);
    this.#view = new ViewRule(self, voters, roster.faultBound, settings.settleMs, nowMs);
    this.#promises = new Promises(memory.promisedMsMax, nowMs);
    this.#heartbeats = new HeartbeatLog(this.#bootNonce, memory.head?.id);
    this.#catchUp = new CatchUp(settings.pullIntervalMs);
    this.#evidence = new Evidence(
      new Map(roster.voters.map((voter) => [voter.key, voter.id])),
      memory.evidence,
    );
  }

  /** The highest certificate's term and id. */
  get head(): Head {
    return this.#head;
  }

  /** The highest certificate. */
  get headCertificate(): RosterCertificate | undefined {
    return this.#certificate;
  }

  /** The term in which this node votes. */
  get term(): number {
    return this.#terms.current;
  }

  /** What was proven about liars. */
  get evidence(): readonly ForkEvidence[] {
    return this.#evidence.kept;
  }

  /**
   * How long this node may still act as the leader, in ms of its monotonic clock from `nowMs`; 0 when it may not. Read the clock anew for each use,
   * and tell `clocks` before.
   */
  leaseRemainingMs(nowMs: number): number {
    return this.#isStopped ? 0 : this.#leadership?.leaseRemainingMs(nowMs) ?? 0;
  }

  /** When the next `tick` is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    if (this.#isStopped) return undefined;
    if (!this.#isStarted) return this.#startMs;
    let earliest = Math.min(this.#leadership?.deadlineMs() ?? Infinity, this.#stepDownAgainAtMs);
    for (const { dueMs } of this.#earlyHeartbeats.values()) earliest = Math.min(earliest, dueMs);
    earliest = Math.min(earliest, this.#ready?.callAtMs ?? Infinity, this.#electionDeadlineMs());
    return earliest === Infinity ? undefined : earliest;
  }

  /** Takes one event at a moment and gives what is to be done, in order. */
  step(event: RosterEvent, nowMs: number): RosterEffect[] {
    if (this.#isStopped) return [];
    if (!this.#isStarted) this.#start(nowMs);
    this.#take(event, nowMs);
    if (!this.#isStopped) this.#advance(nowMs);
    return this.#context.takeEffects();
  }

  #start(nowMs: number): void {
    this.#isStarted = true;
    this.#context.emit({ type: "head", head: this.#head });
    if (!this.#isClosed()) this.#tellOrder(this.#context.others);
    this.#takeOffice(nowMs);
  }

  #take(event: RosterEvent, nowMs: number): void {
    switch (event.type) {
      case "tick":
        return;
      case "view":
        return this.#view.update(event.members, nowMs);
      case "message":
        if (this.#context.others.includes(event.sender)) {
          this.#onMessage(event.sender, event.message, nowMs);
        }
        return;
      case "certificate":
        return this.#onCertificate(event.certificate, event.from, nowMs);
      case "head-seen":
        return this.#onHeadSeen(event.from, event.head, nowMs);
      case "keys":
        this.#kids = new Set(event.kids);
        this.#preferredKid = event.preferred;
        // The enclave has just been reached.
        if (this.#ready?.callAtMs !== undefined) this.#ready.callAtMs = nowMs;
        return;
      case "enclave-failed":
        return this.#onEnclaveFailed(event.digest, event.reason, event.refused, nowMs);
      case "clocks":
        this.#clockOffsetMs = event.wallMs - nowMs;
        this.#leadership?.clockOffset(this.#clockOffsetMs, nowMs);
        return;
      case "step-down":
        return this.#leadership?.beginStepDown("asked");
      case "released":
        return this.#leadership?.released(event.certificateId);
      case "sub-lease":
        if (this.#leadership) return this.#leadership.subLease(event.id, event.wantedMs, nowMs);
        return this.#context.emit({ type: "sub-lease-granted", id: event.id, grantedMs: 0 });
      case "sub-lease-returned":
        return this.#leadership?.subLeaseReturned(event.id);
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
    switch (message.kind) {
      case "proposal":
        return this.#onProposal(sender, message.proposal, message.vote, nowMs);
      case "vote":
        return this.#onVote(sender, message.term, message.digest, message.vote);
      case "refusal":
        return this.#onRefusal(sender, message, nowMs);
      case "gave-up":
        return this.#onGaveUp(sender, message.statements, message.seen, nowMs);
      case "bundle":
        return this.#onBundle(sender, message.proposal, message.votes, nowMs);
      case "want-certificate":
        return this.#teachHead(sender, nowMs);
      case "heartbeat":
        return this.#onHeartbeat(sender, message.heartbeat, nowMs);
      case "lease-ack":
        if (message.ack.voter === sender) this.#leadership?.acked(message.ack);
        return;
      case "ack-refusal":
        return this.#onAckRefusal(sender, message, nowMs);
      case "step-down":
        return this.#onStepDown(message.stepDown);
      case "evidence": {
        const [{ vote: { key } }] = message.votes;
        const liar = this.#context.roster.voters.find((voter) => voter.key === key)?.id;
        if (liar !== undefined) this.#keep({ type: "votes", liar, votes: message.votes });
        return;
      }
      case "succession":
        return this.#onOrder(message.order);
      default:
        message satisfies never;
    }
  }

  // The voter.

  #onProposal(sender: NodeId, proposal: RosterProposal, vote: Vote, nowMs: number): void {
    const digest = this.#context.rules.digest(proposal);
    const signed = { term: proposal.term, digest, vote };
    this.#see(signed);
    if (this.#isStopped) return;
    if (this.#isCurrent(proposal) && sender === this.#collector()) this.#seen ??= signed;
    // It may be this node that is behind.
    if (proposal.prev !== this.#head.id && proposal.term > this.#head.term) {
      this.#ask(sender, proposal.prev, nowMs);
    }
    this.#pending.set(sender, { proposal, digest });
  }

  /** Looks at proposals again whenever something changed: a voter whose promise runs out or whose view comes later still votes. */
  #considerPending(nowMs: number): void {
    for (const [sender, pending] of this.#pending) {
      const { proposal, digest } = pending;
      const objection = objectionTo(proposal, digest, sender, this.#voter(), nowMs);
      if (objection === undefined) {
        this.#pending.delete(sender);
        this.#voteFor(proposal, digest, sender, nowMs);
      } else if (pending.refusedFor !== objection.reason) {
        pending.refusedFor = objection.reason;
        this.#refuse(sender, pending, objection);
      }
    }
  }

  #voteFor(proposal: RosterProposal, digest: Digest, collector: NodeId, nowMs: number): void {
    const vote = this.#vote(proposal, digest);
    const { term } = proposal;
    this.#context.note({ what: "voted", term, collector });
    if (proposal.type === "leader") {
      return this.#context.send([collector], { kind: "vote", term, digest, vote });
    }
    // Whoever votes to close votes here no more, so this must come about even when the collector does not: all collect.
    this.#context.send(this.#context.others, { kind: "vote", term, digest, vote });
    if (this.#round?.digest !== digest) this.#openRound(proposal, digest, vote, nowMs);
  }

  /** Stored before it can leave; the last vote only grows. */
  #vote(proposal: RosterProposal, digest: Digest): Vote {
    const { term, prev } = proposal;
    if (this.#lastVote?.term !== term || this.#lastVote.digest !== digest) {
      const closing = proposal.type === "closing" ? { successor: proposal.successor } : {};
      this.#lastVote = { term, digest, prev, ...closing };
      this.#context.persist({ lastVote: this.#lastVote });
    }
    return this.#context.rules.signVote(term, digest);
  }

  #refuse(sender: NodeId, { proposal, digest }: Pending, objection: Objection): void {
    const { term } = proposal;
    this.#context.note({ what: "refused", term, collector: sender, objection });
    this.#context.send([sender], { kind: "refusal", term, digest, objection, head: this.#head });
    if (objection.reason === "order") this.#tellOrder([sender]);
    if (objection.reason === "term-over" && this.#terms.opening.length > 0) {
      this.#context.send([sender], { kind: "gave-up", statements: this.#terms.opening });
    }
  }

  #voter(): Voter {
    return {
      term: this.#terms.current,
      head: this.#head,
      certificate: this.#certificate,
      collector: this.#collector(),
      lastVote: this.#lastVote,
      freeAtMs: this.#promises.freeAtMs(),
      kids: this.#kids,
      view: this.#view,
      successor: this.#order?.successor,
    };
  }

  // The collector.

  #propose(nowMs: number): void {
    if (this.#round || this.#collector() !== this.#context.self) return;
    if (this.#terms.hasGivenUp(this.#context.self) || nowMs < this.#proposeAtMs()) return;
    this.#proposalTriedMs = nowMs;
    const proposal = this.#proposal(nowMs);
    if (!proposal) return;
    const digest = this.#context.rules.digest(proposal);
    const objection = objectionTo(proposal, digest, this.#context.self, this.#voter(), nowMs);
    if (objection) return this.#giveUp(nowMs);
    const vote = this.#vote(proposal, digest);
    this.#openRound(proposal, digest, vote, nowMs);
    const active = proposal.type === "leader" ? proposal.active.length : 0;
    this.#context.note({ what: "proposed", term: proposal.term, active });
    this.#context.send(this.#context.others, { kind: "proposal", proposal, vote });
  }

  /** Not before promises are over, nor while members are about to settle, unless that goes on and on. */
  #proposeAtMs(): number {
    const needSinceMs = this.#needSinceMs ?? Infinity;
    return Math.max(
      this.#promises.freeAtMs(),
      Math.min(this.#view.candidatesAtMs(), needSinceMs + this.#context.settings.settleMs),
    );
  }

  #proposal(nowMs: number): RosterProposal | undefined {
    const kid = this.#kid();
    if (kid === undefined) return undefined;
    const base = { term: this.#terms.current, prev: this.#head.id, kid };
    if (this.#order) return { type: "closing", ...base, successor: this.#order.successor };
    const candidates = this.#view.candidates(nowMs);
    // A leader that fell silent or stepped down is the reason for this election; only a lone voter has no other.
    const { incumbent, tenure } = incumbencyAfter(this.#certificate);
    const fresh = candidates.filter((id) => id !== incumbent);
    const active = fresh.length > 0 ? fresh : candidates;
    // Only who is listed votes, and the incumbent: with fewer it would spend this node's vote on nothing.
    const voters = active.length + (incumbent === undefined || active.includes(incumbent) ? 0 : 1);
    if (voters < this.#context.roster.votesNeeded) return undefined;
    return {
      type: "leader",
      ...base,
      active,
      ...(incumbent !== undefined && { incumbent }),
      tenure,
    };
  }

  #kid(): Digest | undefined {
    const current = this.#certificate?.proposal.kid;
    const goesOn = current !== undefined && (this.#kids.has(current) || !this.#preferredKid);
    return goesOn ? current : this.#preferredKid;
  }

  #openRound(proposal: RosterProposal, digest: Digest, vote: Vote, nowMs: number): void {
    this.#round = {
      proposal,
      digest,
      votes: new Map([[this.#context.self, vote]]),
      resendAtMs: nowMs + this.#context.settings.resendIntervalMs,
      isCalled: false,
    };
  }

  #onVote(sender: NodeId, term: number, digest: Digest, vote: Vote): void {
    this.#see({ term, digest, vote });
    const round = this.#round;
    if (round?.digest === digest && round.proposal.term === term) round.votes.set(sender, vote);
  }

  /** A refusal teaches: a greater head is fetched, whoever is behind in terms is shown what opened this one. */
  #onRefusal(
    sender: NodeId,
    refusal: Extract<RosterMessage, { kind: "refusal" }>,
    nowMs: number,
  ): void {
    const { term, digest, objection, head } = refusal;
    this.#onHeadSeen(sender, head, nowMs);
    if (this.#round?.digest !== digest) return;
    this.#context.note({ what: "was-refused", by: sender, term, objection });
    if (objection.reason === "order") this.#tellOrder([sender]);
    if (objection.reason === "prev" && head.term < this.#head.term) this.#teachHead(sender, nowMs);
    if (objection.reason === "term-not-open" && this.#terms.opening.length > 0) {
      this.#context.send([sender], { kind: "gave-up", statements: this.#terms.opening });
    }
  }

  #collect(nowMs: number): void {
    const round = this.#round;
    const { roster, self, settings } = this.#context;
    if (!round || round.isCalled) return;
    if (round.votes.size >= roster.votesNeeded) {
      round.isCalled = true;
      const { proposal, digest } = round;
      this.#context.note({ what: "quorum", term: proposal.term, votes: round.votes.size });
      const isCollector = this.#collector() === self;
      this.#ready = {
        digest,
        proposal,
        votes: [...round.votes.values()],
        isDelegated: !isCollector,
        callAtMs: nowMs + (isCollector ? 0 : this.#staggerMs(this.#collector())),
        retryMs: settings.collectorTimeoutMs,
      };
    } else if (nowMs >= round.resendAtMs) {
      round.resendAtMs = nowMs + settings.resendIntervalMs;
      this.#sendAgain(round);
    }
  }

  #sendAgain({ proposal, digest, votes }: Round): void {
    const { self } = this.#context;
    const silent = silentVoters({ votes }, this.#context.others);
    const vote = votes.get(self)!;
    if (this.#collector() === self) {
      this.#context.send(silent, { kind: "proposal", proposal, vote });
    } else {
      this.#context.send(silent, { kind: "vote", term: proposal.term, digest, vote });
    }
  }

  // The enclave call.

  #callWhenReady(nowMs: number): void {
    const ready = this.#ready;
    if (ready?.callAtMs === undefined || nowMs < ready.callAtMs) return;
    ready.callAtMs = undefined;
    const { digest, proposal, votes } = ready;
    const order = proposal.type === "closing" ? this.#order : undefined;
    this.#context.emit({
      type: "call-enclave",
      digest,
      proposal,
      votes,
      ...(this.#certificate && { prev: this.#certificate }),
      ...(order && { order }),
    });
  }

  #onEnclaveFailed(digest: Digest, reason: string, refused: boolean, nowMs: number): void {
    const ready = this.#ready;
    if (ready?.digest !== digest) return;
    const { proposal, votes } = ready;
    if (refused) {
      // A bundle that the function refuses is refused for everyone.
      this.#context.note({ what: "enclave-refused", term: proposal.term, reason });
      if (this.#isCurrent(proposal)) this.#giveUp(nowMs);
      return;
    }
    if (!ready.isDelegated) {
      ready.isDelegated = true;
      this.#context.note({ what: "delegated", term: proposal.term, reason });
      this.#context.send(this.#context.others, { kind: "bundle", proposal, votes });
    }
    ready.callAtMs = nowMs + ready.retryMs;
    ready.retryMs = Math.min(2 * ready.retryMs, this.#context.settings.collectorTimeoutMsMax);
  }

  #onBundle(sender: NodeId, proposal: RosterProposal, votes: readonly Vote[], nowMs: number): void {
    const digest = this.#context.rules.digest(proposal);
    for (const vote of votes) this.#see({ term: proposal.term, digest, vote });
    if (this.#isStopped) return;
    if (proposal.prev !== this.#head.id || proposal.term <= this.#head.term) return;
    if (this.#ready && this.#ready.proposal.term >= proposal.term) return;
    this.#ready = {
      digest,
      proposal,
      votes,
      isDelegated: true,
      callAtMs: nowMs + this.#staggerMs(sender),
      retryMs: this.#context.settings.collectorTimeoutMs,
    };
  }

  /** Places in line after a member, in roster order. */
  #staggerMs(after: NodeId): number {
    const { roster: { voters }, self, settings } = this.#context;
    const place = (id: NodeId) => voters.findIndex((voter) => voter.id === id);
    const line = (place(self) - place(after) - 1 + voters.length) % voters.length;
    return line * settings.callStaggerMs;
  }

  // Certificates.

  #onCertificate(certificate: RosterCertificate, from: NodeId | undefined, nowMs: number): void {
    for (const signed of votesOf(certificate)) this.#see(signed);
    this.#prove(this.#evidence.seeCertificate(certificate));
    if (this.#isStopped || certificate.proposal.term <= this.#head.term) return;
    this.#leadership?.end("superseded");
    this.#leadership = undefined;
    this.#stepDownAgainAtMs = Infinity;
    this.#certificate = certificate;
    this.#head = headOf(certificate);
    this.#terms.restart(this.#head);
    this.#givenUpInARow = 0;
    this.#resetElection();
    this.#ready = undefined;
    this.#leaderHeardMs = nowMs;
    this.#context.persist({ head: certificate });
    this.#context.emit({ type: "head", head: this.#head });
    if (from === undefined) {
      const { document } = certificate;
      this.#context.send(this.#context.others, { kind: "certificate", document });
    }
    if (certificate.leader === undefined) this.#context.emit({ type: "closed", certificate });
    this.#takeOffice(nowMs);
    this.#hearEarly(nowMs);
  }

  #onHeadSeen(from: NodeId, head: Head, nowMs: number): void {
    if (head.term > this.#head.term && this.#context.others.includes(from)) {
      this.#ask(from, head.id, nowMs);
    }
  }

  #ask(member: NodeId, id: Digest, nowMs: number): void {
    if (!this.#catchUp.mayAsk(member, nowMs)) return;
    this.#context.send([member], { kind: "want-certificate", id });
  }

  #teachHead(member: NodeId, nowMs: number): void {
    if (!this.#certificate || !this.#catchUp.mayAnswer(member, nowMs)) return;
    const { document } = this.#certificate;
    this.#context.send([member], { kind: "certificate", document });
  }

  // The follower.

  #onHeartbeat(sender: NodeId, heartbeat: Heartbeat, nowMs: number): void {
    if (heartbeat.certificateId !== this.#head.id) {
      // The certificate may be on its way; the answer waits a little for it.
      const dueMs = this.#earlyHeartbeats.get(sender)?.dueMs ??
        nowMs + this.#context.settings.resendIntervalMs;
      this.#earlyHeartbeats.set(sender, { heartbeat, dueMs });
      return;
    }
    if (sender !== this.#certificate?.leader || this.#hasSteppedDown()) return;
    switch (this.#heartbeats.hear(heartbeat)) {
      case "stale":
        return;
      case "echo":
        return this.#refuseAck(sender, heartbeat.certificateId, "echo");
      case "fresh":
        this.#leaderHeardMs = nowMs;
        if (!this.#bind(nowMs)) {
          this.#tellOrder([sender]);
          return this.#refuseAck(sender, heartbeat.certificateId, "voted");
        }
        this.#context.send([sender], {
          kind: "lease-ack",
          ack: this.#context.rules.signAck(heartbeat.certificateId, heartbeat.nonce),
        });
    }
  }

  /** Promises the lease to the leader of the stored certificate, unless a vote stands against it. */
  #bind(nowMs: number): boolean {
    const { leader } = this.#certificate!;
    const last = this.#lastVote;
    if (leader === undefined || this.#order || last?.successor !== undefined) return false;
    if (last && last.term > this.#head.term) return false;
    const { leaseMs } = this.#context.roster;
    const promisedMsMax = this.#promises.make({ id: this.#head.id, leader }, leaseMs, nowMs);
    if (promisedMsMax !== undefined) this.#context.persist({ promisedMsMax });
    return true;
  }

  #refuseAck(to: NodeId, certificateId: Digest, reason: AckRefusalReason): void {
    const echo = reason === "echo" ? { bootNonce: this.#bootNonce } : {};
    this.#context.send([to], {
      kind: "ack-refusal",
      certificateId,
      reason,
      head: this.#head,
      ...echo,
    });
  }

  /** Heartbeats that came before their certificate. */
  #hearEarly(nowMs: number): void {
    for (const [sender, { heartbeat }] of this.#earlyHeartbeats) {
      if (heartbeat.certificateId !== this.#head.id) continue;
      this.#earlyHeartbeats.delete(sender);
      this.#onHeartbeat(sender, heartbeat, nowMs);
    }
  }

  #refuseEarly(nowMs: number): void {
    for (const [sender, { heartbeat, dueMs }] of this.#earlyHeartbeats) {
      if (nowMs < dueMs) continue;
      this.#earlyHeartbeats.delete(sender);
      this.#refuseAck(sender, heartbeat.certificateId, "head");
    }
  }

  #onStepDown({ certificateId, leader }: StepDown): void {
    if (leader === this.#context.self) {
      const isForeign = certificateId === this.#head.id && this.#ownStepDown !== certificateId &&
        this.#certificate?.leader === leader;
      if (isForeign) this.#failStop("a step-down that this node did not sign");
      return;
    }
    const isNews = certificateId === this.#head.id && !this.#hasSteppedDown();
    this.#stepDowns.set(leader, certificateId);
    this.#promises.release(certificateId, leader);
    if (isNews && this.#hasSteppedDown()) {
      this.#context.note({ what: "stepped-down", leader, term: this.#head.term });
    }
  }

  /** Whether the leader of the head leads no more by its own word. */
  #hasSteppedDown(): boolean {
    const leader = this.#certificate?.leader;
    if (leader === undefined) return false;
    if (leader === this.#context.self) return this.#ownStepDown === this.#head.id;
    return this.#stepDowns.get(leader) === this.#head.id;
  }

  #silentAtMs(): number {
    return this.#leaderHeardMs + this.#context.settings.leaderTimeoutMs;
  }

  // The leader.

  #takeOffice(nowMs: number): void {
    if (this.#certificate?.leader !== this.#context.self) return;
    if (this.#hasSteppedDown()) {
      this.#stepDownAgainAtMs = nowMs;
      return;
    }
    if (!this.#isIncarnationFresh) {
      this.#isIncarnationFresh = true;
      this.#context.persist({ incarnation: ++this.#incarnation });
    }
    this.#leadership = new Leadership(this.#context, this.#certificate, {
      incarnation: this.#incarnation,
      nowMs,
      clockOffsetMs: this.#clockOffsetMs,
      bindSelf: (atMs) => this.#bind(atMs),
    });
    if (this.#order) this.#leadership.beginStepDown("asked");
  }

  /** Whether the incarnation was raised in this process: two processes never share one. */
  #isIncarnationFresh = false;

  #lead(nowMs: number): void {
    this.#leadership?.advance(nowMs);
    if (this.#leadership?.mayStepDown(nowMs)) {
      this.#leadership = undefined;
      this.#ownStepDown = this.#head.id;
      this.#context.persist({ steppedDown: this.#head.id });
      this.#promises.release(this.#head.id, this.#context.self);
      this.#context.note({
        what: "stepped-down",
        leader: this.#context.self,
        term: this.#head.term,
      });
      this.#stepDownAgainAtMs = nowMs;
    }
    if (nowMs >= this.#stepDownAgainAtMs) {
      // Said again until somebody else leads: a lost one would cost the followers the rest of their promises.
      this.#stepDownAgainAtMs = nowMs + this.#context.settings.heartbeatIntervalMs;
      const stepDown = this.#context.rules.signStepDown(this.#head.id);
      this.#context.send(this.#context.others, { kind: "step-down", stepDown });
    }
  }

  #onAckRefusal(
    sender: NodeId,
    refusal: Extract<RosterMessage, { kind: "ack-refusal" }>,
    nowMs: number,
  ): void {
    this.#onHeadSeen(sender, refusal.head, nowMs);
    if (refusal.certificateId !== this.#head.id) return;
    if (refusal.bootNonce !== undefined) this.#leadership?.echoTo(sender, refusal.bootNonce);
    if (refusal.reason === "head" && refusal.head.term < this.#head.term) {
      this.#teachHead(sender, nowMs);
    }
  }

  #onOrder(order: SuccessionOrder): void {
    if (this.#order) return;
    this.#order = order;
    this.#context.persist({ order });
    this.#tellOrder(this.#context.others);
    this.#leadership?.beginStepDown("asked");
  }

  #tellOrder(members: readonly NodeId[]): void {
    if (this.#order) this.#context.send(members, { kind: "succession", order: this.#order });
  }

  // Terms.

  /** Everything that follows from the state as it is now. */
  #advance(nowMs: number): void {
    this.#lead(nowMs);
    this.#refuseEarly(nowMs);
    this.#announce(nowMs);
    this.#openTerms(nowMs);
    for (let opened = 0; opened <= TERMS_A_STEP_MAX; opened++) {
      this.#elect(nowMs);
      if (!this.#openTerms(nowMs)) break;
    }
    this.#callWhenReady(nowMs);
  }

  #elect(nowMs: number): void {
    this.#considerPending(nowMs);
    this.#collect(nowMs);
    if (!this.#needsLeader(nowMs)) {
      this.#needSinceMs = undefined;
      this.#termDeadlineMs = undefined;
      return;
    }
    this.#needSinceMs ??= nowMs;
    if (this.#termDeadlineMs === undefined) this.#beginTerm(nowMs);
    this.#propose(nowMs);
    this.#collect(nowMs);
    const isHopeless = this.#isCollectorGone(nowMs) || this.#isVotedOut();
    if (isHopeless && !this.#terms.hasGivenUp(this.#context.self)) this.#giveUp(nowMs);
    if (nowMs >= this.#termDeadlineMs!) this.#giveUp(nowMs);
  }

  #needsLeader(nowMs: number): boolean {
    if (this.#isClosed()) return false;
    const leader = this.#certificate?.leader;
    if (leader === undefined || this.#order || this.#hasSteppedDown()) return true;
    return leader !== this.#context.self && nowMs >= this.#silentAtMs();
  }

  #isClosed(): boolean {
    return this.#certificate !== undefined && this.#certificate.leader === undefined;
  }

  #isCollectorGone(nowMs: number): boolean {
    const collector = this.#collector();
    if (collector === this.#context.self) return false;
    const isSilent = collector === this.#certificate?.leader && !this.#hasSteppedDown() &&
      nowMs >= this.#silentAtMs();
    return isSilent || this.#view.isGone(collector);
  }

  /** Whether this node's last vote, on another head, keeps it from voting in this term. */
  #isVotedOut(): boolean {
    const last = this.#lastVote;
    return last !== undefined && last.term >= this.#terms.current && last.prev !== this.#head.id;
  }

  #beginTerm(nowMs: number): void {
    const { collectorTimeoutMs, collectorTimeoutMsMax } = this.#context.settings;
    const doubled = collectorTimeoutMs * 2 ** Math.min(this.#givenUpInARow, 20);
    const timeoutMs = Math.min(doubled, collectorTimeoutMsMax) * (1 + this.#prng.float() / 4);
    this.#termDeadlineMs = Math.max(nowMs, this.#promises.freeAtMs()) + timeoutMs;
  }

  /** Says to all that the term is over for this node, and again at every deadline until the next term opens. */
  #giveUp(nowMs: number): void {
    this.#beginTerm(nowMs);
    const { rules, self, others } = this.#context;
    const last = this.#lastVote;
    // A vote to close is the last one: giving up the term that it was cast in could leave too few for the next.
    if (last?.successor !== undefined && last.term === this.#terms.current) return;
    if (!this.#terms.hasGivenUp(self)) {
      const collector = this.#collector();
      this.#context.note({ what: "gave-up", term: this.#terms.current, collector });
      this.#terms.note(rules.signGaveUp(this.#head.id, this.#terms.current));
    }
    const seen = this.#seen ? { seen: this.#seen } : {};
    this.#context.send(others, { kind: "gave-up", statements: this.#terms.present, ...seen });
  }

  #onGaveUp(
    sender: NodeId,
    statements: readonly GaveUp[],
    seen: SignedVote | undefined,
    nowMs: number,
  ): void {
    if (seen) this.#see(seen);
    for (const statement of statements) this.#terms.note(statement);
    const [{ prev, term }] = statements;
    if (prev !== this.#head.id) {
      if (term > this.#head.term) this.#ask(sender, prev, nowMs);
      this.#teachHead(sender, nowMs);
    } else if (term < this.#terms.current && this.#terms.opening.length > 0) {
      if (this.#catchUp.mayAnswer(sender, nowMs)) {
        this.#context.send([sender], { kind: "gave-up", statements: this.#terms.opening });
      }
    }
  }

  #openTerms(nowMs: number): boolean {
    if (this.#isClosed() || !this.#terms.open()) return false;
    this.#givenUpInARow++;
    this.#context.persist({ opening: this.#terms.opening });
    this.#context.note({ what: "term-opened", term: this.#terms.current });
    this.#resetElection();
    if (this.#needsLeader(nowMs)) this.#beginTerm(nowMs);
    return true;
  }

  #resetElection(): void {
    this.#round = undefined;
    this.#seen = undefined;
    this.#termDeadlineMs = undefined;
    this.#needSinceMs = undefined;
  }

  #electionDeadlineMs(): number {
    if (this.#isClosed()) return Infinity;
    let earliest = Infinity;
    const isLedByOther = this.#certificate?.leader !== undefined &&
      this.#certificate.leader !== this.#context.self && !this.#hasSteppedDown();
    if (this.#needSinceMs === undefined && isLedByOther) earliest = this.#silentAtMs();
    earliest = Math.min(earliest, this.#termDeadlineMs ?? Infinity);
    if (this.#round && !this.#round.isCalled) {
      earliest = Math.min(earliest, this.#round.resendAtMs);
    }
    const isToPropose = this.#needSinceMs !== undefined && !this.#round &&
      this.#kid() !== undefined && this.#collector() === this.#context.self &&
      !this.#terms.hasGivenUp(this.#context.self);
    if (isToPropose && this.#proposeAtMs() > this.#proposalTriedMs) {
      earliest = Math.min(earliest, this.#proposeAtMs());
    }
    for (const { refusedFor } of this.#pending.values()) {
      if (refusedFor === "promise") earliest = Math.min(earliest, this.#promises.freeAtMs());
    }
    return earliest;
  }

  #announce(nowMs: number): void {
    const isLed = this.#certificate?.leader !== undefined && !this.#needsLeader(nowMs);
    const led = isLed ? this.#certificate : undefined;
    if (led?.id === this.#announced) return;
    const silent = this.#certificate?.leader;
    if (!led && silent !== undefined && this.#announced === this.#head.id) {
      if (nowMs >= this.#silentAtMs() && !this.#hasSteppedDown()) {
        this.#context.note({ what: "leader-silent", leader: silent, term: this.#head.term });
      }
    }
    this.#announced = led?.id;
    this.#context.emit({ type: "leader", ...(led && { certificate: led }) });
  }

  // Liars.

  /** Takes a vote that somebody showed. */
  #see(signed: SignedVote): void {
    if (this.#isStopped) return;
    const { term, digest, vote } = signed;
    if (vote.key === this.#ownKey) {
      const last = this.#lastVote;
      const isOwn = last !== undefined &&
        (term < last.term || (term === last.term && digest === last.digest));
      if (!isOwn) return this.#failStop(`a vote in term ${term} that this node did not cast`);
    }
    if (term <= this.#terms.current + VOTES_AHEAD_MAX) this.#prove(this.#evidence.seeVote(signed));
  }

  /** Takes evidence that somebody else found. */
  #keep(evidence: Extract<ForkEvidence, { type: "votes" }>): void {
    for (const signed of evidence.votes) this.#see(signed);
    if (!this.#isStopped) this.#prove(this.#evidence.keep(evidence));
  }

  #prove(evidence: ForkEvidence | undefined): void {
    if (!evidence || this.#isStopped) return;
    this.#context.persist({ evidence: this.#evidence.kept });
    this.#context.note({ what: "liar", evidence });
    const { others, self } = this.#context;
    switch (evidence.type) {
      case "votes":
        this.#context.send(others, { kind: "evidence", votes: evidence.votes });
        if (evidence.liar === self) this.#failStop("two votes in one term under its own key");
        return;
      case "certificates":
        for (const { document } of evidence.certificates) {
          this.#context.send(others, { kind: "certificate", document });
        }
    }
  }

  #failStop(reason: string): void {
    if (this.#isStopped) return;
    this.#leadership?.end("fail-stop");
    this.#isStopped = true;
    this.#context.emit({ type: "fail-stop", reason: `this node's key has signed ${reason}` });
  }

  #collector(): NodeId {
    return this.#context.rules.collector(this.#head.id, this.#terms.current);
  }

  #isCurrent(proposal: RosterProposal): boolean {
    return proposal.prev === this.#head.id && proposal.term === this.#terms.current;
  }
}

function headOf({ id, proposal: { term } }: RosterCertificate): Head {
  return { term, id };
}
