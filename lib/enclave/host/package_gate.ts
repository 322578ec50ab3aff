/** How many packages are being received at a time: each is held in memory, up to its whole size several times. */
import type { Refusal } from "./routes.ts";

/** Counts the sessions that receive packages. */
export class PackageGate {
  readonly #max: number;
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Why no further session can begin now. */
  refusal(): Refusal | undefined {
    if (this.#inside < this.#max) return undefined;
    const error = "the host is busy with other packages; try again";
    return { status: 503, error, headers: { "Retry-After": "1" } };
  }

  /** Counts one session as long as its work goes on. */
  async within(work: () => Promise<void>): Promise<void> {
    this.#inside++;
    try {
      await work();
    } finally {
      this.#inside--;
    }
  }
}
