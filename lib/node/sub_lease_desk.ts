/**
 * Who may run under this node's lease (design §4.7): a sub-lease has a name, and one holder at a time. The core knows how long each may run and
 * makes a step-down wait for them; this desk adds that two holders of one name never overlap, so that a command that is started
 * twice runs once.
 */

/** Where grants come from: the core of a roster cluster; in an open one, that this node leads. */
export interface LeaseGranter {
  /** Monotonic. */
  nowMs(): number;
  /** The ms granted from the sending of the request; 0 is a refusal. */
  grant(id: string, wantedMs: number): number;
  returned(id: string): void;
}

/** What came of a request. `held` names no other holder: whose it is concerns nobody. */
export type SubLeaseAnswer =
  | { readonly grantedMs: number }
  | { readonly refused: "no-lease" }
  | { readonly refused: "held"; readonly remainingMs: number };

/** One running sub-lease. */
export interface SubLease {
  readonly name: string;
  /** Until it is over unless it is renewed, ms. */
  readonly remainingMs: number;
}

interface Held {
  readonly holder: string;
  readonly untilMs: number;
}

/** The sub-leases of one node, by their names. */
export class SubLeaseDesk {
  readonly #granter: LeaseGranter;
  readonly #held = new Map<string, Held>();

  constructor(granter: LeaseGranter) {
    this.#granter = granter;
  }

  /** Takes or renews. The core bounds how many there are. */
  take(name: string, holder: string, wantedMs: number): SubLeaseAnswer {
    const nowMs = this.#granter.nowMs();
    for (const [name, { untilMs }] of this.#held) if (untilMs <= nowMs) this.#held.delete(name);
    const held = this.#held.get(name);
    if (held && held.holder !== holder) {
      return { refused: "held", remainingMs: Math.ceil(held.untilMs - nowMs) };
    }
    const grantedMs = this.#granter.grant(name, wantedMs);
    if (grantedMs === 0) return { refused: "no-lease" };
    // An earlier, longer grant still binds: its holder may not have heard of this one.
    const untilMs = Math.max(held?.untilMs ?? 0, this.#granter.nowMs() + grantedMs);
    this.#held.set(name, { holder, untilMs });
    return { grantedMs };
  }

  /** What ran has stopped. Says nothing to a holder that has none. */
  giveBack(name: string, holder: string): void {
    if (this.#held.get(name)?.holder !== holder) return;
    this.#held.delete(name);
    this.#granter.returned(name);
  }

  /** Those that run now. */
  list(): readonly SubLease[] {
    const nowMs = this.#granter.nowMs();
    return [...this.#held].filter(([, { untilMs }]) => untilMs > nowMs)
      .map(([name, { untilMs }]) => ({ name, remainingMs: Math.ceil(untilMs - nowMs) }));
  }
}
