/**
 * A clock for what must not outlast a lease: monotonic, and it also counts the time that a suspended machine slept, during which the monotonic
 * clock of the system may stand still. The wall clock gives that away: it runs ahead of the monotonic one by as much. A wall clock
 * that was set forward looks the same and ends a lease early, which harms nobody; one that was set back changes nothing.
 */

/** How far the two clocks may part between two readings without having been set or stopped, ms: NTP slews far more slowly. */
const SLEW_MS_MAX = 20;

/** The clock. */
export class SteadyClock {
  readonly #monotonicMs: () => number;
  readonly #wallMs: () => number;
  #offsetMs: number;
  #sleptMs = 0;

  constructor(monotonicMs = () => performance.now(), wallMs = () => Date.now()) {
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
    this.#offsetMs = wallMs() - monotonicMs();
  }

  /** ms since some moment. */
  nowMs(): number {
    const monotonicMs = this.#monotonicMs();
    const offsetMs = this.#wallMs() - monotonicMs;
    if (offsetMs - this.#offsetMs > SLEW_MS_MAX) this.#sleptMs += offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    return monotonicMs + this.#sleptMs;
  }
}
