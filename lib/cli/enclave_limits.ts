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

interface LimitFlag {
  readonly name: string;
  readonly unit: number;
  readonly range: readonly [number, number];
  readonly placeholder: string;
  readonly help: string;
  /** The first gives the default that the help shows. */
  readonly sets: readonly Target[];
}

const sandbox = (field: keyof SandboxLimits): Target => ({ of: "sandbox", field });
const enclave = (field: keyof EnclaveLimits): Target => ({ of: "enclave", field });
const python = (field: keyof PythonLimits): Target => ({ of: "python", field });

const LIMITS: readonly LimitFlag[] = [
  {
    name: "limit-call",
    unit: 1,
    range: [1, DAY_MS],
    placeholder: "MS",
    help: "time that one call computes",
    sets: [sandbox("callMs")],
  },
  {
    name: "limit-load",
    unit: 1,
    range: [1, DAY_MS],
    placeholder: "MS",
    help: "time that loading a function computes",
    sets: [sandbox("loadMs")],
  },
  {
    name: "limit-wait",
    unit: 1,
    range: [1, DAY_MS],
    placeholder: "MS",
    help: "time that a call waits for its turn",
    sets: [sandbox("waitMs")],
  },
  {
    name: "limit-memory",
    unit: MIB,
    range: [MEMORY_BYTES_MIN / MIB, 4096],
    placeholder: "MIB",
    help: "memory of one JavaScript session",
    sets: [sandbox("memoryBytes")],
  },
  {
    name: "limit-python-memory",
    unit: MIB,
    range: [64, 65_536],
    placeholder: "MIB",
    help: "address space of one Python session",
    sets: [python("memoryBytes")],
  },
  {
    name: "limit-python-cpu",
    unit: 1,
    range: [1, 86_400],
    placeholder: "S",
    help: "CPU time of one Python session",
    sets: [python("cpuSeconds")],
  },
  {
    name: "limit-python-sessions",
    unit: 1,
    range: [1, 10_000],
    placeholder: "N",
    help: "Python sessions at a time",
    sets: [python("sessionsMax")],
  },
  {
    name: "limit-recursion",
    unit: KIB,
    range: [16, STACK_BYTES_MAX / KIB],
    placeholder: "KIB",
    help: "stack of one JavaScript session",
    sets: [sandbox("stackBytes")],
  },
  {
    name: "limit-output",
    unit: KIB,
    range: [1, 20 * KIB],
    placeholder: "KIB",
    help: "output of one call",
    sets: [sandbox("outputBytes")],
  },
  {
    name: "limit-log",
    unit: KIB,
    range: [1, KIB],
    placeholder: "KIB",
    help: "log that is kept of one call",
    sets: [sandbox("logBytes")],
  },
  {
    name: "limit-scratch",
    unit: MIB,
    range: [1, 4096],
    placeholder: "MIB",
    help: "scratch files of one session",
    sets: [sandbox("scratchBytes"), python("scratchBytes")],
  },
  {
    name: "limit-input",
    unit: KIB,
    range: [1, 1024 * KIB],
    placeholder: "KIB",
    help: "one input",
    sets: [enclave("inputBytesMax")],
  },
  {
    name: "limit-package",
    unit: MIB,
    range: [1, 1000],
    placeholder: "MIB",
    help: "one package as it travels",
    sets: [enclave("packageBytesMax")],
  },
  {
    name: "limit-sessions",
    unit: 1,
    range: [1, 100_000],
    placeholder: "N",
    help: "sessions that run functions at a time",
    sets: [enclave("sessionsMax")],
  },
  {
    name: "limit-connections",
    unit: 1,
    range: [1, 100_000],
    placeholder: "N",
    help: "network connections at a time",
    sets: [enclave("connectionsMax")],
  },
  {
    name: "limit-idle",
    unit: 1,
    range: [1, DAY_MS],
    placeholder: "MS",
    help: "time after which a session without a frame is closed",
    sets: [enclave("idleMs")],
  },
  {
    name: "limit-requests",
    unit: 1,
    range: [1, 1_000_000],
    placeholder: "N",
    help: "requests and connects of one token in a second; beyond, they are refused",
    sets: [enclave("requestsPerSecond")],
  },
  {
    name: "limit-inputs",
    unit: 1,
    range: [1, 1_000_000],
    placeholder: "N",
    help: "inputs of one token in a second; beyond, they wait",
    sets: [enclave("inputsPerSecond")],
  },
];

const DEFAULTS = { enclave: ENCLAVE_LIMITS, sandbox: SANDBOX_LIMITS, python: PYTHON_LIMITS };

/** The flags. */
export const LIMIT_FLAGS: readonly Flag[] = [
  ...LIMITS.map(({ name, range, placeholder, help, unit, sets: [{ of, field }] }): Flag => ({
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
  for (const { name, unit, sets } of LIMITS) {
    const value = args.number(name);
    if (value === undefined) continue;
    for (const { of, field } of sets) limits[of][field] = Math.round(value * unit);
  }
  const workers = args.number("limit-workers");
  return { ...limits, workersMax: workers && Math.round(workers) };
}
