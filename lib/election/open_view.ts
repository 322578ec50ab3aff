/**
 * The view of one node of an open cluster: who is known, and the list of the active that proposals are made of. Pure.
 *
 * It is told of changes and never of the whole: while a large cluster comes together every arrival is one, at every node, and a list of
 * all at each of them was most of what an election cost. A change costs the place of one member in the list, and the list is handed out as
 * a copy, made when somebody asks for it.
 */
import { compareBase64url } from "../base/bytes.ts";
import type { NodeId } from "../membership/types.ts";
import type { Candidate, ViewChange } from "./types.ts";

/** What came of some changes. */
export interface ViewOutcome {
  /** Whether somebody is known who was not. */
  readonly hasNews: boolean;
  /** Whether somebody is not known any more. */
  readonly hasForgotten: boolean;
  /** Whether the list of the active is another, in names or members. */
  readonly isOther: boolean;
  readonly entered: readonly NodeId[];
  readonly left: readonly NodeId[];
}

/** The view. */
export class OpenView {
  /** Everybody who is known; `null` stands for who is not active. */
  readonly #known = new Map<NodeId, Candidate | null>();
  /** The active by id bytes. */
  readonly #sorted: Candidate[] = [];
  #listed?: readonly Candidate[];
  #revision = 0;

  /** A number that grows by one with every node whose place in the list of the active changed. */
  get revision(): number {
    return this.#revision;
  }

  /** How many are active. */
  get size(): number {
    return this.#sorted.length;
  }

  /** The active, sorted by id bytes; the same array until they are others. */
  get active(): readonly Candidate[] {
    return this.#listed ??= [...this.#sorted];
  }

  /** Whether a node is known in any state. */
  knows(id: NodeId): boolean {
    return this.#known.has(id);
  }

  /** Whether a node is active. */
  isActive(id: NodeId): boolean {
    return !!this.#known.get(id);
  }

  /** Takes changes, in the order of time; what they come to counts, not the way there. */
  take(changes: readonly ViewChange[]): ViewOutcome {
    const before = new Map<NodeId, Candidate | null | undefined>();
    for (const change of changes) {
      const id = change.kind === "active" ? change.node.id : change.id;
      if (!before.has(id)) before.set(id, this.#known.get(id));
      this.#apply(change);
    }
    let [hasNews, hasForgotten, isOther] = [false, false, false];
    const [entered, left]: [NodeId[], NodeId[]] = [[], []];
    for (const [id, was] of before) {
      const is = this.#known.get(id);
      hasNews ||= was === undefined && is !== undefined;
      hasForgotten ||= was !== undefined && is === undefined;
      if (is && !was) entered.push(id);
      if (was && !is) left.push(id);
      if (was?.name === is?.name) continue;
      isOther = true;
      this.#revision++;
    }
    return { hasNews, hasForgotten, isOther, entered, left };
  }

  #apply(change: ViewChange): void {
    switch (change.kind) {
      case "active": {
        const { node } = change;
        this.#list(node.id, [node]);
        this.#known.set(node.id, node);
        return;
      }
      case "inactive":
        this.#list(change.id, []);
        this.#known.set(change.id, null);
        return;
      case "forgotten":
        this.#list(change.id, []);
        this.#known.delete(change.id);
        return;
      default:
        change satisfies never;
    }
  }

  /** Puts this in the place of a node in the list. */
  #list(id: NodeId, nodes: readonly Candidate[]): void {
    const isListed = this.isActive(id);
    if (!isListed && nodes.length === 0) return;
    this.#sorted.splice(this.#placeOf(id), isListed ? 1 : 0, ...nodes);
    this.#listed = undefined;
  }

  /** Where an id is in the list, or would be. */
  #placeOf(id: NodeId): number {
    let [from, to] = [0, this.#sorted.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareBase64url(this.#sorted[middle].id, id) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
