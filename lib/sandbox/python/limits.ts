/** Limits of Python functions, beyond those that all functions have: a process costs more than an engine does. */

/** Bounds of one host's Python sessions. */
export interface PythonLimits {
  /** Sessions at a time, each a process. */
  readonly sessionsMax: number;
  /** Of these, sessions in one share: a token for a function must not take all. */
  readonly sessionsPerShareMax: number;
  /** Address space of one process: the interpreter alone takes 30 MiB, libraries reserve far more than they use. */
  readonly memoryBytes: number;
  /** What a function may write into its folder, beside its package; held in memory. */
  readonly scratchBytes: number;
  /** Files that it may make there. */
  readonly scratchFiles: number;
  /** The largest package: each session has a copy in memory. */
  readonly packageBytesMax: number;
  /** CPU time of one session, seconds: sessions live as long as their client, calls have limits of their own. */
  readonly cpuSeconds: number;
  /** Threads of one process. */
  readonly threads: number;
  readonly openFiles: number;
}

/** The defaults. */
export const PYTHON_LIMITS: PythonLimits = {
  sessionsMax: 32,
  sessionsPerShareMax: 8,
  memoryBytes: 512 * 1024 * 1024,
  scratchBytes: 16 * 1024 * 1024,
  scratchFiles: 1024,
  packageBytesMax: 128 * 1024 * 1024,
  cpuSeconds: 600,
  threads: 32,
  openFiles: 256,
};

/** What finding out about the machine may take, ms; a cold start of Python from a slow disk included. */
export const PROBE_MS = 20_000;

/** From the command to kill a process to the end of its output, ms; the kernel takes microseconds. */
export const KILL_MS = 5_000;
