/**
 * A voter that may not vote yet (design §4.11): its package succeeds another function, and it has not seen how that one closed. It gives the
 * genesis of its own function as its head, which is lower than every certificate, and asks voters that show a higher one for that certificate:
 * the closing of the predecessor, or by then one of its own function, which the closing is behind. It says and promises nothing else.
 *
 * The heads that others name are not verified, so each voter is asked at a bounded rate, and ever more seldom for what it was asked for
 * before: it may be of no use here.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Head, RosterMessage } from "./types.ts";

/** The longest wait before a voter is asked for the same certificate again, ms. */
const AGAIN_MS_MAX = 30_000;

interface Question {
  readonly id: Digest;
  readonly askedMs: number;
  /** How long it is not asked for the same again. */
  readonly waitMs: number;
}

/** The machine: it needs no ticks. */
export class ClosingSearch {
  readonly head: Head;
  readonly #voters: ReadonlySet<NodeId>;
  readonly #intervalMs: number;
  /** The last question to each voter. */
  readonly #asked = new Map<NodeId, Question>();

  /** `voters` are the others; `intervalMs` is the least time between two questions to one of them. */
  constructor(head: Head, voters: ReadonlySet<NodeId>, intervalMs: number) {
    this.head = head;
    this.#voters = voters;
    this.#intervalMs = intervalMs;
  }

  deadlineMs(): undefined {
    return undefined;
  }

  /** Takes a word of gossip and gives the question to send, if there is one. */
  step(
    event: { readonly type: "tick" } | {
      readonly type: "head-seen";
      readonly from: NodeId;
      readonly head: Head;
    },
    nowMs: number,
  ): { readonly type: "send"; readonly to: NodeId[]; readonly message: RosterMessage }[] {
    if (event.type === "tick") return [];
    const { from, head: { term, id } } = event;
    if (!this.#voters.has(from) || term <= this.head.term) return [];
    const last = this.#asked.get(from);
    const waitMs = last?.id === id ? last.waitMs : this.#intervalMs;
    if (last && nowMs < last.askedMs + waitMs) return [];
    const longer = last?.id === id ? Math.min(2 * waitMs, AGAIN_MS_MAX) : waitMs;
    this.#asked.set(from, { id, askedMs: nowMs, waitMs: longer });
    return [{ type: "send", to: [from], message: { kind: "want-certificate", id } }];
  }
}
