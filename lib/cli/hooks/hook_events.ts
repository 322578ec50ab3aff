/**
 * From what a node's journal says to what hooks hear. In a roster cluster a node is elected when it holds the lease and deposed when it has lost
 * it; an open cluster has no leases, so there the certificate decides. Elected and deposed always take turns.
 */
import type { HookEventName } from "./hook.ts";

/** What a hook is told. */
export interface HookCall {
  readonly event: HookEventName;
  readonly fields: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Follows the journal of one node. */
export class HookTracker {
  readonly #kind: "open" | "roster";
  /** The term by which this node is elected. */
  #electedTerm?: unknown;
  #leaderId?: unknown;

  constructor(kind: "open" | "roster") {
    this.#kind = kind;
  }

  /** What one line of the journal means for hooks, in order. */
  take(event: string, fields: Fields): readonly HookCall[] {
    switch (event) {
      case "leader":
        return this.#leader(fields);
      case "leaderless": {
        const deposed = this.#kind === "open" ? this.#deposed("no-leader") : [];
        if (this.#leaderId === null) return deposed;
        this.#leaderId = null;
        const call: HookCall = {
          event: "leader-change",
          fields: { term: fields.term, leader: null },
        };
        return [...deposed, call];
      }
      case "lease-held":
        return this.#elected(fields.term);
      case "lease-lost":
        return this.#deposed(String(fields.why));
      case "member-join":
        return [member("join", fields)];
      case "member-leave":
        return [member("leave", fields)];
      case "member-fail":
        return [member("fail", fields)];
      case "fork-evidence":
        return [{ event, fields: { evidence: fields.evidence } }];
      default:
        return [];
    }
  }

  /** The node stops. */
  end(): readonly HookCall[] {
    return this.#deposed("stopping");
  }

  #leader({ term, leader, name, self, certificateId, tee }: Fields): readonly HookCall[] {
    const calls: HookCall[] = [];
    if (this.#kind === "open" && self !== true) calls.push(...this.#deposed("superseded"));
    if (this.#leaderId !== certificateId) {
      this.#leaderId = certificateId;
      const fields = { term, leader, name, self, certificateId, tee };
      calls.push({ event: "leader-change", fields });
    }
    if (this.#kind === "open" && self === true) calls.push(...this.#elected(term));
    return calls;
  }

  #elected(term: unknown): readonly HookCall[] {
    if (this.#electedTerm === term) return [];
    const deposed = this.#deposed("superseded");
    this.#electedTerm = term;
    return [...deposed, { event: "elected", fields: { term } }];
  }

  #deposed(why: string): readonly HookCall[] {
    if (this.#electedTerm === undefined) return [];
    const term = this.#electedTerm;
    this.#electedTerm = undefined;
    return [{ event: "deposed", fields: { term, why } }];
  }
}

function member(event: HookEventName, { id, name, address, state }: Fields): HookCall {
  return { event, fields: { member: { id, name, address, state } } };
}
