/**
 * One budget for all that a host holds for its clients: frames that are partly here, wait, or are being worked on, answers that are not taken yet, and
 * bodies of requests. Without it every session may hold an input or an answer of the greatest size for as long as it likes.
 *
 * Each token may hold as much as is left free (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998). So one token
 * alone gets half of the budget, n tokens get 1/(n+1) each, and there is always room for one more, with no number to set.
 * Who goes over it loses what holds most, which is not always what came last: small inputs pass beside large ones that somebody keeps open.
 */

import type { Refusal } from "./routes.ts";

/** What who is asked to go is told, as HTTP says it. */
export const HOLDS_TOO_MUCH: Refusal = {
  status: 503,
  error: "this host holds as much for its clients as it has room for, and this token has its " +
    "share of it; try again later",
  headers: { "Retry-After": "1" },
};

/** What holds bytes. */
export interface Holder {
  /** Asks it to go, with a word to its client; it may take a moment. */
  refuse(): void;
  /** Makes it let go at once. */
  cut(): void;
}

/** The bytes of one holder. */
export interface Holding {
  /** Says how much it holds now. This may end it or another one of its token. */
  hold(bytes: number): void;
  /** It holds nothing any more. */
  release(): void;
}

interface Entry extends Holder {
  readonly share: Share;
  bytes: number;
  isLeaving: boolean;
}

/** What one token holds; `bytes` without those that are leaving. */
interface Share {
  readonly token: string;
  readonly entries: Set<Entry>;
  bytes: number;
}

/** The budget of one host. */
export class HeldBudget {
  readonly #bytesMax: number;
  readonly #shares = new Map<string, Share>();
  readonly #leaving = new Set<Entry>();
  #heldBytes = 0;
  #refusals = 0;

  /** `bytesMax` is never exceeded by more than one piece from the network. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes held now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Holders that were asked to go so far. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Begins to count for a holder; it has to be released. */
  open(token: string, holder: Holder): Holding {
    const share = this.#shares.get(token) ?? { token, entries: new Set(), bytes: 0 };
    this.#shares.set(token, share);
    const entry: Entry = {
      share,
      bytes: 0,
      isLeaving: false,
      refuse: () => holder.refuse(),
      cut: () => holder.cut(),
    };
    share.entries.add(entry);
    return { hold: (bytes) => this.#hold(entry, bytes), release: () => this.#release(entry) };
  }

  #hold(entry: Entry, bytes: number): void {
    const { share } = entry;
    if (!share.entries.has(entry)) return;
    const more = bytes - entry.bytes;
    entry.bytes = bytes;
    this.#heldBytes += more;
    if (!entry.isLeaving) share.bytes += more;
    if (more > 0) this.#enforce(share);
  }

  #enforce(share: Share): void {
    while (share.bytes > Math.max(0, this.#bytesMax - this.#heldBytes)) {
      const staying = [...share.entries].filter(({ isLeaving }) => !isLeaving);
      const most = staying.reduce((a, b) => b.bytes > a.bytes ? b : a);
      most.isLeaving = true;
      share.bytes -= most.bytes;
      this.#leaving.add(most);
      this.#refusals++;
      most.refuse();
    }
    if (this.#heldBytes > this.#bytesMax) { for (const { cut } of [...this.#leaving]) cut(); }
  }

  #release(entry: Entry): void {
    const { share } = entry;
    if (!share.entries.delete(entry)) return;
    if (share.entries.size === 0) this.#shares.delete(share.token);
    this.#leaving.delete(entry);
    this.#heldBytes -= entry.bytes;
    if (!entry.isLeaving) share.bytes -= entry.bytes;
  }
}
