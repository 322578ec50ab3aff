/** What passes between the sandbox and one of its workers. Both sides are ours; the function sees none of it. */
import type { CallOutcome, FunctionKeys, SandboxLimits } from "./types.ts";

/** What a session's function is told about where it runs. */
export interface SessionFacts {
  readonly checksum: Uint8Array;
  readonly tee: string;
}

/** To a worker: one job at a time; it answers each with one {@linkcode WorkerAnswer}. */
export type WorkerRequest =
  /** Load a function. `files` is left out when the worker holds the package already. */
  | {
    readonly type: "open";
    readonly session: number;
    /** The package's checksum in hex: under this name the worker keeps the files. */
    readonly packageKey: string;
    readonly files?: ReadonlyMap<string, Uint8Array>;
    readonly facts: SessionFacts;
    readonly keys: FunctionKeys;
    readonly limits: SandboxLimits;
  }
  | { readonly type: "call"; readonly session: number; readonly input: Uint8Array }
  | { readonly type: "close"; readonly session: number };

/** From a worker. */
export type WorkerAnswer =
  /** Its modules are loaded; sent once. */
  | { readonly type: "ready" }
  /** The answer to the one job; a session whose outcome is not ok is gone. */
  | { readonly type: "done"; readonly outcome: CallOutcome };
