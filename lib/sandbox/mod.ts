/** The sandbox that functions run in. */
export { SANDBOX_LIMITS } from "./limits.ts";
export { createSandbox, type SandboxOptions } from "./sandbox.ts";
export type { CallOutcome, FunctionKeys, Sandbox, SandboxLimits, SandboxSession } from "./types.ts";
