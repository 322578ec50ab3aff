/**
 * The election of an open cluster as a pure machine: `step(event, nowMs) -> effects` (design §2 and §4).
 *
 * The idea: a node respects a certificate only while its active set is the node's own view. When it is not, and the view has stood
 * still, the term's collector proposes the view, every node with the same view and head votes for it once, a majority's votes
 * go to the enclave, and whoever holds the certificate passes it on. A term that leads nowhere is given up by signed
 * statements; a majority of them opens the next, with another collector. When components meet, the greater head (term, id) wins and
 * the union elects again.
 *
 * Where this differs from the roster rules: the electorate is the view itself, so two components can each have a leader, and
 * nothing is promised across a partition. There are no leases. A proposal travels as its digest: voters recompute it from their own view.
 *
 * The order of effects is the contract: what is to be stored comes before what is to be sent. Deadlines are state; a `tick` at
 * any moment is harmless.
 */
import type { Digest, VerifiedCertificate, Vote } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import type { Prng } from "../base/prng.ts";
import { OpenTerms } from "./open_terms.ts";
import type { ElectionSettings } from "./settings.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
  ElectionNote,
  GaveUp,
  Head,
  Proposal,
  ProposalSummary,
  RefusalReason,
} from "./types.ts";

/** The rules and keys that the machine needs; deterministic, so that a run repeats from its inputs. */
export interface ElectionRules {
  readonly genesis: Digest;
  digest(proposal: Proposal): Digest;
  collector(prev: Digest, term: number, active: readonly NodeId[]): NodeId;
  votesNeeded(activeNodes: number): number;
  signVote(term: number, digest: Digest): Vote;
  signGaveUp(prev: Digest, term: number): GaveUp;
}

/** What a node remembers across restarts. */
export interface ElectionMemory {
  readonly head?: VerifiedCertificate;
  readonly lastVote?: { readonly term: number; readonly digest: Digest };
}

/** What the machine is made of. */
export interface ElectionOptions {
  readonly self: NodeId;
  readonly rules: ElectionRules;
  readonly settings: ElectionSettings;
  readonly memory: ElectionMemory;
  readonly prng: Prng;
  readonly nowMs: number;
  /** Whether seeds were named, so that electing alone should wait for them. */
  readonly awaitsSeeds: boolean;
}

/** Certificates that were ignored are remembered, so that they are not fetched again and again; the oldest go first. */
const IGNORED_MAX = 256;

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

/** The machine. */
export class OpenElection {
  readonly #self: NodeId;
  readonly #rules: ElectionRules;
  readonly #settings: ElectionSettings;
  readonly #prng: Prng;
  #effects: ElectionEffect[] = [];

  #active: readonly Candidate[] = [];
  #activeIds = new Set<NodeId>();
  #known = new Set<NodeId>();
  #kids: ReadonlySet<Digest> = new Set();
  #preferredKid?: Digest;

  #head: Head;
  #certificate?: VerifiedCertificate;
  #lastVote?: { readonly term: number; readonly digest: Digest };
  readonly #terms: OpenTerms;
  #givenUpInARow = 0;

  #round?: Round;
  /** The last proposal of each collector that could not be voted on yet. */
  #pending = new Map<NodeId, { readonly proposal: ProposalSummary; refused?: RefusalReason }>();
  #bundle?: DelegatedBundle;
  #respected?: Digest;

  /** When the present view may be voted on, and when the present term is given up. */
  #startAtMs: number;
  #termDeadlineMs?: number;
  /** The deadline passed in silence: see `#considerGivingUp`. */
  #isOverdue = false;
  #graceUntilMs: number;
  #ignored = new Set<Digest>();
  #pulledAtMs = new Map<NodeId, number>();
  #leaving = false;

  constructor(options: ElectionOptions) {
    this.#self = options.self;
    this.#rules = options.rules;
    this.#settings = options.settings;
    this.#prng = options.prng;
    this.#certificate = options.memory.head;
    this.#head = options.memory.head
      ? { term: options.memory.head.term, id: options.memory.head.id }
      : { term: 0, id: options.rules.genesis };
    this.#lastVote = options.memory.lastVote;
    this.#terms = new OpenTerms(this.#head, this.#lastVote?.term ?? 0);
    this.#startAtMs = options.nowMs;
    this.#graceUntilMs = options.awaitsSeeds
      ? options.nowMs + options.settings.joinGraceMs
      : options.nowMs;
  }

