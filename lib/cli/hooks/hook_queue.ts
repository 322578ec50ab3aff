/** Calls one after the other, bounded: a hook that hangs must not make a node's memory grow, nor run beside itself. */

/** Calls that wait. More have come than the hook can take for a long time; the newest tell the present state, so the oldest go. */
const WAITING_MAX = 64;

/** A queue with one worker. */
export class HookQueue<Call> {
  readonly #work: (call: Call, signal: AbortSignal) => Promise<void>;
  readonly #dropped: (call: Call) => void;
  readonly #waiting: Call[] = [];
  readonly #abort = new AbortController();
  #working?: Promise<void>;

  /** `work` must not reject; `dropped` hears of each call that is given up. */
  constructor(
    work: (call: Call, signal: AbortSignal) => Promise<void>,
    dropped: (call: Call) => void,
  ) {
    this.#work = work;
    this.#dropped = dropped;
  }

  /** Puts a call at the end. */
  push(call: Call): void {
    this.#waiting.push(call);
    if (this.#waiting.length > WAITING_MAX) this.#dropped(this.#waiting.shift()!);
    this.#working ??= this.#run();
  }

  /** Resolves when nothing waits and nothing runs any more; what is not done by then is given up and ended. */
  async drain(waitMsMax: number): Promise<void> {
    const timer = setTimeout(() => {
      for (const call of this.#waiting.splice(0)) this.#dropped(call);
      this.#abort.abort();
    }, waitMsMax);
    await this.#working;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      await this.#work(call, this.#abort.signal);
    }
    // In the same breath in which nothing waits: a call that is pushed later finds nobody at work.
    this.#working = undefined;
  }
}
