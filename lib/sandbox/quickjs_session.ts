/**
 * One function in one QuickJS instance of its own. The instance is never shared: a stack that overflows inside a native parser
 * unwinds the whole WebAssembly and leaves its heap broken, and a WebAssembly memory with a maximum is the only limit that this
 * build keeps. An instance takes 5 ms to make (see `engine.ts`); after a failure it is dropped, not disposed, because its heap may be broken.
 *
 * Time is checked by the engine's interrupt handler (every ten thousand steps), by every native function, and between promise jobs.
 */
import type { QuickJSContext, QuickJSHandle } from "quickjs-emscripten-core";
import { utf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import { newEngine } from "./engine.ts";
import { type CertificateKey, nativeFunctions } from "./host_functions.ts";
import { ERROR_CHARACTERS_MAX, JOBS_PER_STEP } from "./limits.ts";
import type { SessionFacts } from "./messages.ts";
import { entryModule, type Files, moduleSource, resolveModule } from "./modules.ts";
import { PRELUDE } from "./prelude.ts";
import { sealedOutcome } from "./reply.ts";
import { ScratchFolder } from "./scratch.ts";
import type { CallOutcome, SandboxLimits } from "./types.ts";

/** What a session is made of. */
export interface SessionParts {
  readonly files: Files;
  readonly facts: SessionFacts;
  readonly certificateKey: CertificateKey;
  readonly limits: SandboxLimits;
}

type Failure = Extract<CallOutcome, { ok: false }>;

/** A function, loaded. After a failed call it must not be used again. */
export class QuickjsSession {
  readonly #limits: SandboxLimits;
  #vm!: QuickJSContext;
  #prelude!: { room: QuickJSHandle; invoke: QuickJSHandle; describe: QuickJSHandle };
  #handler!: QuickJSHandle;
  #deadlineMs = Infinity;
  #wasInterrupted = false;
  #wasTooLarge = false;
  #replyKey?: Uint8Array;
  #log = "";
  #logBytesLeft: number;

  private constructor(limits: SandboxLimits) {
    this.#limits = limits;
    this.#logBytesLeft = limits.logBytes;
  }

  /** Loads a function; a failure is an outcome. */
  static async open(parts: SessionParts): Promise<QuickjsSession | Failure> {
    const session = new QuickjsSession(parts.limits);
    try {
      session.#vm = await newEngine(parts.limits);
    } catch (error) {
      return session.#failure("load", `Cannot make room for the function: ${messageOf(error)}`);
    }
    const failure = session.#guarded(parts.limits.loadMs, () => session.#load(parts));
    if (!failure || failure.ok) return session;
    return { ...failure, reason: "load", error: `Cannot load the function: ${failure.error}` };
  }

  /** Calls the handler once. Calls go one after the other. */
  call(input: Uint8Array): CallOutcome {
    this.#replyKey = undefined;
    const outcome = this.#guarded(this.#limits.callMs, () => this.#invoke(input));
    this.#log = "";
    this.#logBytesLeft = this.#limits.logBytes;
    if (!outcome) return this.#failure("threw", "cape_handler gave nothing");
    return outcome.ok && this.#replyKey ? sealedOutcome(outcome, this.#replyKey) : outcome;
  }

  #load(parts: SessionParts): Failure | undefined {
    const vm = this.#vm;
    vm.runtime.setModuleLoader(
      (path) => asResult(() => moduleSource(parts.files, path)),
      (importer, specifier) => resolveModule(parts.files, importer, specifier),
    );
    const native = nativeFunctions(vm, {
      ...parts,
      scratch: new ScratchFolder(parts.files, parts.limits),
      isLate: () => performance.now() > this.#deadlineMs,
      wantsLog: () => this.#logBytesLeft > 0,
      log: (text) => this.#keepLog(text),
      replyTo: (publicKey) => void (this.#replyKey = publicKey),
      refuseOutput: () => void (this.#wasTooLarge = true),
    });
    const install = vm.unwrapResult(vm.evalCode(PRELUDE, "prelude", { type: "global" }));
    const prelude = vm.unwrapResult(
      vm.callFunction(install, vm.undefined, native, vm.newNumber(parts.limits.outputBytes)),
    );
    this.#prelude = {
      room: vm.getProp(prelude, "room"),
      invoke: vm.getProp(prelude, "invoke"),
      describe: vm.getProp(prelude, "describe"),
    };
    const entry = entryModule(parts.files);
    if (!entry) return this.#failure("load", "the package has neither app.ts nor app.js");
    const result = vm.evalCode(
      `import * as app from "./${entry}"; export default app.cape_handler;`,
      "",
      { type: "module" },
    );
    if (result.error) return this.#thrown(result.error);
    const namespace = this.#settle(result.value, `the top level of ${entry}`);
    if ("ok" in namespace) return namespace;
    this.#handler = vm.getProp(namespace, "default");
    if (vm.typeof(this.#handler) === "function") return undefined;
    return this.#failure("load", `${entry} exports no function cape_handler`);
  }

  #invoke(input: Uint8Array): CallOutcome {
    const vm = this.#vm;
    const size = vm.newNumber(input.length);
    const room = vm.callFunction(this.#prelude.room, vm.undefined, size);
    if (room.error) return this.#thrown(room.error);
    const buffer = input.length === 0 ? vm.null : vm.newArrayBuffer(input.slice().buffer);
    const result = vm.callFunction(this.#prelude.invoke, vm.undefined, this.#handler, buffer);
    buffer.dispose();
    if (result.error) return this.#thrown(result.error);
    const output = this.#settle(result.value, "the promise of cape_handler");
    if ("ok" in output) return output;
    const bytes = this.#bytesOf(output);
    output.dispose();
    return { ok: true, output: bytes, log: this.#log };
  }

  #bytesOf(handle: QuickJSHandle): Uint8Array {
    if (this.#vm.eq(handle, this.#vm.null)) return new Uint8Array();
    const copy = this.#vm.getArrayBuffer(handle);
    const bytes = copy.value.slice();
    copy.dispose();
    return bytes;
  }

  /** Runs promise jobs until the value is settled. */
  #settle(promise: QuickJSHandle, what: string): QuickJSHandle | Failure {
    const { runtime } = this.#vm;
    while (true) {
      if (performance.now() > this.#deadlineMs) this.#wasInterrupted = true;
      if (this.#wasInterrupted) return this.#failure("time", "");
      const state = this.#vm.getPromiseState(promise);
      if (state.type === "fulfilled") {
        if (!state.notAPromise) promise.dispose();
        return state.value;
      }
      if (state.type === "rejected") return this.#thrown(state.error);
      if (!runtime.hasPendingJob()) {
        return this.#failure("threw", `${what} never settles: nothing is left to run`);
      }
      const ran = runtime.executePendingJobs(JOBS_PER_STEP);
      if (ran.error) return this.#thrown(ran.error);
      ran.dispose();
    }
  }

  /** Sets the deadline, and turns whatever breaks through the engine into an outcome. */
  #guarded<T extends CallOutcome | undefined>(ms: number, run: () => T): T | Failure {
    this.#deadlineMs = performance.now() + ms;
    this.#vm.runtime.setInterruptHandler(() => {
      if (performance.now() > this.#deadlineMs) this.#wasInterrupted = true;
      return this.#wasInterrupted;
    });
    let outcome: T | Failure;
    try {
      outcome = run();
    } catch (error) {
      outcome = this.#failure(...brokenEngine(error));
    }
    if (!outcome || outcome.ok) return outcome;
    if (this.#wasInterrupted) {
      return this.#failure("time", `the function computed for longer than ${ms} ms`);
    }
    if (this.#wasTooLarge) {
      const { outputBytes } = this.#limits;
      return this.#failure("output", `the function returned more than ${outputBytes} bytes`);
    }
    return outcome;
  }

  /** The failure that an uncaught error of the function is. Describing it runs its code, hence under the same deadline. */
  #thrown(error: QuickJSHandle): Failure {
    const described = this.#vm.callFunction(this.#prelude.describe, this.#vm.undefined, error);
    const text = described.error
      ? "the function threw what cannot be shown"
      : this.#vm.getString(described.value);
    if (text.startsWith("InternalError: out of memory")) {
      const { memoryBytes } = this.#limits;
      return this.#failure("memory", `the function used more than ${memoryBytes} bytes of memory`);
    }
    if (text.startsWith("InternalError: stack overflow")) {
      return this.#failure("memory", "the function recursed too deeply");
    }
    return this.#failure("threw", text);
  }

  #failure(reason: Failure["reason"], error: string): Failure {
    return { ok: false, reason, error: oneLine(error), log: this.#log };
  }

  #keepLog(text: string): void {
    const bytes = utf8(text.slice(0, this.#logBytesLeft)).length + 1;
    this.#log += text.slice(0, this.#logBytesLeft) + "\n";
    this.#logBytesLeft -= bytes;
    if (this.#logBytesLeft <= 0) this.#log += "(the rest of the log is left out)\n";
  }
}

/** What it means when an exception comes out of the engine itself. */
function brokenEngine(error: unknown): ["memory" | "threw", string] {
  if (error instanceof RangeError) return ["memory", "the function recursed too deeply"];
  const text = messageOf(error);
  return /memory|allocate/i.test(text)
    ? ["memory", "the function used up its memory"]
    : ["threw", `the function broke its engine (${text})`];
}

function asResult<T>(run: () => T): { value: T } | { error: Error } {
  try {
    return { value: run() };
  } catch (error) {
    return { error: error as Error };
  }
}

/** A message of one line, without control characters, cut. */
function oneLine(text: string): string {
  const plain = text.replaceAll(/[\0-\x20\x7f\u2028\u2029]+/g, " ").trim();
  return plain.length > ERROR_CHARACTERS_MAX ? `${plain.slice(0, ERROR_CHARACTERS_MAX)}…` : plain;
}
