/**
 * Terms (design §4.3): after a certificate the current term is the next one, and only `q` signed gave-up statements about a term, for
 * the same `prev`, open the one after it. Time alone opens nothing, and nobody can jump.
 *
 * Kept are one statement of each voter about the current term, its one about the furthest later term, and one quorum, so a liar fills
 * nothing.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { GaveUp, Head } from "./types.ts";

/** The current term of one node and what was said about it. */
export class Terms {
  readonly #votesNeeded: number;
  #prev: Digest;
  #current: number;
  #present = new Map<NodeId, GaveUp>();
  readonly #ahead = new Map<NodeId, GaveUp>();
  #opening: readonly GaveUp[] = [];
  /** A quorum about a term from the current one on, as one message showed it. */
  #shown: readonly GaveUp[] = [];

  /** `opening` is what was stored before a restart; it counts only for the same head. */
  constructor(votesNeeded: number, head: Head, opening: readonly GaveUp[]) {
    this.#votesNeeded = votesNeeded;
    this.#prev = head.id;
    this.#current = head.term + 1;
    for (const statement of opening) this.note(statement);
    this.open();
  }

  /** The term in which this node votes. */
  get current(): number {
    return this.#current;
  }

  /** The statements that opened the current term: what a node that is behind has to see. */
  get opening(): readonly GaveUp[] {
    return this.#opening;
  }

  /** The statements about the current term. */
  get present(): readonly GaveUp[] {
    return [...this.#present.values()];
  }

  /** Whether this voter has given up the current term. */
  hasGivenUp(voter: NodeId): boolean {
    return this.#present.has(voter);
  }

  /** There is a new head: everything said about the old one is void. */
  restart(head: Head): void {
    this.#prev = head.id;
    this.#current = head.term + 1;
    this.#present.clear();
    this.#ahead.clear();
    this.#shown = [];
    this.#opening = [];
  }

  /** Notes a statement about this head. */
  note(statement: GaveUp): void {
    const { prev, term, voter } = statement;
    if (prev !== this.#prev || term < this.#current) return;
    if (term === this.#current) this.#present.set(voter, statement);
    else if (term > (this.#ahead.get(voter)?.term ?? 0)) this.#ahead.set(voter, statement);
  }

  /**
   * Notes the statements of one message, all about one term. A quorum that is shown together counts as it stands: of voters who have gone on
   * only their later word is kept, and too few later words would hide the quorum for ever.
   */
  noteTogether(statements: readonly GaveUp[]): void {
    for (const statement of statements) this.note(statement);
    const [{ prev, term }] = statements;
    const voters = new Set(statements.map((statement) => statement.voter));
    if (prev !== this.#prev || voters.size < this.#votesNeeded) return;
    if (term >= this.#current && term > (this.#shown[0]?.term ?? 0)) this.#shown = statements;
  }

  /** Opens the term after the highest one that enough voters gave up. Whether there was one. */
  open(): boolean {
    // So it is nearly always. Whoever is in a quorum that was shown is in one of these as well.
    if (Math.max(this.#present.size, this.#ahead.size) < this.#votesNeeded) return false;
    const [term, statements] = this.#highestGivenUp();
    if (statements.length < this.#votesNeeded) return false;
    this.#current = term + 1;
    this.#opening = statements;
    this.#present = new Map();
    for (const [voter, statement] of this.#ahead) {
      if (statement.term <= this.#current) this.#ahead.delete(voter);
      if (statement.term === this.#current) this.#present.set(voter, statement);
    }
    return true;
  }

  #highestGivenUp(): [term: number, statements: readonly GaveUp[]] {
    let highest: [number, readonly GaveUp[]] = [this.#current, this.present];
    const shown = this.#shown[0]?.term ?? 0;
    if (
      shown > this.#current || (shown === this.#current && highest[1].length < this.#votesNeeded)
    ) {
      highest = [shown, this.#shown];
    }
    const byTerm = Map.groupBy(this.#ahead.values(), (statement) => statement.term);
    for (const [term, statements] of byTerm) {
      if (statements.length >= this.#votesNeeded && term > highest[0]) highest = [term, statements];
    }
    return highest;
  }
}
