/** The flags `--limit-…` of an enclave host: what one function, one token and all of them together may use. */
import { ENCLAVE_LIMITS, type EnclaveLimits } from "../enclave/limits.ts";
import { SANDBOX_LIMITS, type SandboxLimits } from "../sandbox/mod.ts";
import { MEMORY_BYTES_MIN, STACK_BYTES_MAX } from "../sandbox/limits.ts";
import { PYTHON_LIMITS, type PythonLimits } from "../sandbox/python/mod.ts";
import type { Arguments, Flag } from "./command.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 24 * 3600 * 1000;

/** What the flags say, only as far as they were given. */
export interface HostLimits {
  readonly enclave: Partial<EnclaveLimits>;
  readonly sandbox: Partial<SandboxLimits>;
  readonly python: Partial<PythonLimits>;
  readonly workersMax?: number;
}

type Target =
  | { readonly of: "enclave"; readonly field: keyof EnclaveLimits }
  | { readonly of: "sandbox"; readonly field: keyof SandboxLimits }
  | { readonly of: "python"; readonly field: keyof PythonLimits };

/** A row: the flag, what one of it is in the unit of the field, its range, its placeholder, its help, and what it sets; the first target gives the default. */
type LimitFlag = readonly [
  name: string,
  unit: number,
  range: readonly [number, number],
  placeholder: string,
  help: string,
  ...sets: readonly Target[],
];

const sandbox = (field: keyof SandboxLimits): Target => ({ of: "sandbox", field });
const enclave = (field: keyof EnclaveLimits): Target => ({ of: "enclave", field });
const python = (field: keyof PythonLimits): Target => ({ of: "python", field });

const LIMITS: readonly LimitFlag[] = [
  ["limit-call", 1, [1, DAY_MS], "MS", "time that one call computes", sandbox("callMs")],
  ["limit-load", 1, [1, DAY_MS], "MS", "time that loading a function computes", sandbox("loadMs")],
  ["limit-wait", 1, [1, DAY_MS], "MS", "time that a call waits for its turn", sandbox("waitMs")],
  [
    "limit-memory",
    MIB,
    [MEMORY_BYTES_MIN / MIB, 4096],
    "MIB",
    "memory of one JavaScript session",
    sandbox("memoryBytes"),
  ],
  [
    "limit-python-memory",
    MIB,
    [64, 65_536],
    "MIB",
    "address space of one Python session",
    python("memoryBytes"),
  ],
  ["limit-python-cpu", 1, [1, 86_400], "S", "CPU time of one Python session", python("cpuSeconds")],
  [
    "limit-python-sessions",
    1,
    [1, 10_000],
    "N",
    "Python sessions at a time",
    python("sessionsMax"),
  ],
  [
    "limit-token-python-sessions",
    1,
    [1, 10_000],
    "N",
    "Python sessions of one token for a function",
    python("sessionsPerShareMax"),
  ],
  [
    "limit-recursion",
    KIB,
    [16, STACK_BYTES_MAX / KIB],
    "KIB",
    "stack of one JavaScript session",
    sandbox("stackBytes"),
  ],
  ["limit-output", KIB, [1, 20 * KIB], "KIB", "output of one call", sandbox("outputBytes")],
  ["limit-log", KIB, [1, KIB], "KIB", "log that is kept of one call", sandbox("logBytes")],
  [
    "limit-scratch",
    MIB,
    [1, 4096],
    "MIB",
    "scratch files of one session",
    sandbox("scratchBytes"),
    python("scratchBytes"),
  ],
  ["limit-input", KIB, [1, 1024 * KIB], "KIB", "one input", enclave("inputBytesMax")],
  ["limit-package", MIB, [1, 1000], "MIB", "one package as it travels", enclave("packageBytesMax")],
  [
    "limit-held",
    MIB,
    [1, 1_000_000],
    "MIB",
    "inputs, packages and answers held for all clients at a time; one token gets half of it at most",
    enclave("heldBytesMax"),
  ],
  [
    "limit-sessions",
    1,
    [1, 100_000],
    "N",
    "sessions that run functions at a time",
    enclave("sessionsMax"),
  ],
  [
    "limit-token-sessions",
    1,
    [1, 100_000],
    "N",
    "sessions of one token for a function, as pages give them away",
    enclave("sessionsPerFunctionTokenMax"),
  ],
  [
    "limit-connections",
    1,
    [1, 100_000],
    "N",
    "network connections at a time",
    enclave("connectionsMax"),
  ],
  [
    "limit-idle",
    1,
    [1, DAY_MS],
    "MS",
    "time after which a session without a frame is closed",
    enclave("idleMs"),
  ],
  [
    "limit-frame",
    1,
    [1, DAY_MS],
    "MS",
    "time that an input or a package takes to arrive",
    enclave("frameMs"),
  ],
  [
    "limit-requests",
    1,
    [1, 1_000_000],
    "N",
    "requests and connects of one token in a second; beyond, they are refused",
    enclave("requestsPerSecond"),
  ],
  [
    "limit-inputs",
    1,
    [1, 1_000_000],
    "N",
    "inputs of one token in a second; beyond, they wait",
    enclave("inputsPerSecond"),
  ],
];

const DEFAULTS = { enclave: ENCLAVE_LIMITS, sandbox: SANDBOX_LIMITS, python: PYTHON_LIMITS };

/** The flags. */
export const LIMIT_FLAGS: readonly Flag[] = [
  ...LIMITS.map(([name, unit, range, placeholder, help, { of, field }]): Flag => ({
    name,
    type: "number",
    range,
    placeholder,
    help,
    default: String((DEFAULTS[of] as unknown as Record<string, number>)[field] / unit),
  })),
  {
    name: "limit-workers",
    type: "number",
    range: [1, 256],
    placeholder: "N",
    help: "JavaScript functions that compute at the same moment; default: one for each core",
  },
];

/** What the flags say. */
export function readLimits(args: Arguments): HostLimits {
  const limits = { enclave: {}, sandbox: {}, python: {} } as Record<
    Target["of"],
    Record<string, number>
  >;
  for (const [name, unit, , , , ...sets] of LIMITS) {
    const value = args.number(name);
    if (value === undefined) continue;
    for (const { of, field } of sets) limits[of][field] = Math.round(value * unit);
  }
  const workers = args.number("limit-workers");
  return { ...limits, workersMax: workers && Math.round(workers) };
}
