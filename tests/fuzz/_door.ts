/**
 * What a fuzzer of one door is, and how it is run. A door turns bytes or texts of strangers into values, or says no. What must hold at each:
 * it throws nothing but its own documented refusals, it answers within a bounded time, and what it holds does not grow without end.
 */

/** How one input fared: taken as a whole, or refused in the way that the door documents. */
export type Fate = "taken" | "refused";

/** A door with its world; closed when the run is over. */
export interface OpenDoor {
  /** Feeds one input, and throws when it finds something. Gives how the input fared. */
  readonly run: (execution: number) => Fate | Promise<Fate>;
  /** The input of the last run, as a person can read it. */
  readonly lastInput: () => string;
  readonly close?: () => void | PromiseLike<void>;
}

/** A door. */
export interface Door {
  readonly name: string;
  /** What comes in. */
  readonly what: string;
  /** Inputs that the suite feeds: a second or so. */
  readonly suiteExecutions: number;
  /** A part of these is taken at least, else the inputs would not reach what lies behind the first checks. */
  readonly takenMin: number;
  /** What follows is decided by the seed. */
  readonly open: (seed: number) => OpenDoor | Promise<OpenDoor>;
}

/** What a run saw. */
export interface Report {
  readonly executions: number;
  readonly taken: number;
  readonly slowestMs: number;
  readonly seconds: number;
}

/** No input takes this long on any machine that is not broken; the slowest are a few RSA signatures. */
const ANSWER_MS_MAX = 20_000;

/** Feeds so many inputs. Throws at the first finding, with what repeats it. */
export async function fuzzDoor(door: Door, seed: number, executions: number): Promise<Report> {
  const opened = await door.open(seed);
  const startedMs = performance.now();
  let [taken, slowestMs] = [0, 0];
  try {
    for (let execution = 0; execution < executions; execution++) {
      const beganMs = performance.now();
      try {
        const fate = opened.run(execution);
        if ((fate instanceof Promise ? await fate : fate) === "taken") taken++;
      } catch (thrown) {
        const repeat = `deno task fuzz --door ${door.name} --seed ${seed} --executions ${
          execution + 1
        }`;
        const input = opened.lastInput().slice(0, 4_000);
        throw new Error(`${(thrown as Error).message}\n${repeat}\ninput: ${input}`, {
          cause: thrown,
        });
      }
      slowestMs = Math.max(slowestMs, performance.now() - beganMs);
      if (slowestMs > ANSWER_MS_MAX) {
        throw new Error(`${door.name} took ${slowestMs} ms for: ${opened.lastInput()}`);
      }
    }
  } finally {
    await opened.close?.();
  }
  return { executions, taken, slowestMs, seconds: (performance.now() - startedMs) / 1_000 };
}
