/**
 * What was said about terms in an open cluster: signed give-ups, by term and voter, for the present head; and those that came before
 * their head. A majority of the view about one term opens the next. Pure.
 *
 * Who gave up a later term votes in no earlier one any more, so that word counts for all the terms before: a restarted node remembers the term
 * of its last vote, but not what had opened it, and could teach it to nobody.
 */
import type { NodeId } from "../membership/types.ts";
import type { GaveUp, Head } from "./types.ts";

/** Statements that wait for their head, one a voter; the oldest go first. */
const EARLY_MAX = 64;

/** A term this far ahead of the head is not believed: it would take years of giving up. */
const TERMS_AHEAD_MAX = 1_000_000;

/** Whose words count. */
export interface Electorate {
  /** Grows by at least one with everybody who comes or goes. */
  readonly revision: number;
  isActive(id: NodeId): boolean;
}

/** The statements of one node. */
export class OpenTerms {
  #head: Head;
  #current: number;
  readonly #statements = new Map<number, Map<NodeId, GaveUp>>();
  readonly #early = new Map<NodeId, GaveUp>();
  /** Statements that were noted. */
  #noted = 0;
  /** Statements and changes of the view together before which none can open a term: see `open`. */
  #openedNothingUntil = 0;

  /** `resumeTerm` is the last term in which this node voted: after a restart it was open. */
  constructor(head: Head, resumeTerm: number) {
    this.#head = head;
    this.#current = Math.max(head.term + 1, resumeTerm);
  }

  /** The term that is open. */
  get current(): number {
    return this.#current;
  }

  /** The statements about a term. */
  about(term: number): GaveUp[] {
    return [...(this.#statements.get(term)?.values() ?? [])];
  }

  /** Whether a voter has given up the current term, or a later one. */
  hasGivenUp(voter: NodeId): boolean {
    for (const [term, statements] of this.#statements) {
      if (term >= this.#current && statements.has(voter)) return true;
    }
    return false;
  }

  /** There is a new head: what was said about the old one is void, what came early counts now. */
  restart(head: Head): void {
    this.#head = head;
    this.#current = head.term + 1;
    this.#openedNothingUntil = 0;
    this.#statements.clear();
    const early = [...this.#early.values()];
    this.#early.clear();
    for (const statement of early) this.note(statement);
  }

  /** Notes a statement of a node that this one knows. */
  note(statement: GaveUp): void {
    const { term, prev, voter } = statement;
    if (prev !== this.#head.id) return this.#keepEarly(statement);
    if (term < this.#current - 1 || term > this.#head.term + TERMS_AHEAD_MAX) return;
    // Of a voter's words about later terms only that about the furthest is kept, in whatever order they come, so that nobody fills the map.
    for (const [other, statements] of this.#statements) {
      if (other > term && term > this.#current && statements.has(voter)) return;
      if (other < term && other > this.#current) statements.delete(voter);
      if (statements.size === 0) this.#statements.delete(other);
    }
    const statements = this.#statements.get(term) ?? new Map<NodeId, GaveUp>();
    statements.set(voter, statement);
    this.#statements.set(term, statements);
    this.#noted++;
  }

  /** Some voters may not be known any more: strangers who come and go would fill the statements otherwise. */
  forgetUnknown(isKnown: (voter: NodeId) => boolean): void {
    for (const [term, statements] of this.#statements) {
      for (const voter of statements.keys()) if (!isKnown(voter)) statements.delete(voter);
      if (statements.size === 0) this.#statements.delete(term);
    }
  }

  /** Opens the term after the highest one that enough voters of the view gave up. Whether there was one. */
  open(view: Electorate, votesNeeded: number): boolean {
    // It is asked after every event, and in a large cluster hundreds of statements would be counted each time. But when
    // so many are missing, nothing is opened before so many things happened: each brings one voter, or makes one less needed.
    const happened = this.#noted + view.revision;
    if (happened < this.#openedNothingUntil) return false;
    const { givenUp, voters } = this.#count(view, votesNeeded);
    if (givenUp === undefined) {
      this.#openedNothingUntil = happened + votesNeeded - voters;
      return false;
    }
    this.#openedNothingUntil = 0;
    this.#current = givenUp + 1;
    for (const term of this.#statements.keys()) {
      // The ones that opened the current term are kept for those that missed them.
      if (term < this.#current - 1) this.#statements.delete(term);
    }
    return true;
  }

  /** The highest term that enough voters gave up, if there is one, and how many that was. */
  #count(
    view: Electorate,
    votesNeeded: number,
  ): { readonly givenUp?: number; readonly voters: number } {
    const voters = new Set<NodeId>();
    for (const [term, statements] of [...this.#statements].sort(([a], [b]) => b - a)) {
      if (term < this.#current) break;
      for (const voter of statements.keys()) if (view.isActive(voter)) voters.add(voter);
      if (voters.size >= votesNeeded) return { givenUp: term, voters: voters.size };
    }
    return { voters: voters.size };
  }

  #keepEarly(statement: GaveUp): void {
    this.#early.delete(statement.voter);
    if (this.#early.size >= EARLY_MAX) this.#early.delete(this.#early.keys().next().value!);
    this.#early.set(statement.voter, statement);
  }
}
