/**
 * The view of one node of an open cluster: who is known, and the list of the active that proposals are made of. Pure.
 *
 * It is told of changes and never of the whole: while a large cluster comes together every arrival is one, at every node, and a list of
 * all at each of them was most of what an election cost. The list is put in order when somebody asks for it, which in a view that is too
 * large to elect nobody does.
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
  #size = 0;
  #revision = 0;
  /** The active by id bytes, as they were before those of `#unlisted` changed. */
  #listed: readonly Candidate[] = [];
  readonly #unlisted = new Set<NodeId>();

  /** A number that grows by one with every node whose place in the list of the active changed. */
  get revision(): number {
    return this.#revision;
  }

  /** How many are active. */
  get size(): number {
    return this.#size;
  }

  /** The active, sorted by id bytes; the same array until they are others. */
  get active(): readonly Candidate[] {
    if (this.#unlisted.size > 0) this.#list();
    return this.#listed;
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
      this.#unlisted.add(id);
    }
    this.#size += entered.length - left.length;
    // Those who came and went would add up where nobody asks for the list.
    if (this.#unlisted.size > 2 * this.#known.size) this.#list();
    return { hasNews, hasForgotten, isOther, entered, left };
  }

  #list(): void {
    const changed = this.#unlisted;
    const stayed = this.#listed.filter(({ id }) => !changed.has(id));
    const entered = [...changed].flatMap((id) => this.#known.get(id) ?? []).sort(compareCandidates);
    this.#listed = merged(stayed, entered);
    changed.clear();
  }

  #apply(change: ViewChange): void {
    switch (change.kind) {
      case "active":
        this.#known.set(change.node.id, change.node);
        return;
      case "inactive":
        this.#known.set(change.id, null);
        return;
      case "forgotten":
        this.#known.delete(change.id);
        return;
      default:
        change satisfies never;
    }
  }
}

/** Two sorted lists as one. */
function merged(a: readonly Candidate[], b: readonly Candidate[]): Candidate[] {
  const both: Candidate[] = [];
  let at = 0;
  for (const node of b) {
    while (at < a.length && compareCandidates(a[at], node) < 0) both.push(a[at++]);
    both.push(node);
  }
  return both.concat(a.slice(at));
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return compareBase64url(a.id, b.id);
}
