/**
 * One worker as the sandbox sees it: a queue of jobs, fair between functions, one of them running, and a watch over the running one.
 *
 * A worker cannot be stopped from outside while it computes (`terminate()` leaves the thread looping), and the engine looks at its clock only
 * every ten thousand steps, each of which may be a long native one. So a worker that does not answer in time is given up: its sessions
 * fail, it gets no further jobs, and it is ended when it does answer, which it does sooner or later.
 */
import { FairQueue } from "./fair_queue.ts";
import type { WorkerAnswer, WorkerRequest } from "./messages.ts";
import type { CallOutcome } from "./types.ts";

/** How a worker stands: `stuck` was given up while computing, `gone` has ended. */
export type SlotState = "working" | "stuck" | "gone";

/** Something for the worker to do. */
export interface Job {
  readonly session: number;
  /** Made when the job begins, because only then it is known which packages the worker holds. */
  readonly request: () => WorkerRequest;
  /** How long the worker may take to answer, ms. */
  readonly wallMs: number;
  /** Whose turn it uses: the function, by its package. */
  readonly owner: string;
  /** How long it may wait for its turn, ms; without it as long as it takes. */
  readonly waitMs?: number;
}

interface QueuedJob extends Job {
  readonly finish: (outcome: CallOutcome) => void;
  /** Ends the waiting. */
  patience?: ReturnType<typeof setTimeout>;
}

/** Why a session ended without a fault of its own. */
const LOST: CallOutcome = {
  ok: false,
  reason: "busy",
  error: "the session was lost because another function blocked its worker; connect again",
  log: "",
};

/** One worker. */
export class WorkerSlot {
  readonly #worker: Worker;
  readonly #onEnd: () => void;
  /** Sessions that the worker has, with the package of each: the same as in the worker, because jobs run one by one. */
  readonly #packages = new Map<number, string>();
  readonly #queue = new FairQueue<QueuedJob>();
  #running:
    | { readonly job: QueuedJob; readonly request: WorkerRequest; readonly startMs: number }
    | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #isReady = false;
  #state: SlotState = "working";
  /** What jobs get once the worker takes none. */
  #ending: CallOutcome = LOST;

  /** Starts a worker. `onEnd` is told when it has ended. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = (event: MessageEvent<WorkerAnswer>) => this.#receive(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(`the worker of the function died (${event.message})`);
    };
    this.#worker.onmessageerror = () => this.#end("the worker of the function sent garbage");
  }

  get state(): SlotState {
    return this.#state;
  }

  /** Sessions that live here, and jobs that wait. */
  get load(): number {
    return this.#packages.size + this.#queue.size + (this.#running ? 1 : 0);
  }

  /** Whether the worker has the files of a package, as long as no further job was begun. */
  holds(packageKey: string): boolean {
    return this.#packages.values().some((held) => held === packageKey);
  }

  /** Does a job when its turn comes. Always gives an outcome, whatever happens to the worker. */
  run(job: Job): Promise<CallOutcome> {
    if (this.#state !== "working") return Promise.resolve(this.#ending);
    return new Promise((finish) => {
      const queued: QueuedJob = { ...job, finish };
      this.#queue.push(job.owner, queued);
      this.#next();
      if (job.waitMs === undefined || this.#running?.job === queued) return;
      queued.patience = setTimeout(() => this.#turnAway(queued), job.waitMs);
    });
  }

  /** Ends the worker now. */
  terminate(): void {
    this.#end("the sandbox was closed");
  }

  #next(): void {
    if (!this.#isReady || this.#running || this.#state !== "working") return;
    const job = this.#queue.shift();
    if (!job) return;
    clearTimeout(job.patience);
    const request = job.request();
    this.#running = { job, request, startMs: performance.now() };
    this.#watch = setTimeout(() => this.#giveUp(), job.wallMs);
    this.#worker.postMessage(request);
  }

  #receive(answer: WorkerAnswer): void {
    switch (answer.type) {
      case "ready":
        this.#isReady = true;
        break;
      case "done":
        if (this.#state === "stuck") return this.#end("the worker was given up");
        this.#finish(answer.outcome);
        break;
      default:
        answer satisfies never;
    }
    this.#next();
  }

  #finish(outcome: CallOutcome): void {
    clearTimeout(this.#watch);
    const { job, request, startMs } = this.#running!;
    this.#running = undefined;
    this.#queue.charge(job.owner, performance.now() - startMs);
    if (request.type === "open" && outcome.ok) this.#packages.set(job.session, request.packageKey);
    if (request.type === "close" || !outcome.ok) this.#packages.delete(job.session);
    job.finish(outcome);
  }

  #turnAway(job: QueuedJob): void {
    if (!this.#queue.remove(job.owner, job)) return;
    const error = `the host is busy: no turn came within ${job.waitMs} ms; try again later`;
    job.finish({ ok: false, reason: "busy", error, log: "" });
  }

  #giveUp(): void {
    const { job } = this.#running!;
    this.#state = "stuck";
    const error = `the function did not stop within ${job.wallMs} ms; it was given up`;
    job.finish({ ok: false, reason: "time", error, log: "" });
    this.#failAll();
  }

  #end(error: string): void {
    if (this.#state === "gone") return;
    if (this.#state === "working") this.#ending = { ok: false, reason: "threw", error, log: "" };
    this.#state = "gone";
    clearTimeout(this.#watch);
    this.#worker.terminate();
    this.#failAll();
    this.#onEnd();
  }

  #failAll(): void {
    this.#running?.job.finish(this.#ending);
    this.#running = undefined;
    this.#packages.clear();
    for (const job of this.#queue.clear()) {
      clearTimeout(job.patience);
      job.finish(this.#ending);
    }
  }
}
