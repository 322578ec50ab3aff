/** Requests that wait for something to happen to the node (long polls), bounded in number and ended when the server closes. */
import type { EventLog } from "../node/event_log.ts";
import { RequestFault } from "./faults.ts";

/** Those of one server. */
export class Waits {
  readonly #events: EventLog;
  readonly #waitsMax: number;
  readonly #stops = new Set<() => void>();
  #closed = false;

  constructor(events: EventLog, waitsMax: number) {
    this.#events = events;
    this.#waitsMax = waitsMax;
  }

  /**
   * See `ApiRequest.waitUntil`; `gone` resolves when the client is not there any more. Who `mayAlways` is not turned away for their number: an
   * order is carried out already when it begins to wait.
   */
  async until(
    condition: () => boolean,
    waitMs: number,
    gone: Promise<void>,
    mayAlways: boolean,
  ): Promise<void> {
    if (this.#closed || condition()) return;
    if (!mayAlways && this.#stops.size >= this.#waitsMax) {
      throw new RequestFault(503, "too many requests wait already", { "retry-after": "5" });
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const unfollow = this.#events.follow(() => void (condition() && resolve()));
    const timer = setTimeout(resolve, waitMs);
    this.#stops.add(resolve);
    await Promise.race([promise, gone]);
    this.#stops.delete(resolve);
    clearTimeout(timer);
    unfollow();
  }

  /** Ends all of them; nobody waits here any more. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#stops) stop();
  }
}
