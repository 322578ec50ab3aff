/**
 * Runs Python functions: `app.py` defines `cape_handler(arg: bytes) -> bytes | str`, loaded once for a session and called in order, its working
 * folder a private copy of the package with some room to write. Each session is a process (see `process.ts`), locked in by
 * the strongest means that the machine has (see `isolation.ts`).
 *
 * Beside Python itself the function has one thing, the built-in `enclave`: `enclave.reply_to(key)` seals the answer of the running call to a raw X25519
 * key of its caller, 32 bytes, as `replyTo` does for JavaScript (see `function/enclave.d.ts`). The host seals, outside of the process.
 *
 * Only the standard library and the package itself can be imported, so that the checksum covers what runs beside the interpreter; packages
 * are put into the function's folder before it is deployed (`pip install --target`).
 */
import type { Isolation } from "../../attestation/types.ts";
import { messageOf } from "../../base/errors.ts";
import type { FunctionPackage } from "../../package/types.ts";
import { SANDBOX_LIMITS } from "../limits.ts";
import type { CallOutcome, SandboxLimits, SandboxSession } from "../types.ts";
import { PYTHON_LIMITS, type PythonLimits } from "./limits.ts";
import {
  describeRuntime,
  findPythonRuntime,
  isolationOf,
  type ProbeOptions,
  type PythonRuntime,
} from "./probe.ts";
import { PythonProcess } from "./process.ts";

type Failure = Extract<CallOutcome, { ok: false }>;

/** Settings. */
export interface PythonOptions extends ProbeOptions {
  readonly limits?: Partial<PythonLimits>;
}

/** The file that makes a package a Python function. */
export const PYTHON_ENTRY = "app.py";

/** Python functions of one host. */
export class PythonSandbox implements AsyncDisposable {
  readonly #limits: SandboxLimits;
  readonly #pythonLimits: PythonLimits;
  readonly #options: PythonOptions;
  readonly #sessions = new Set<PythonSession>();
  readonly #opening = new Set<Promise<unknown>>();
  /** Sessions from before their process is started until it has ended, and whose share each uses. */
  readonly #seats = new Set<{ readonly share: string | undefined }>();
  #runtime: Promise<PythonRuntime | string> | undefined;
  #isClosed = false;

  constructor(limits: Partial<SandboxLimits> = {}, options: PythonOptions = {}) {
    this.#limits = { ...SANDBOX_LIMITS, ...limits };
    this.#pythonLimits = { ...PYTHON_LIMITS, ...options.limits };
    this.#options = options;
  }

