/** Limits of functions: the defaults, and what bounds everything that a function can make grow. */
import type { SandboxLimits } from "./types.ts";

/** What a function of reasonable size needs, times ten. */
export const SANDBOX_LIMITS: SandboxLimits = {
  callMs: 10_000,
  loadMs: 10_000,
  waitMs: 30_000,
  memoryBytes: 64 * 1024 * 1024,
  stackBytes: 192 * 1024,
  outputBytes: 8 * 1024 * 1024,
  logBytes: 16 * 1024,
  scratchBytes: 16 * 1024 * 1024,
  scratchFiles: 1024,
};

/**
 * The memory a QuickJS instance starts with (its build says so), and hence the least limit. The WebAssembly memory itself is
 * given this maximum: the engine's own limit does not count what it allocates in this build (a function with a limit of 64 MiB got
 * 2 GiB), the machine's does.
 */
export const MEMORY_BYTES_MIN = 16 * 1024 * 1024;

/** A page of WebAssembly memory. */
export const MEMORY_PAGE_BYTES = 64 * 1024;

/** The deepest engine stack that this build has room for: its C stack is 1 MiB. */
export const STACK_BYTES_MAX = 512 * 1024;

/** The longest error message that reaches a caller, in UTF-16 units. */
export const ERROR_CHARACTERS_MAX = 500;

/** The longest module source: type stripping is not interruptible, and takes about a second for this much. */
export const SOURCE_BYTES_MAX = 4 * 1024 * 1024;

/** Promise jobs that run between two looks at the clock. */
export const JOBS_PER_STEP = 64;
