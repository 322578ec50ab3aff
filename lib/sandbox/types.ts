/** What the enclave host needs from a sandbox: open a package, call its handler in order, close. */
import type { Isolation } from "../attestation/types.ts";
import type { FunctionPackage } from "../package/types.ts";

/** Limits of one session. Times are the clock's: a function has its worker for itself while it runs. */
export interface SandboxLimits {
  /** Longest time that one call may compute, ms. */
  readonly callMs: number;
  /** Longest time that loading may compute, ms. */
  readonly loadMs: number;
  /** Longest time that a load or a call waits for its turn, ms; then the session ends as `busy`. */
  readonly waitMs: number;
  readonly memoryBytes: number;
  /** Depth of recursion. */
  readonly stackBytes: number;
  readonly outputBytes: number;
  /** Log text kept of one call. */
  readonly logBytes: number;
  /** What a session may keep in files of its own. */
  readonly scratchBytes: number;
  readonly scratchFiles: number;
}

/** The keys that the enclave lends to a function; they stay on the native side of the sandbox. */
export interface FunctionKeys {
  /** PKCS#8 PEM of the RSA certificate key. */
  readonly certificateKeyPem: string;
}

/** How a call ended. `error` is a message of one line, fit for the caller. */
export type CallOutcome =
  | { readonly ok: true; readonly output: Uint8Array; readonly log: string }
  | {
    readonly ok: false;
    readonly error: string;
    /** `busy` is no fault of the function: there was no room or no turn for it, or its neighbour took its worker down. */
    readonly reason: "threw" | "time" | "memory" | "output" | "load" | "busy";
    readonly log: string;
  };

/** One loaded function with its state. After a failed call the session is over. */
export interface SandboxSession {
  call(input: Uint8Array): Promise<CallOutcome>;
  close(): void;
}

/** Runs functions of one language. */
export interface LanguageSandbox {
  /**
   * Loads the package; a failure to load is an outcome of the first call. Sessions of one `share` get only a part of what is scarce; those
   * without one may have all of it.
   */
  open(
    functionPackage: FunctionPackage,
    keys: FunctionKeys,
    tee: string,
    share?: string,
  ): Promise<SandboxSession>;
  /** Ends all sessions, workers and processes. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs functions of all languages. */
export interface Sandbox extends LanguageSandbox {
  /** Why a package can never run here, as the end of a sentence for who deploys it; `undefined` when it can. */
  fault(functionPackage: FunctionPackage): Promise<string | undefined>;
  /** How a package's function is isolated on this machine, in a few words, for logs and lists. */
  describe(functionPackage: FunctionPackage): Promise<string>;
  /** The same as evidence names it; `undefined` when the package cannot run here. Sessions that cannot have it do not open. */
  isolation(functionPackage: FunctionPackage): Promise<Isolation | undefined>;
}
