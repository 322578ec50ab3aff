/** Waiting for whichever comes first: a moment, or somebody who has news. */

/** One sleeper, woken by time or by {@linkcode wake}. */
export class Alarm implements Disposable {
  #resolve?: () => void;
  #timer?: ReturnType<typeof setTimeout>;
  #isRung = false;

  /** Ends the present sleep, or the next one at once. */
  wake(): void {
    this.#isRung = true;
    this.#resolve?.();
  }

  /** Sleeps at most so long; the caller reads its clock again, since timers are late. */
  async sleep(ms: number): Promise<void> {
    if (!this.#isRung && ms > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resolve = resolve;
      if (ms !== Infinity) this.#timer = setTimeout(resolve, Math.ceil(ms));
      await promise;
      clearTimeout(this.#timer);
    }
    this.#isRung = false;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
