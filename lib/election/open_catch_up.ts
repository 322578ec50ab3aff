/**
 * Catching up in an open cluster: who sees a greater head asks for its certificate, at a bounded rate for each member because the heads that
 * others name are not verified, and not again for a certificate that turned out to be of strangers.
 */
import type { Digest } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import type { OpenContext } from "./open_context.ts";
import type { Head } from "./types.ts";

/** Certificates that were ignored are remembered, so that they are not fetched again and again; the oldest go first. */
const IGNORED_MAX = 256;

/** What one node fetched and would not take. */
export class OpenCatchUp {
  readonly #context: OpenContext;
  readonly #ignored = new Set<Digest>();
  readonly #askedMs = new Map<NodeId, number>();

  constructor(context: OpenContext) {
    this.#context = context;
  }

  /** A member says what its head is. */
  headSeen(from: NodeId, head: Head, nowMs: number): void {
    const { head: own, view, settings } = this.#context;
    if (!isGreater(head, own) || this.#ignored.has(head.id) || !view.knows(from)) return;
    if (nowMs - (this.#askedMs.get(from) ?? -Infinity) < settings.pullIntervalMs) return;
    this.#askedMs.set(from, nowMs);
    this.#context.send([from], { kind: "want-certificate", id: head.id });
  }

  /** A certificate is of nobody that this node knows. */
  ignore(id: Digest): void {
    if (this.#ignored.size >= IGNORED_MAX) {
      this.#ignored.delete(this.#ignored.values().next().value!);
    }
    this.#ignored.add(id);
  }

  /** Somebody is known now who was not: a head that was nobody's is somebody's, perhaps. */
  reconsider(): void {
    this.#ignored.clear();
  }

  /** Some nodes may not be known any more. */
  forgetUnknown(): void {
    for (const id of this.#askedMs.keys()) {
      if (!this.#context.view.knows(id)) this.#askedMs.delete(id);
    }
  }
}

/** Whether a head is greater than another: by term, then by id. */
export function isGreater(a: Head, b: Head): boolean {
  return a.term !== b.term ? a.term > b.term : a.id > b.id;
}
