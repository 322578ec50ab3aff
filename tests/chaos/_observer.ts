/**
 * Asks every node over HTTP who leads, over and over, and writes down what it says and when it was asked. A node that stands still answers when
 * it runs again, and is asked anew at once: that is when a wrong belief would show.
 */
import type { LeaderView } from "../../lib/api/views.ts";
import type { ChaosCluster, Member } from "./_cluster.ts";
import type { History } from "./_history.ts";

/** Between two questions to one node, ms: a twentieth of a lease. */
const QUESTION_MS = 50;
/** How long an answer may take, ms: longer than any pause of a process. */
const ANSWER_MS_MAX = 15_000;

/** The observer; it watches until it is disposed of. */
export class ChaosObserver implements AsyncDisposable {
  readonly #history: History;
  readonly #stop = new AbortController();
  readonly #watches: Promise<void>[];
  readonly #wakers = new Set<() => void>();
  #leader?: { readonly id: string; readonly seenMs: number };

  constructor(cluster: ChaosCluster, history: History) {
    this.#history = history;
    this.#watches = cluster.members.map((member) => this.#watch(member));
  }

  /** Id of the node that was seen with a lease last. */
  get leaderId(): string | undefined {
    return this.#leader?.id;
  }

  /** Waits until somebody is seen with a lease from now on; gives how long it took, ms, or `undefined` when it took longer than this. */
  async led(withinMs: number): Promise<number | undefined> {
    const startMs = performance.now();
    const over = AbortSignal.timeout(withinMs);
    over.addEventListener("abort", () => this.#wake());
    while ((this.#leader?.seenMs ?? -Infinity) < startMs) {
      if (over.aborted) return undefined;
      await new Promise<void>((resolve) => this.#wakers.add(resolve));
    }
    return performance.now() - startMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#watches);
  }

  async #watch(member: Member): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#ask(member);
      await new Promise((resolve) => setTimeout(resolve, QUESTION_MS));
    }
  }

  async #ask({ name, http }: Member): Promise<void> {
    if (http === undefined) return;
    const askedMs = performance.now();
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    let view: LeaderView;
    try {
      const response = await fetch(`http://${http}/v1/leader`, { signal });
      if (!response.ok) return void await response.body?.cancel();
      view = await response.json();
    } catch {
      // It was killed, or stands still for longer than an answer may take.
      return;
    }
    const answeredMs = performance.now();
    const { term, certificateId, leads, leaseRemainingMs } = view;
    const leaseMs = leads ? leaseRemainingMs : 0;
    this.#history.see({ node: name, askedMs, answeredMs, term, certificateId, leaseMs });
    if (leads) {
      this.#leader = { id: view.id, seenMs: askedMs };
      this.#wake();
    }
  }

  #wake(): void {
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }
}
