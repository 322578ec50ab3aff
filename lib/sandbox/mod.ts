/** The sandbox that functions run in. */
export { SANDBOX_LIMITS } from "./limits.ts";
export { createSandbox, type SandboxOptions } from "./languages.ts";
export type { CallOutcome, FunctionKeys, Sandbox, SandboxLimits, SandboxSession } from "./types.ts";
