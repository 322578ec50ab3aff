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
 * nothing is promised across a partition. There are no leases. A view that is larger than the function takes is not voted on: its nodes are
 * members of each other, nobody leads them, and each says so once. A proposal travels as its digest: voters recompute it from their own view.
 *
 * This file hands each event to its part and keeps the terms going; the parts share `open_context.ts`: `open_voting.ts` is the voter,
 * `open_round.ts` the collector and its calls, `open_catch_up.ts` fetches greater heads, `open_terms.ts` is what opens a term,
 * `open_view.ts` is who is there.
 *
 * The order of effects is the contract: what is to be stored comes before what is to be sent. Deadlines are state; a `tick` at
 * any moment is harmless.
 */
import { ACTIVE_NODES_MAX } from "../../function/leader-election/rules.ts";
import type { Prng } from "../base/prng.ts";
import type { Digest, VerifiedCertificate } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import { isGreater, OpenCatchUp } from "./open_catch_up.ts";
import { type ElectionOptions, OpenContext } from "./open_context.ts";
import { OpenRound } from "./open_round.ts";
import { OpenVoting } from "./open_voting.ts";
import type {
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
  Head,
  RefusalReason,
  ViewChange,
} from "./types.ts";

/** The machine. */
export class OpenElection {
  readonly #context: OpenContext;
  readonly #prng: Prng;
  readonly #voting: OpenVoting;
  readonly #round: OpenRound;
  readonly #catchUp: OpenCatchUp;
  #givenUpInARow = 0;
  #respected?: Digest;
  /** When the present view may be voted on, and when the present term is given up. */
  #startAtMs: number;
  #termDeadlineMs?: number;
  /** The deadline passed in silence: see `#considerGivingUp`. */
  #isOverdue = false;
  #graceUntilMs: number;
  #leaving = false;
  /** Whether it was said that the view is too large. */
  #saidTooLarge = false;

  constructor(options: ElectionOptions) {
    const { nowMs, settings, awaitsSeeds } = options;
    this.#prng = options.prng;
    this.#context = new OpenContext(options);
    this.#voting = new OpenVoting(this.#context);
    this.#round = new OpenRound(this.#context, this.#voting);
    this.#catchUp = new OpenCatchUp(this.#context);
    this.#startAtMs = nowMs;
    this.#graceUntilMs = awaitsSeeds ? nowMs + settings.joinGraceMs : nowMs;
  }

  /** The highest certificate that was accepted. */
  get head(): Head {
    return this.#context.head;
  }

  /** The certificate of the head, respected or not. */
  get headCertificate(): VerifiedCertificate | undefined {
    return this.#context.certificate;
  }

  /** The certificate that holds for the present view. */
  get respected(): VerifiedCertificate | undefined {
    return this.#context.isRespected ? this.#context.certificate : undefined;
  }

  /** The present term: the one that the next certificate will have. */
  get term(): number {
    return this.#context.term;
  }

  /** When the next `tick` is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    if (this.#leaving || !this.#context.isElecting) return undefined;
    if (this.#termDeadlineMs === undefined) return this.#beginAtMs();
    return Math.min(this.#termDeadlineMs, this.#round.deadlineMs());
  }

  /** Takes one event at a moment and gives what is to be done, in order. */
  step(event: ElectionEvent, nowMs: number): ElectionEffect[] {
    if (event.type !== "view") this.#take(event, nowMs);
    else if (!this.#onView(event.changes, nowMs)) return [];
    this.#advance(nowMs);
    return this.#context.takeEffects();
  }

  #take(event: Exclude<ElectionEvent, { type: "view" }>, nowMs: number): void {
    switch (event.type) {
      case "tick":
        return;
      case "message":
        return this.#onMessage(event.sender, event.message, nowMs);
      case "certificate":
        return this.#onCertificate(event.certificate, event.from);
      case "head-seen":
        return this.#catchUp.headSeen(event.from, event.head, nowMs);
      case "keys":
        this.#context.kids = new Set(event.kids);
        this.#context.preferredKid = event.preferred;
        return;
      case "enclave-failed":
        return this.#round.failed(event.digest, event.reason, event.refused);
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

  /** Whether anything came of the changes. */
  #onView(changes: readonly ViewChange[], nowMs: number): boolean {
    const { hasNews, hasForgotten, isOther } = this.#context.takeView(changes);
    if (hasNews) this.#catchUp.reconsider();
    if (hasForgotten) this.#forgetUnknown();
    if (isOther) {
      this.#startAtMs = nowMs + this.#context.settings.settleMs;
      this.#resetAttempt();
    }
    return hasNews || hasForgotten || isOther;
  }

  #forgetUnknown(): void {
    const { terms, view, self } = this.#context;
    terms.forgetUnknown((voter) => voter === self || view.knows(voter));
    this.#catchUp.forgetUnknown();
    this.#voting.forgetUnknown();
  }

