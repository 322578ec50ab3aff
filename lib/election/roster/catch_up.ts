/**
 * Catching each other up (design §4.4): who sees a higher head asks for its certificate, who shows a lower head or term is sent what is missing. All at a
 * bounded rate for each member, because the heads that others name are not verified.
 */
import type { NodeId } from "../../membership/types.ts";

/** When this node last asked and last answered each member. */
export class CatchUp {
  readonly #intervalMs: number;
  readonly #askedMs = new Map<NodeId, number>();
  readonly #answeredMs = new Map<NodeId, number>();
  readonly #taughtMs = new Map<NodeId, number>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Whether it may ask this member now; notes that it does. */
  mayAsk(member: NodeId, nowMs: number): boolean {
    return this.#may(this.#askedMs, member, nowMs);
  }

  /** Whether it may send this member a certificate now; notes that it does. */
  mayAnswer(member: NodeId, nowMs: number): boolean {
    return this.#may(this.#answeredMs, member, nowMs);
  }

  /** Whether it may show this member what opened the term now; notes that it does. */
  mayTeach(member: NodeId, nowMs: number): boolean {
    return this.#may(this.#taughtMs, member, nowMs);
  }

  #may(lastMs: Map<NodeId, number>, member: NodeId, nowMs: number): boolean {
    if (nowMs < (lastMs.get(member) ?? -Infinity) + this.#intervalMs) return false;
    lastMs.set(member, nowMs);
    return true;
  }
}
