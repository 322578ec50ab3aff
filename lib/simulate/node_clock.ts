/**
 * The two clocks of one machine. The monotonic one runs at a rate within 1 +- rho of true time and stands still while the machine is suspended; the
 * wall clock keeps true time through a suspension, and jumps when somebody sets it.
 */

/** Wall time at the beginning of every run, ms since 1970. */
const WALL_START_MS = 1_700_000_000_000;

/** The clocks. All arguments are true, virtual ms. */
export class NodeClock {
  readonly rate: number;
  readonly #offsetMs: number;
  #standstillMs = 0;
  #suspendedUntilMs = 0;
  #wallJumpMs = 0;

  constructor(rate: number, offsetMs: number) {
    this.rate = rate;
    this.#offsetMs = offsetMs;
  }

  monotonicMs(trueMs: number): number {
    const asleepMs = Math.max(0, this.#suspendedUntilMs - trueMs);
    return this.#offsetMs + this.rate * (trueMs - this.#standstillMs + asleepMs);
  }

  wallMs(trueMs: number): number {
    return WALL_START_MS + trueMs + this.#wallJumpMs;
  }

  /** True ms that pass until the monotonic clock of a machine that is awake has moved on by so much. */
  trueMs(monotonicMs: number): number {
    return monotonicMs / this.rate;
  }

  isSuspended(trueMs: number): boolean {
    return trueMs < this.#suspendedUntilMs;
  }

  /** The machine sleeps until then. */
  suspend(trueMs: number, untilMs: number): void {
    this.wake(trueMs);
    this.#suspendedUntilMs = untilMs;
    this.#standstillMs += untilMs - trueMs;
  }

  /** It wakes now, if it sleeps. */
  wake(trueMs: number): void {
    this.#standstillMs -= Math.max(0, this.#suspendedUntilMs - trueMs);
    this.#suspendedUntilMs = 0;
  }

  /** Somebody sets the wall clock. */
  jumpWall(byMs: number): void {
    this.#wallJumpMs += byMs;
  }
}
