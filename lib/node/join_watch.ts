/** An operator's wish to join further seeds: membership tries them on and on, and this waits for the first answer of each. */
import { type Address, formatAddress } from "../base/address.ts";
import type { MembershipReport, NodeId } from "../membership/types.ts";

/** What came of an operator's wish to join. */
export interface JoinReport {
  readonly answered: readonly { readonly seed: Address; readonly id: NodeId }[];
  /** Seeds that did not answer in time; they are tried on. */
  readonly silent: readonly Address[];
}

/** Those who wait for seeds of one node, until it is closed. */
export class JoinWatch implements Disposable {
  readonly #listeners = new Set<(report: MembershipReport) => void>();
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  /** Membership reported something. */
  hear(report: MembershipReport): void {
    for (const listener of [...this.#listeners]) listener(report);
  }

  /** The node stops: nobody waits any more. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const end of this.#waiting) end();
  }

  /** Begins with `start` and resolves when all seeds have answered, after `waitMs`, or when the node stops. */
  async join(
    seeds: readonly Address[],
    waitMs: number,
    start: () => void,
  ): Promise<JoinReport> {
    const waiting = new Map(seeds.map((seed) => [formatAddress(seed), seed]));
    const answered: { seed: Address; id: NodeId }[] = [];
    const done = Promise.withResolvers<void>();
    const listener = (report: MembershipReport) => {
      if (report.kind !== "seed-answered" || !waiting.delete(formatAddress(report.seed))) return;
      answered.push({ seed: report.seed, id: report.id });
      if (waiting.size === 0) done.resolve();
    };
    this.#listeners.add(listener);
    this.#waiting.add(done.resolve);
    const timer = setTimeout(done.resolve, this.#isClosed ? 0 : waitMs);
    start();
    await done.promise;
    clearTimeout(timer);
    this.#waiting.delete(done.resolve);
    this.#listeners.delete(listener);
    return { answered, silent: [...waiting.values()] };
  }
}