  /** The highest certificate that was accepted. */
  get head(): Head {
    return this.#head;
  }

  /** The certificate of the head, respected or not. */
  get headCertificate(): VerifiedCertificate | undefined {
    return this.#certificate;
  }

  /** The certificate that holds for the present view. */
  get respected(): VerifiedCertificate | undefined {
    return this.#isRespected() ? this.#certificate : undefined;
  }

  /** The present term: the one that the next certificate will have. */
  get term(): number {
    return this.#terms.current;
  }

  /** When the next `tick` is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    if (this.#leaving || !this.#isElecting()) return undefined;
    if (this.#termDeadlineMs === undefined) return this.#beginAtMs();
    return Math.min(this.#termDeadlineMs, this.#bundle?.callAtMs ?? Infinity);
  }

  /** Takes one event at a moment and gives what is to be done, in order. */
  step(event: ElectionEvent, nowMs: number): ElectionEffect[] {
    this.#effects = [];
    this.#take(event, nowMs);
    this.#advance(nowMs);
    return this.#effects;
  }

  #take(event: ElectionEvent, nowMs: number): void {
    switch (event.type) {
      case "tick":
        return;
      case "view":
        return this.#onView(event.active, event.known, nowMs);
      case "message":
        return this.#onMessage(event.sender, event.message, nowMs);
      case "certificate":
        return this.#onCertificate(event.certificate, event.from);
      case "head-seen":
        return this.#onHeadSeen(event.from, event.head, nowMs);
      case "keys":
        this.#kids = new Set(event.kids);
        this.#preferredKid = event.preferred;
        return;
      case "enclave-failed":
        return this.#onEnclaveFailed(event.digest, event.reason, event.refused);
      case "joined":
        this.#graceUntilMs = nowMs;
        return;
      case "leave":
        this.#leaving = true;
        return;
      default:
        event satisfies never;
    }
  }

  #onView(active: readonly Candidate[], known: readonly NodeId[], nowMs: number): void {
    const before = this.#known;
    this.#known = new Set([...known, ...active.map((node) => node.id)]);
    // A head that was nobody's is somebody's now, perhaps.
    if ([...this.#known].some((id) => !before.has(id))) this.#ignored.clear();
    if (sameCandidates(active, this.#active)) return;
    this.#active = active;
    this.#activeIds = new Set(active.map((node) => node.id));
    this.#startAtMs = nowMs + this.#settings.settleMs;
    this.#resetAttempt();
    for (const id of this.#pulledAtMs.keys()) {
      if (!this.#known.has(id)) this.#pulledAtMs.delete(id);
    }
    for (const id of this.#pending.keys()) {
      if (!this.#known.has(id)) this.#pending.delete(id);
    }
  }

  #onMessage(
    sender: NodeId,
    message: Exclude<ElectionMessage, { kind: "certificate" }>,
    nowMs: number,
  ): void {
    if (this.#leaving || !this.#known.has(sender)) return;
    switch (message.kind) {
      case "proposal":
        if (this.#pending.get(sender)?.proposal.digest === message.proposal.digest) return;
        this.#pending.set(sender, { proposal: message.proposal });
        return;
      case "vote":
        return this.#onVote(sender, message.term, message.digest, message.vote);
      case "refusal":
        return this.#onRefusal(sender, message.digest, message.reason, message.head, nowMs);
      case "gave-up":
        for (const statement of message.statements) {
          if (this.#known.has(statement.voter)) this.#terms.note(statement);
        }
        return;
      case "bundle":
        return this.#onBundle(sender, message.proposal, message.votes, nowMs);
      case "want-certificate":
        if (this.#certificate && message.id === this.#head.id) {
          this.#send([sender], { kind: "certificate", document: this.#certificate.document });
        }
        return;
      default:
        message satisfies never;
    }
  }

  #onVote(sender: NodeId, term: number, digest: Digest, vote: Vote): void {
    const round = this.#round;
    if (!round || round.phase !== "gathering" || !this.#activeIds.has(sender)) return;
    if (round.digest === digest && round.proposal.term === term) round.votes.set(sender, vote);
  }

  /** A refusal teaches: a greater head is fetched, and a term that cannot win a majority any more is given up at once. */
  #onRefusal(
    sender: NodeId,
    digest: Digest,
    reason: RefusalReason,
    head: Head,
    nowMs: number,
  ): void {
    const round = this.#round;
    if (!round || round.digest !== digest) return;
    this.#note({ what: "was-refused", by: sender, term: round.proposal.term, reason });
    this.#onHeadSeen(sender, head, nowMs);
    if (reason === "voted") this.#giveUp(nowMs);
    if (reason === "term-not-open") {
      this.#send([sender], { kind: "gave-up", statements: this.#terms.about(this.term - 1) });
    }
  }

  #onBundle(sender: NodeId, proposal: Proposal, votes: readonly Vote[], nowMs: number): void {
    if (proposal.prev !== this.#head.id || proposal.term <= this.#head.term) return;
    if (!proposal.active.some((node) => node.id === this.#self)) return;
    const digest = this.#rules.digest(proposal);
    if (this.#bundle?.digest === digest) return;
    const line = proposal.active.map((node) => node.id).filter((id) => id !== sender);
    const place = Math.max(0, line.indexOf(this.#self));
    this.#bundle = {
      digest,
      proposal,
      votes,
      callAtMs: nowMs + place * this.#settings.callStaggerMs,
    };
  }

  #onCertificate(certificate: VerifiedCertificate, from: NodeId | undefined): void {
    if (certificate.id === this.#head.id || !isGreater(certificate, this.#head)) return;
    if (!certificate.active.some((id) => this.#known.has(id) || id === this.#self)) {
      this.#ignore(certificate.id);
      this.#note({ what: "ignored-head", term: certificate.term, from });
      return;
    }
    this.#certificate = certificate;
    this.#head = { term: certificate.term, id: certificate.id };
    this.#terms.restart(this.#head);
    this.#pending.clear();
    this.#givenUpInARow = 0;
    this.#resetAttempt();
    this.#effects.push({ type: "persist-head", certificate }, { type: "head", head: this.#head });
    if (from === undefined) {
      const others = certificate.active.filter((id) => id !== this.#self);
      this.#send(others, { kind: "certificate", document: certificate.document });
    }
  }

  #onHeadSeen(from: NodeId, head: Head, nowMs: number): void {
    if (!isGreater(head, this.#head) || this.#ignored.has(head.id) || !this.#known.has(from)) {
      return;
    }
    if (nowMs - (this.#pulledAtMs.get(from) ?? -Infinity) < this.#settings.pullIntervalMs) return;
    this.#pulledAtMs.set(from, nowMs);
    this.#send([from], { kind: "want-certificate", id: head.id });
  }

  #onEnclaveFailed(digest: Digest, reason: string, refused: boolean): void {
    const round = this.#round;
    if (this.#bundle?.digest === digest) this.#bundle.callAtMs = undefined;
    if (!round || round.digest !== digest || round.phase !== "calling") return;
    round.phase = "delegated";
    this.#note({ what: "delegated", term: round.proposal.term, reason });
    // A bundle that the function refuses is refused for everyone: only an unreachable enclave is worth passing on.
    if (refused) return;
    this.#send(this.#others(), {
      kind: "bundle",
      proposal: round.proposal,
      votes: [...round.votes.values()],
    });
  }

  /** Everything that follows from the state as it is now: respect, propose, vote, call, give up. */
  #advance(nowMs: number): void {
    this.#openTerms();
    this.#announce();
    if (this.#leaving || !this.#isElecting()) return;
    if (this.#termDeadlineMs === undefined && nowMs >= this.#beginAtMs()) this.#beginTerm(nowMs);
    this.#considerPending();
    if (this.#termDeadlineMs === undefined) return;
    this.#propose();
    this.#callWhenReady(nowMs);
    if (!this.#hasGivenUp() && (this.#isStuck() || this.#collectorGaveUp())) this.#giveUp(nowMs);
    this.#considerGivingUp(nowMs, this.#termDeadlineMs);
    this.#openTerms();
  }

  #beginTerm(nowMs: number): void {
    const { termTimeoutMs, termTimeoutMsMax } = this.#settings;
    const doubled = Math.min(
      termTimeoutMs * 2 ** Math.min(this.#givenUpInARow, 20),
      termTimeoutMsMax,
    );
    this.#termDeadlineMs = nowMs + doubled * (1 + this.#prng.float() / 4);
  }

  #propose(): void {
    const kid = this.#kid();
    if (this.#round || kid === undefined || this.#hasGivenUp() || this.#isStuck()) return;
    if (this.#collector(this.term) !== this.#self) return;
    const proposal = this.#proposalOf(kid);
    const digest = this.#rules.digest(proposal);
    if (!this.#mayVote(this.term, digest)) return;
    const vote = this.#vote(this.term, digest);
    this.#round = { proposal, digest, votes: new Map([[this.#self, vote]]), phase: "gathering" };
    this.#note({ what: "proposed", term: this.term, active: this.#active.length });
    const summary = { term: this.term, prev: this.#head.id, kid, digest };
    this.#send(this.#others(), { kind: "proposal", proposal: summary });
  }

  /** Looks at proposals again whenever something changed: a voter whose view comes a moment later still votes. */
  #considerPending(): void {
    for (const [sender, pending] of this.#pending) {
      const { proposal } = pending;
      const reason = this.#objection(sender, proposal);
      if (reason === undefined) {
        this.#pending.delete(sender);
        const { term, digest } = proposal;
        const vote = this.#vote(term, digest);
        this.#note({ what: "voted", term, collector: sender });
        this.#send([sender], { kind: "vote", term, digest, vote });
      } else if (pending.refused !== reason) {
        pending.refused = reason;
        this.#refuse(sender, proposal, reason);
      }
    }
  }

  #refuse(sender: NodeId, proposal: ProposalSummary, reason: RefusalReason): void {
    this.#note({ what: "refused", term: proposal.term, reason });
    this.#send([sender], {
      kind: "refusal",
      digest: proposal.digest,
      reason,
      head: this.#head,
    });
    if (reason === "term-over") {
      this.#pending.delete(sender);
      this.#send([sender], { kind: "gave-up", statements: this.#terms.about(this.term - 1) });
    }
  }

  #objection(sender: NodeId, proposal: ProposalSummary): RefusalReason | undefined {
    if (proposal.prev !== this.#head.id) return "prev";
    if (proposal.term < this.term) return "term-over";
    if (proposal.term > this.term) return "term-not-open";
    if (!this.#kids.has(proposal.kid)) return "kid";
    const own = { ...this.#proposalOf(proposal.kid), term: proposal.term };
    if (this.#rules.digest(own) !== proposal.digest) return "view";
    if (this.#collector(proposal.term) !== sender) return "collector";
    if (!this.#mayVote(proposal.term, proposal.digest)) return "voted";
    return undefined;
  }

  /** A vote is stored before it is sent; the last vote only grows. */
  #vote(term: number, digest: Digest): Vote {
    if (this.#lastVote?.term !== term) {
      this.#lastVote = { term, digest };
      this.#effects.push({ type: "persist-vote", term, digest });
    }
    return this.#rules.signVote(term, digest);
  }

  #mayVote(term: number, digest: Digest): boolean {
    const last = this.#lastVote;
    return !last || term > last.term || (term === last.term && digest === last.digest);
  }

  #callWhenReady(nowMs: number): void {
    const round = this.#round;
    if (round?.phase === "gathering") {
      if (round.votes.size >= this.#rules.votesNeeded(round.proposal.active.length)) {
        round.phase = "calling";
        this.#note({ what: "quorum", term: round.proposal.term, votes: round.votes.size });
        this.#call(round.digest, round.proposal, [...round.votes.values()]);
      }
    }
    const bundle = this.#bundle;
    if (bundle?.callAtMs !== undefined && nowMs >= bundle.callAtMs) {
      bundle.callAtMs = undefined;
      this.#call(bundle.digest, bundle.proposal, bundle.votes);
    }
  }

  #call(digest: Digest, proposal: Proposal, votes: readonly Vote[]): void {
    this.#effects.push({ type: "call-enclave", digest, proposal, votes });
  }

  /**
   * At the deadline; but who knows no enclave key waits until another gave up, for as long as nobody knows one a next term would lead
   * nowhere either, and a cluster without an enclave would do nothing but give up.
   */
  #considerGivingUp(nowMs: number, deadlineMs: number): void {
    this.#isOverdue ||= nowMs >= deadlineMs;
    const mayHelp = this.#kids.size > 0 || this.#terms.about(this.term).length > 0;
    if (this.#isOverdue && mayHelp) this.#giveUp(nowMs);
    else if (nowMs >= deadlineMs) this.#beginTerm(nowMs);
  }

  /** Says to all that the term is over for this node, and says it again at every deadline until the next term opens. */
  #giveUp(nowMs: number): void {
    if (!this.#hasGivenUp()) this.#note({ what: "gave-up", term: this.term });
    this.#terms.note(this.#rules.signGaveUp(this.#head.id, this.term));
    this.#send(this.#others(), { kind: "gave-up", statements: this.#terms.about(this.term) });
    this.#isOverdue = false;
    this.#beginTerm(nowMs);
  }

  /** A majority of the view that gave up a term opens the next. */
  #openTerms(): void {
    const needed = this.#rules.votesNeeded(this.#active.length);
    if (!this.#terms.open(this.#activeIds, needed)) return;
    this.#givenUpInARow++;
    this.#note({ what: "term-opened", term: this.term });
    this.#resetAttempt();
  }

  /** The leader as this node respects it, said whenever it changes. */
  #announce(): void {
    const now = this.#leaving ? undefined : this.respected;
    if (now?.id === this.#respected) return;
    this.#respected = now?.id;
    this.#effects.push({ type: "leader", certificate: now });
  }

  #isRespected(): boolean {
    const certificate = this.#certificate;
    return certificate !== undefined && certificate.active.length === this.#activeIds.size &&
      certificate.active.every((id) => this.#activeIds.has(id));
  }

  #isElecting(): boolean {
    return this.#activeIds.has(this.#self) && !this.#isRespected();
  }

  #beginAtMs(): number {
    const alone = this.#active.length === 1;
    return alone ? Math.max(this.#startAtMs, this.#graceUntilMs) : this.#startAtMs;
  }

  /** This node voted in the term, or a later one, for something that can no longer come about. */
  #isStuck(): boolean {
    const last = this.#lastVote;
    if (!last || last.term < this.term) return false;
    if (last.term > this.term) return true;
    return ![...this.#kids].some((kid) =>
      this.#rules.digest(this.#proposalOf(kid)) === last.digest
    );
  }

  /** Without its collector a term leads nowhere, so there is nothing to wait for. */
  #collectorGaveUp(): boolean {
    return this.#terms.hasGivenUp(this.#collector(this.term));
  }

  #hasGivenUp(): boolean {
    return this.#terms.hasGivenUp(this.#self);
  }

  #proposalOf(kid: Digest): Proposal {
    return { term: this.term, prev: this.#head.id, kid, active: this.#active };
  }

  /** The key of the head goes on while this node has verified it. */
  #kid(): Digest | undefined {
    const current = this.#certificate?.kid;
    return current !== undefined && this.#kids.has(current) ? current : this.#preferredKid;
  }

  #collector(term: number): NodeId {
    return this.#rules.collector(this.#head.id, term, this.#active.map((node) => node.id));
  }

  #others(): NodeId[] {
    return this.#active.map((node) => node.id).filter((id) => id !== this.#self);
  }

  #resetAttempt(): void {
    this.#isOverdue = false;
    this.#round = undefined;
    this.#bundle = undefined;
    this.#termDeadlineMs = undefined;
  }

  #ignore(id: Digest): void {
    if (this.#ignored.size >= IGNORED_MAX) {
      this.#ignored.delete(this.#ignored.values().next().value!);
    }
    this.#ignored.add(id);
  }

  #send(to: readonly NodeId[], message: ElectionMessage): void {
    if (to.length === 0) return;
    if (message.kind === "gave-up" && message.statements.length === 0) return;
    this.#effects.push({ type: "send", to, message });
  }

  #note(note: ElectionNote): void {
    this.#effects.push({ type: "note", note });
  }
}

/** Whether a head is greater than another: by term, then by id. */
export function isGreater(a: Head, b: Head): boolean {
  return a.term !== b.term ? a.term > b.term : a.id > b.id;
}

function sameCandidates(a: readonly Candidate[], b: readonly Candidate[]): boolean {
  return a.length === b.length &&
    a.every((node, i) => node.id === b[i].id && node.name === b[i].name);
}
