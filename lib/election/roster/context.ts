/**
 * What the parts of one machine share: who it is and by which rules, what it holds (its state), and the list of effects of the present
 * step. The parts change the state; nothing here decides.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import { CatchUp } from "./catch_up.ts";
import { ElectionWatch } from "./observations.ts";
import { Promises } from "./promises.ts";
import type { RosterSettings } from "./settings.ts";
import { Terms } from "./terms.ts";
import type { RosterNote } from "./notes.ts";
import type {
  Head,
  LastVote,
  Roster,
  RosterCertificate,
  RosterEffect,
  RosterMemory,
  RosterMessage,
  RosterProposal,
  RosterRules,
  SuccessionOrder,
} from "./types.ts";
import { ViewRule } from "./view_rule.ts";

/** What a machine is made of, as far as the parts need it. */
export interface ContextOptions {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly rules: RosterRules;
  readonly settings: RosterSettings;
  readonly memory: RosterMemory;
  readonly origin: Head;
  readonly nowMs: number;
}

/** The shared things of one node. */
export class Context {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly rules: RosterRules;
  readonly settings: RosterSettings;
  /** The roster without this node. */
  readonly others: readonly NodeId[];

  head: Head;
  /** Of the head; absent at the origin. */
  certificate?: RosterCertificate;
  lastVote?: LastVote;
  order?: SuccessionOrder;
  /** Enclave keys for which this node has fresh evidence. */
  kids: ReadonlySet<Digest> = new Set();
  preferredKid?: Digest;
  /** Whether the leader of the head has said that it leads no more. */
  hasSteppedDown: () => boolean = () => false;
  /** Whether the leader of the head was ever heard as the leader. */
  hasAppeared: () => boolean = () => false;
  /** After a fail-stop: nothing is done any more. */
  isStopped = false;
  readonly terms: Terms;
  readonly view: ViewRule;
  readonly promises: Promises;
  readonly watch = new ElectionWatch((note) => this.note(note));
  readonly #catchUp: CatchUp;
  #effects: RosterEffect[] = [];
  /** The collector that was asked for last: a hash for each voter, and asked for several times in every step. */
  #collector?: { readonly prev: Digest; readonly term: number; readonly id: NodeId };

  constructor({ self, roster, rules, settings, memory, origin, nowMs }: ContextOptions) {
    this.self = self;
    this.roster = roster;
    this.rules = rules;
    this.settings = settings;
    const voters = roster.voters.map((voter) => voter.id);
    this.others = voters.filter((id) => id !== self);
    this.head = memory.head ? headOf(memory.head) : origin;
    this.certificate = memory.head;
    this.lastVote = memory.lastVote;
    this.order = memory.order;
    this.terms = new Terms(roster.votesNeeded, this.head, memory.opening);
    this.view = new ViewRule(self, voters, roster.faultBound, settings.settleMs, nowMs);
    this.promises = new Promises(memory.promisedMsMax, nowMs);
    this.#catchUp = new CatchUp(settings.pullIntervalMs);
  }

  /** Leader of the head. */
  get leader(): NodeId | undefined {
    return this.certificate?.leader;
  }

  /** Whether the head closed this electorate: it has a certificate and no leader. */
  get isClosed(): boolean {
    return this.certificate !== undefined && this.certificate.leader === undefined;
  }

  /** Who gathers the votes of the current term. */
  get collector(): NodeId {
    const { head: { id: prev }, terms: { current: term } } = this;
    const known = this.#collector;
    if (known?.term === term && known.prev === prev) return known.id;
    const id = this.rules.collector(prev, term);
    this.#collector = { prev, term, id };
    return id;
  }

  /** Whether a proposal is one for the current term after this head. */
  isCurrent({ prev, term }: RosterProposal): boolean {
    return prev === this.head.id && term === this.terms.current;
  }

  /**
   * Whether a certificate with this head is to be held in place of what is held: one of a later term, or the first one of this function. That
   * one may be of no later term than the closing by which this voter begins, when the others began by an earlier closing.
   */
  isNews({ term, id }: Head): boolean {
    const isFirst = this.certificate === undefined && id !== this.head.id;
    return term > this.head.term || isFirst;
  }

  /** Asks a member for a certificate that it seems to hold. */
  ask(member: NodeId, id: Digest, nowMs: number): void {
    if (this.#catchUp.mayAsk(member, nowMs)) this.send([member], { kind: "want-certificate", id });
  }

  /** Sends a member the certificate of the head. */
  teachHead(member: NodeId, nowMs: number): void {
    if (!this.certificate || !this.#catchUp.mayAnswer(member, nowMs)) return;
    const { document } = this.certificate;
    this.send([member], { kind: "certificate", document });
  }

  /** Shows a member what opened the current term. */
  teachTerm(member: NodeId, nowMs: number): void {
    const statements = this.terms.opening;
    if (statements.length === 0 || !this.#catchUp.mayTeach(member, nowMs)) return;
    this.send([member], { kind: "gave-up", statements });
  }

  /** Passes on the operator's order, if there is one. */
  tellOrder(members: readonly NodeId[]): void {
    if (this.order) this.send(members, { kind: "succession", order: this.order });
  }

  /** Adds an effect. */
  emit(effect: RosterEffect): void {
    this.#effects.push(effect);
  }

  /** To be on disk before anything that is emitted after it is carried out. */
  persist(change: Partial<RosterMemory>): void {
    this.emit({ type: "persist", change });
  }

  /** Sends to some members. */
  send(to: readonly NodeId[], message: RosterMessage): void {
    if (to.length > 0) this.emit({ type: "send", to, message });
  }

  /** Says something for the log. */
  note(note: RosterNote): void {
    this.emit({ type: "note", note });
  }

  /** The effects since the last call, in order. */
  takeEffects(): RosterEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

/** A certificate as a head. */
export function headOf({ id, proposal: { term } }: RosterCertificate): Head {
  return { term, id };
}