  #onMessage(
    sender: NodeId,
    message: Exclude<ElectionMessage, { kind: "certificate" }>,
    nowMs: number,
  ): void {
    const { view, certificate, head, terms } = this.#context;
    if (this.#leaving || !view.knows(sender)) return;
    switch (message.kind) {
      case "proposal":
        return this.#voting.take(sender, message.proposal);
      case "vote":
        return this.#round.take(sender, message.term, message.digest, message.vote);
      case "refusal":
        return this.#onRefusal(sender, message.digest, message.reason, message.head, nowMs);
      case "gave-up":
        for (const statement of message.statements) {
          if (view.knows(statement.voter)) terms.note(statement);
        }
        return;
      case "bundle":
        return this.#round.takeBundle(sender, message.proposal, message.votes, nowMs);
      case "want-certificate":
        if (certificate && message.id === head.id) {
          this.#context.send([sender], { kind: "certificate", document: certificate.document });
        }
        return;
      default:
        message satisfies never;
    }
  }

  /** A refusal teaches: a greater head is fetched, and a term that cannot win a majority any more is given up at once. */
  #onRefusal(
    sender: NodeId,
    digest: Digest,
    reason: RefusalReason,
    head: Head,
    nowMs: number,
  ): void {
    const term = this.#round.termOf(digest);
    if (term === undefined) return;
    const { terms } = this.#context;
    this.#context.note({ what: "was-refused", by: sender, term, reason });
    this.#catchUp.headSeen(sender, head, nowMs);
    if (reason === "voted") this.#giveUp(nowMs);
    if (reason === "term-not-open") {
      const statements = terms.about(terms.current - 1);
      this.#context.send([sender], { kind: "gave-up", statements });
    }
  }

  #onCertificate(certificate: VerifiedCertificate, from: NodeId | undefined): void {
    const context = this.#context;
    const { self, view } = context;
    const { term, id, active, document } = certificate;
    if (id === context.head.id || !isGreater(certificate, context.head)) return;
    if (!active.some((id) => view.knows(id) || id === self)) {
      this.#catchUp.ignore(id);
      context.note({ what: "ignored-head", term, from });
      return;
    }
    context.certificate = certificate;
    context.head = { term, id };
    context.terms.restart(context.head);
    this.#voting.restart();
    this.#givenUpInARow = 0;
    this.#resetAttempt();
    context.emit({ type: "persist-head", certificate });
    context.emit({ type: "head", head: context.head });
    if (from === undefined) {
      context.send(active.filter((id) => id !== self), { kind: "certificate", document });
    }
  }

  /** Everything that follows from the state as it is now: respect, propose, vote, call, give up. */
  #advance(nowMs: number): void {
    const context = this.#context;
    this.#openTerms();
    this.#announce();
    this.#saySize();
    if (this.#leaving || !context.isElecting) return;
    if (this.#termDeadlineMs === undefined && nowMs >= this.#beginAtMs()) this.#beginTerm(nowMs);
    this.#voting.consider();
    if (this.#termDeadlineMs === undefined) return;
    this.#round.propose();
    this.#round.callWhenReady(nowMs);
    if (!context.hasGivenUp && (this.#voting.isStuck || this.#collectorGaveUp())) {
      this.#giveUp(nowMs);
    }
    this.#considerGivingUp(nowMs, this.#termDeadlineMs);
    this.#openTerms();
  }

  #beginTerm(nowMs: number): void {
    const { termTimeoutMs, termTimeoutMsMax } = this.#context.settings;
    const doubled = Math.min(
      termTimeoutMs * 2 ** Math.min(this.#givenUpInARow, 20),
      termTimeoutMsMax,
    );
    this.#termDeadlineMs = nowMs + doubled * (1 + this.#prng.float() / 4);
  }

  /**
   * At the deadline; but who knows no enclave key waits until another gave up, for as long as nobody knows one a next term would lead
   * nowhere either, and a cluster without an enclave would do nothing but give up.
   */
  #considerGivingUp(nowMs: number, deadlineMs: number): void {
    const { kids, terms } = this.#context;
    this.#isOverdue ||= nowMs >= deadlineMs;
    const mayHelp = kids.size > 0 || terms.about(terms.current).length > 0;
    if (this.#isOverdue && mayHelp) this.#giveUp(nowMs);
    else if (nowMs >= deadlineMs) this.#beginTerm(nowMs);
  }

  /** Says to all that the term is over for this node, and says it again at every deadline until the next term opens. */
  #giveUp(nowMs: number): void {
    const context = this.#context;
    const { term, terms, head } = context;
    if (!context.hasGivenUp) context.note({ what: "gave-up", term });
    terms.note(context.rules.signGaveUp(head.id, term));
    context.send(context.others, { kind: "gave-up", statements: terms.about(term) });
    this.#isOverdue = false;
    this.#beginTerm(nowMs);
  }

  /** Without its collector a term leads nowhere, so there is nothing to wait for. */
  #collectorGaveUp(): boolean {
    return this.#context.terms.hasGivenUp(this.#context.collector);
  }

  /** A majority of the view that gave up a term opens the next. */
  #openTerms(): void {
    const { rules, view, terms } = this.#context;
    if (!terms.open(view, rules.votesNeeded(view.size))) return;
    this.#givenUpInARow++;
    this.#context.note({ what: "term-opened", term: terms.current });
    this.#resetAttempt();
  }

  /** The leader as this node respects it, said whenever it changes. */
  #announce(): void {
    const now = this.#leaving ? undefined : this.respected;
    if (now?.id === this.#respected) return;
    this.#respected = now?.id;
    if (now) this.#saidTooLarge = false;
    this.#context.emit({ type: "leader", certificate: now });
  }

  /** There is no election in a larger view, so nothing else would tell why nobody leads; not again each time one comes and goes at the bound. */
  #saySize(): void {
    const { isTooLarge, view } = this.#context;
    if (!isTooLarge || this.#saidTooLarge || this.#leaving) return;
    this.#saidTooLarge = true;
    this.#context.note({ what: "too-large", active: view.size, activeMax: ACTIVE_NODES_MAX });
  }

  #beginAtMs(): number {
    const alone = this.#context.view.size === 1;
    return alone ? Math.max(this.#startAtMs, this.#graceUntilMs) : this.#startAtMs;
  }

  #resetAttempt(): void {
    this.#isOverdue = false;
    this.#round.drop();
    this.#termDeadlineMs = undefined;
  }
}
