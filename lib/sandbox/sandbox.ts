/**
 * Runs functions of strangers: in QuickJS compiled to WebAssembly, in a few workers. A function sees its own package, the
 * global `enclave` and nothing else; whatever it does ends at most its own session (see `quickjs_session.ts` and `worker_slot.ts`).
 */
import { hex } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import type { FunctionPackage } from "../package/types.ts";
import type { WorkerRequest } from "./messages.ts";
import { MEMORY_BYTES_MIN, SANDBOX_LIMITS, STACK_BYTES_MAX } from "./limits.ts";
import type {
  CallOutcome,
  FunctionKeys,
  LanguageSandbox,
  SandboxLimits,
  SandboxSession,
} from "./types.ts";
import { type Job, WorkerSlot } from "./worker_slot.ts";

/** Settings of a sandbox. */
export interface SandboxOptions {
  /** Most workers that take sessions; default: one for each core, at least 2. */
  readonly workersMax?: number;
  /** How long a worker may be late, ms, before it is given up: the longest native step of the engine. Default 5000. */
  readonly graceMs?: number;
  /** Most given-up workers that may still be computing; beyond, no function is opened. Default 4. */
  readonly stuckWorkersMax?: number;
}

/** Makes a sandbox; workers start when they are needed. Limits that are not given have their defaults. */
export function createSandbox(
  limits: Partial<SandboxLimits> = {},
  options: SandboxOptions = {},
): LanguageSandbox {
  const whole: SandboxLimits = { ...SANDBOX_LIMITS, ...limits };
  for (const [name, value] of Object.entries(whole)) {
    assert(Number.isSafeInteger(value) && value > 0, `${name} is a whole number above 0`);
  }
  assert(whole.memoryBytes >= MEMORY_BYTES_MIN, `memoryBytes is at least ${MEMORY_BYTES_MIN}`);
  assert(whole.stackBytes <= STACK_BYTES_MAX, `stackBytes is at most ${STACK_BYTES_MAX}`);
  const cores = Math.max(2, navigator.hardwareConcurrency);
  return new WorkerSandbox(whole, {
    workersMax: options.workersMax ?? cores,
    graceMs: options.graceMs ?? 5000,
    stuckWorkersMax: options.stuckWorkersMax ?? 4,
  });
}

class WorkerSandbox implements LanguageSandbox {
  readonly #limits: SandboxLimits;
  readonly #options: Required<SandboxOptions>;
  /** Workers that take sessions, and those that were given up. */
  readonly #slots = new Set<WorkerSlot>();
  #nextSession = 1;
  #isClosed = false;

  constructor(limits: SandboxLimits, options: Required<SandboxOptions>) {
    this.#limits = limits;
    this.#options = options;
  }

  async open(
    functionPackage: FunctionPackage,
    keys: FunctionKeys,
    tee: string,
  ): Promise<SandboxSession> {
    const slot = this.#chooseSlot();
    if (typeof slot === "string") {
      return endedSession({ ok: false, reason: "busy", error: slot, log: "" });
    }
    const limits = this.#limits;
    const { graceMs } = this.#options;
    const session = this.#nextSession++;
    const packageKey = hex(functionPackage.checksum);
    const opened = await slot.run({
      session,
      owner: packageKey,
      waitMs: limits.waitMs,
      wallMs: limits.loadMs + graceMs,
      request: () => ({
        type: "open",
        session,
        packageKey,
        files: slot.holds(packageKey) ? undefined : functionPackage.files,
        facts: { checksum: functionPackage.checksum, tee },
        keys,
        limits,
      }),
    });
    if (!opened.ok) return endedSession(opened);
    return new WorkerSession(slot, session, {
      owner: packageKey,
      wallMs: limits.callMs + graceMs,
      waitMs: limits.waitMs,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const slot of [...this.#slots]) slot.terminate();
    return Promise.resolve();
  }

  /** The worker with the fewest sessions, or a new one while there may be more; else why there is none. */
  #chooseSlot(): WorkerSlot | string {
    if (this.#isClosed) return "the sandbox was closed";
    const working = [...this.#slots].filter((slot) => slot.state === "working");
    if (this.#slots.size - working.length > this.#options.stuckWorkersMax) {
      return "the sandbox is blocked by functions that do not stop; try again later";
    }
    const least = working.sort((a, b) => a.load - b.load)[0];
    if (least && (least.load === 0 || working.length >= this.#options.workersMax)) return least;
    const slot = new WorkerSlot(() => this.#slots.delete(slot));
    this.#slots.add(slot);
    return slot;
  }
}

/** A session that lives in a worker. Its calls run in order, one at a time, so that it cannot fill the worker's queue. */
class WorkerSession implements SandboxSession {
  readonly #slot: WorkerSlot;
  readonly #id: number;
  readonly #terms: Pick<Job, "owner" | "wallMs" | "waitMs">;
  #last: Promise<unknown> = Promise.resolve();
  #ended: CallOutcome | undefined;

  constructor(slot: WorkerSlot, id: number, terms: Pick<Job, "owner" | "wallMs" | "waitMs">) {
    this.#slot = slot;
    this.#id = id;
    this.#terms = terms;
  }

  call(input: Uint8Array): Promise<CallOutcome> {
    const outcome = this.#last.then(() => this.#callNow(input));
    this.#last = outcome;
    return outcome;
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = { ok: false, reason: "threw", error: "the session was closed", log: "" };
    this.#last = this.#last.then(() => this.#dropFromWorker());
  }

  async #callNow(input: Uint8Array): Promise<CallOutcome> {
    if (this.#ended) return this.#ended;
    const outcome = await this.#run({ type: "call", session: this.#id, input }, this.#terms);
    if (!outcome.ok) {
      this.#ended ??= { ...outcome, error: `the session is over: ${outcome.error}`, log: "" };
      // The worker drops what failed in it; what never came to its turn is still there.
      if (outcome.reason === "busy") this.#dropFromWorker();
    }
    return outcome;
  }

  /** Waits as long as it takes: what is not closed is never free. */
  #dropFromWorker(): Promise<CallOutcome> {
    return this.#run({ type: "close", session: this.#id }, { ...this.#terms, waitMs: undefined });
  }

  #run(
    request: Extract<WorkerRequest, { type: "call" | "close" }>,
    terms: Pick<Job, "owner" | "wallMs" | "waitMs">,
  ): Promise<CallOutcome> {
    return this.#slot.run({ session: this.#id, ...terms, request: () => request });
  }
}

/** A session that never came to be: its calls say why. */
function endedSession(outcome: CallOutcome): SandboxSession {
  return { call: () => Promise.resolve(outcome), close() {} };
}
