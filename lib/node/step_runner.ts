/**
 * The only door to a node's replica: one step at a time, its effects in their order, then one timer for the next deadline. What an effect sets
 * off waits until the others of its step are carried out, so that nothing older is stored after something newer.
 */
import type { PartEffect, Step } from "./election_part.ts";

/** What the runner needs of its node. */
export interface StepRunnerOptions {
  carryOut(effect: PartEffect): void;
  /** When the replica wants its next tick, monotonic ms. */
  deadlineMs(): number | undefined;
  tick(): void;
  /** A step or an effect threw: the node cannot go on. */
  fail(thrown: unknown): void;
}

/** The runner. After its disposal it does nothing any more. */
export class StepRunner implements Disposable {
  readonly #options: StepRunnerOptions;
  readonly #steps: Step[] = [];
  #timer?: ReturnType<typeof setTimeout>;
  /** The deadline that the timer waits for; `undefined` while none does. */
  #armedForMs?: number;
  #isRunning = false;
  #isClosed = false;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  /** Runs a step, or puts it behind the one that runs. */
  run(step: Step): void {
    this.#steps.push(step);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#steps.shift(); next && !this.#isClosed; next = this.#steps.shift()) {
        for (const effect of next(performance.now())) {
          if (this.#isClosed) return;
          this.#options.carryOut(effect);
        }
      }
    } catch (thrown) {
      return this.#options.fail(thrown);
    } finally {
      this.#isRunning = false;
    }
    this.#armTimer();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Most datagrams move no deadline, and setting a timer costs as much as half of what they say. */
  #armTimer(): void {
    const deadline = this.#isClosed ? undefined : this.#options.deadlineMs();
    if (deadline === this.#armedForMs) return;
    clearTimeout(this.#timer);
    this.#armedForMs = deadline;
    if (deadline === undefined) return;
    // Upwards, as timers cut fractions off: one that is a little early finds nothing due and has to be set again.
    const waitMs = Math.ceil(Math.max(0, deadline - performance.now()));
    this.#timer = setTimeout(() => {
      this.#armedForMs = undefined;
      this.#options.tick();
    }, waitMs);
  }
}
