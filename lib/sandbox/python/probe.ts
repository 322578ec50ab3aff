/**
 * Finding out what this machine can do for Python functions: whether there is a Python, and which isolation holds. An isolation is not
 * believed because a program of that name is there: a function is run under it that looks for a file of the host, tries to
 * write outside of its folder and to open a socket.
 */
import type { Isolation } from "../../attestation/types.ts";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { SANDBOX_LIMITS } from "../limits.ts";
import {
  type IsolatedCommand,
  isolatedCommands,
  type PythonInstallation,
  type PythonIsolation,
} from "./isolation.ts";
import { PROBE_MS, PYTHON_LIMITS } from "./limits.ts";
import { PythonProcess } from "./process.ts";

/** The oldest Python whose features the runner uses. */
const VERSION_MIN = [3, 8];

/** What runs Python functions here. */
export interface PythonRuntime {
  readonly python: PythonInstallation;
  readonly command: IsolatedCommand;
  /** Whether processes of functions are kept from sockets, new processes and the like by a filter of system calls. */
  readonly filtersSystemCalls: boolean;
}

/** What the caller may choose. */
export interface ProbeOptions {
  /** Name or path of the interpreter; `python3` by default. */
  readonly executable?: string;
  /** Whether functions may run where only resource limits hold them. */
  readonly insecureIsolation?: boolean;
  /** The ways to try; all by default. */
  readonly isolations?: readonly PythonIsolation[];
}

/** The strongest runtime that this machine has, or why it has none, as the end of a sentence. */
export async function findPythonRuntime(
  options: ProbeOptions = {},
): Promise<PythonRuntime | string> {
  const python = await findPython(options.executable ?? "python3");
  if (typeof python === "string") return python;
  const faults: string[] = [];
  for (const command of isolatedCommands(python, options.insecureIsolation ?? false)) {
    const { isolation } = command.settings;
    if (options.isolations && !options.isolations.includes(isolation)) continue;
    const found = await tryIsolation(python, command);
    if (typeof found !== "string") return found;
    faults.push(`${isolation}: ${found}`);
  }
  const tried = faults.length > 0 ? ` (${faults.join("; ")})` : "";
  return "this host cannot isolate Python: it has neither a working bwrap nor unprivileged user " +
    `namespaces${tried}; install bubblewrap, or allow insecure isolation`;
}

/** As evidence names it. */
export function isolationOf(
  { command: { settings }, filtersSystemCalls }: PythonRuntime,
): Isolation {
  const { isolation } = settings;
  return filtersSystemCalls || isolation === "limits" ? isolation : `${isolation}-unfiltered`;
}

/** In a few words, for logs and lists. */
export function describeRuntime(runtime: PythonRuntime): string {
  const { isolation } = runtime.command.settings;
  const calls = runtime.filtersSystemCalls ? "filtered" : "unfiltered";
  const words = isolation === "limits" ? "INSECURE, resource limits only" : isolation;
  return `python ${runtime.python.version}, ${words}, system calls ${calls}`;
}

async function findPython(name: string): Promise<PythonInstallation | string> {
  const script = "import ctypes, json, os, resource, sys; " +
    "print(json.dumps([os.path.realpath(sys.executable), sys.base_prefix, list(sys.version_info[:3])]))";
  const why = `there is no usable ${name} on this host`;
  try {
    const { success, stdout, stderr } = await new Deno.Command(name, {
      args: ["-I", "-S", "-c", script],
      stdin: "null",
      signal: AbortSignal.timeout(PROBE_MS),
    }).output();
    if (!success) return `${why} (${messageOf(fromUtf8(stderr)?.trim().slice(-200) ?? "")})`;
    const [executable, prefix, version] = JSON.parse(fromUtf8(stdout)!);
    const isOld = version[0] !== VERSION_MIN[0] || version[1] < VERSION_MIN[1];
    if (isOld) return `${why}: it is ${version.join(".")}, ${VERSION_MIN.join(".")} is wanted`;
    return { executable, prefix, version: version.join(".") };
  } catch (thrown) {
    return thrown instanceof Deno.errors.NotFound
      ? `there is no ${name} on this host; install Python 3`
      : `${why} (${messageOf(thrown)})`;
  }
}

/** Looks around; the input is the path of a file that only the host may see. */
const LOOKOUT = `
import json, os, socket

def fails(act):
    try:
        act()
    except OSError:
        return True
    return False

def cape_handler(path):
    found = []
    if not fails(lambda: open(path)):
        found.append("the files of the host can be read")
    if not fails(lambda: open("/written", "w")) or not fails(lambda: open("/usr/lib/written", "w")):
        found.append("files outside of the folder can be written")
    if fails(lambda: open("own", "w").write("x")):
        found.append("its own folder cannot be written")
    if not fails(socket.socket) and [name for _, name in socket.if_nameindex() if name != "lo"]:
        found.append("there is a network")
    if set(os.environ) - {"LC_CTYPE", "PWD"}:
        found.append("there is an environment")
    return json.dumps(found)
`;

async function tryIsolation(
  python: PythonInstallation,
  command: IsolatedCommand,
): Promise<PythonRuntime | string> {
  const hidden = await Deno.makeTempFile({ prefix: "fumata-python-" });
  try {
    return await lookAround(python, command, hidden);
  } finally {
    await Deno.remove(hidden);
  }
}

async function lookAround(
  python: PythonInstallation,
  command: IsolatedCommand,
  hidden: string,
): Promise<PythonRuntime | string> {
  const process = await PythonProcess.open({
    python,
    command,
    files: new Map([["app.py", utf8(LOOKOUT)]]),
    limits: { ...SANDBOX_LIMITS, loadMs: PROBE_MS, callMs: PROBE_MS },
    pythonLimits: PYTHON_LIMITS,
  });
  if (!(process instanceof PythonProcess)) return process.error;
  const { filtersSystemCalls } = process;
  try {
    const outcome = await process.call(utf8(hidden));
    if (!outcome.ok) return outcome.error;
    const found: string[] = JSON.parse(fromUtf8(outcome.output) ?? "[]");
    const holds = found.length === 0 || command.settings.isolation === "limits";
    return holds ? { python, command, filtersSystemCalls } : found.join(", ");
  } finally {
    await process.end();
  }
}