  /** What runs Python here, found out once; or why nothing does, which is looked into again at the next call. */
  runtime(): Promise<PythonRuntime | string> {
    const cannotTry = (thrown: unknown) => `it cannot be tried out here (${messageOf(thrown)})`;
    return this.#runtime ??= findPythonRuntime(this.#options).catch(cannotTry).then((runtime) => {
      if (typeof runtime === "string") this.#runtime = undefined;
      return runtime;
    });
  }

  /** What isolates functions here, as evidence names it; `undefined` without a runtime. */
  async isolation(): Promise<Isolation | undefined> {
    const runtime = await this.runtime();
    return typeof runtime === "string" ? undefined : isolationOf(runtime);
  }

  /** The runtime in a few words, for logs and lists; or why there is none. */
  async describe(): Promise<{ readonly isUsable: boolean; readonly text: string }> {
    const runtime = await this.runtime();
    return typeof runtime === "string"
      ? { isUsable: false, text: runtime }
      : { isUsable: true, text: describeRuntime(runtime) };
  }

  /** Why a package can never run here, as the end of a sentence; `undefined` when it can. */
  async fault(functionPackage: FunctionPackage): Promise<string | undefined> {
    const bytes = [...functionPackage.files.values()].reduce((sum, file) => sum + file.length, 0);
    const { packageBytesMax } = this.#pythonLimits;
    if (bytes > packageBytesMax) {
      return `the package has ${bytes} bytes; Python functions have at most ${packageBytesMax}`;
    }
    const runtime = await this.runtime();
    return typeof runtime === "string"
      ? `the function is written in Python, and ${runtime}`
      : undefined;
  }

  /** Loads a function. A failure is a session whose calls say why. `share` as for {@linkcode LanguageSandbox}. */
  async open(functionPackage: FunctionPackage, share?: string): Promise<SandboxSession> {
    const fault = this.#refusal(share) ? undefined : await this.fault(functionPackage);
    if (fault) return ended(loadFailure(fault));
    const refusal = this.#refusal(share);
    if (refusal) return ended({ ok: false, reason: "busy", error: refusal, log: "" });
    const opening = this.#openSeated(functionPackage.files, share);
    this.#opening.add(opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(opening);
    }
  }

  async #openSeated(
    files: FunctionPackage["files"],
    share: string | undefined,
  ): Promise<SandboxSession> {
    const seat = { share };
    this.#seats.add(seat);
    let session: PythonSession | Failure | undefined;
    try {
      session = await this.#openProcess(files, () => this.#seats.delete(seat));
    } finally {
      if (!(session instanceof PythonSession)) this.#seats.delete(seat);
    }
    return session instanceof PythonSession ? session : ended(session);
  }

  async #openProcess(
    files: FunctionPackage["files"],
    onEnd: () => void,
  ): Promise<PythonSession | Failure> {
    const runtime = await this.runtime();
    if (typeof runtime === "string") return loadFailure(runtime);
    const { python, command } = runtime;
    const [limits, pythonLimits] = [this.#limits, this.#pythonLimits];
    const process = await PythonProcess.open({ python, command, files, limits, pythonLimits });
    if (!(process instanceof PythonProcess)) return process;
    if (runtime.filtersSystemCalls && !process.filtersSystemCalls) {
      // Evidence has promised the filter already.
      await process.end();
      return loadFailure("this machine has ceased to filter system calls");
    }
    const session = new PythonSession(process, () => {
      this.#sessions.delete(session);
      onEnd();
    });
    this.#sessions.add(session);
    if (this.#isClosed) session.close();
    return session;
  }

  /** Ends all sessions; resolves when no process is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#runtime;
    await Promise.all(this.#opening);
    await Promise.all([...this.#sessions].map((session) => session.end()));
  }

  #refusal(share: string | undefined): string | undefined {
    if (this.#isClosed) return "the sandbox was closed";
    const { sessionsMax, sessionsPerShareMax } = this.#pythonLimits;
    if (this.#seats.size >= sessionsMax) {
      return `the host runs ${sessionsMax} Python functions already; try again later`;
    }
    const own = share === undefined
      ? 0
      : [...this.#seats].filter((seat) => seat.share === share).length;
    return own < sessionsPerShareMax
      ? undefined
      : `this token runs ${sessionsPerShareMax} Python functions already; try again later`;
  }
}

/** A session that lives in a process. */
class PythonSession implements SandboxSession {
  readonly #process: PythonProcess;
  readonly #onEnd: () => void;
  #last: Promise<unknown> = Promise.resolve();
  #ended: CallOutcome | undefined;
  #ending: Promise<void> | undefined;

  constructor(process: PythonProcess, onEnd: () => void) {
    this.#process = process;
    this.#onEnd = onEnd;
  }

  call(input: Uint8Array): Promise<CallOutcome> {
    const outcome = this.#last.then(() => this.#callNow(input));
    this.#last = outcome;
    return outcome;
  }

  close(): void {
    this.end();
  }

  /** Closes; resolves when the process is gone. */
  end(): Promise<void> {
    this.#ended ??= { ok: false, reason: "threw", error: "the session was closed", log: "" };
    return this.#ending ??= this.#process.end().then(this.#onEnd);
  }

  async #callNow(input: Uint8Array): Promise<CallOutcome> {
    if (this.#ended) return this.#ended;
    const outcome = await this.#process.call(input);
    if (!outcome.ok) {
      this.#ended ??= { ...outcome, error: `the session is over: ${outcome.error}`, log: "" };
      await this.end();
    }
    return outcome;
  }
}

function loadFailure(why: string): Failure {
  return { ok: false, reason: "load", error: `Cannot load the function: ${why}`, log: "" };
}

function ended(outcome: CallOutcome): SandboxSession {
  return { call: () => Promise.resolve(outcome), close() {} };
}
