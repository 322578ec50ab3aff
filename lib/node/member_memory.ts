/**
 * Writes the members that a node knows into its state folder, so that after a restart it finds the cluster even when all its seeds are gone.
 * A change is on disk a moment later: a process that is killed forgets at most that moment, and many changes at once (a join) are one write.
 * Only differences are written, and nothing while nothing changes.
 */
import type { AliveClaim, Claim, NodeId } from "../membership/types.ts";
import type { StateStore } from "./state_store.ts";

/** From the first change to the write, ms: gossip about one change arrives within a few rounds. */
const GATHER_MS = 250;

/** The memory of one node. */
export class MemberMemory implements Disposable {
  readonly #store: StateStore;
  readonly #snapshot: () => readonly Claim[];
  readonly #self: NodeId;
  readonly #fail: (thrown: unknown) => void;
  /** Incarnations that this process wrote, by subject. */
  readonly #written = new Map<NodeId, number>();
  #timer?: ReturnType<typeof setTimeout>;

  /** `snapshot` gives all claims of the view, `fail` is told what a write threw. */
  constructor(options: {
    readonly store: StateStore;
    readonly snapshot: () => readonly Claim[];
    readonly self: NodeId;
    readonly fail: (thrown: unknown) => void;
  }) {
    this.#store = options.store;
    this.#snapshot = options.snapshot;
    this.#self = options.self;
    this.#fail = options.fail;
  }

  /** The view changed. */
  changed(): void {
    this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  /** Writes what waits. */
  [Symbol.dispose](): void {
    if (this.#timer !== undefined) this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { news, gone } = this.#difference();
    if (news.length === 0 && gone.length === 0) return;
    try {
      this.#store.saveMembers(news, gone);
    } catch (thrown) {
      return this.#fail(thrown);
    }
    for (const { subject, incarnation } of news) this.#written.set(subject, incarnation);
    for (const subject of gone) this.#written.delete(subject);
  }

  /** Who left or was reaped is gone; who was known in an earlier run and has not answered yet stays. */
  #difference(): { readonly news: AliveClaim[]; readonly gone: NodeId[] } {
    const present = new Map<NodeId, AliveClaim>();
    const gone = new Set(this.#written.keys());
    const left = new Set<NodeId>();
    for (const claim of this.#snapshot()) {
      if (claim.type === "alive" && claim.subject !== this.#self) present.set(claim.subject, claim);
      if (claim.type === "left") left.add(claim.subject);
    }
    for (const subject of left) present.delete(subject);
    for (const subject of present.keys()) gone.delete(subject);
    const news = [...present.values()]
      .filter((claim) => this.#written.get(claim.subject) !== claim.incarnation);
    return { news, gone: [...gone] };
  }
}
