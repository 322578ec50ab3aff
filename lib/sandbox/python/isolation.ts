/**
 * How a function's process is kept from the machine, and which way this machine allows. Three ways, strongest first:
 *
 * | way | by | root, network, processes of its own | needs |
 * |---|---|---|---|
 * | `bwrap` | bubblewrap | yes | the program, which distributions permit where they forbid the next |
 * | `unshare` | namespaces(7) | yes | unprivileged user namespaces, or root |
 * | `limits` | resource limits, filter of system calls | no: the function reads what the host can read | an explicit, insecure option |
 *
 * A way counts as there only after a function has run under it and looked around (see `probe.ts`).
 */
import type { RunnerSettings } from "./runner.ts";

/** The ways. */
export type PythonIsolation = RunnerSettings["isolation"];

/** A Python that can run functions. */
export interface PythonInstallation {
  /** Path of the interpreter itself, behind all links and wrappers. */
  readonly executable: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** Where its standard library is. */
  readonly prefix: string;
}

/** The function's folder where it has a root of its own. */
export const OWN_FOLDER = "/function";

/** System libraries, as far as they are there. Nothing in them is secret; they are read-only inside. */
const LIBRARY_PATHS = [
  "/usr/lib",
  "/usr/lib32",
  "/usr/lib64",
  "/usr/local/lib",
  "/lib",
  "/lib32",
  "/lib64",
  "/etc/ld.so.cache",
  "/usr/share/zoneinfo",
];
const DEVICE_PATHS = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/** Folders over which a new root may be mounted: they are on every Linux, and no Python lives in them. */
const ROOT_PLACES = ["/mnt", "/media", "/srv", "/sys", "/tmp"];

/** What a process is started as. */
export interface IsolatedCommand {
  readonly program: string;
  /** Before the interpreter and its arguments. */
  readonly wrapper: readonly string[];
  readonly settings: Pick<RunnerSettings, "isolation" | "rootAt" | "readOnlyPaths">;
}

/** The commands of the ways that this machine has the programs for, strongest first; `limits` only when it is allowed. */
export function isolatedCommands(
  python: PythonInstallation,
  allowInsecure: boolean,
): IsolatedCommand[] {
  const commands: IsolatedCommand[] = [];
  const readOnlyPaths = pathsToShow(python);
  const rootAt = ROOT_PLACES.find((place) =>
    exists(place) && !readOnlyPaths.some((path) => path.startsWith(place))
  );
  const bwrap = findProgram("bwrap");
  if (bwrap) {
    commands.push({
      program: bwrap,
      wrapper: bwrapArguments(readOnlyPaths),
      settings: { isolation: "bwrap", rootAt: "", readOnlyPaths: [] },
    });
  }
  const [unshare, setpriv] = [findProgram("unshare"), findProgram("setpriv")];
  if (unshare && setpriv && rootAt) {
    commands.push({
      program: setpriv,
      wrapper: ["--pdeathsig", "KILL", unshare, ...UNSHARE_ARGUMENTS],
      settings: { isolation: "unshare", rootAt, readOnlyPaths },
    });
  }
  if (allowInsecure) {
    commands.push({
      program: python.executable,
      wrapper: [],
      settings: { isolation: "limits", rootAt: "", readOnlyPaths: [] },
    });
  }
  return commands;
}

/** Everything of its own; root there is the caller here, and whoever ends `unshare` ends all of it. */
const UNSHARE_ARGUMENTS = [
  "--user",
  "--map-root-user",
  "--net",
  "--pid",
  "--mount",
  "--ipc",
  "--uts",
  "--fork",
  "--kill-child=KILL",
  "--",
];

/** The capabilities are for the scratch file system and for giving them up; the runner does both before the function is loaded. */
function bwrapArguments(readOnlyPaths: readonly string[]): string[] {
  const binds = readOnlyPaths.flatMap((path) => [
    path.startsWith("/dev/") ? "--dev-bind" : "--ro-bind",
    path,
    path,
  ]);
  const keep = ["CAP_SYS_ADMIN", "CAP_SETPCAP"].flatMap((name) => ["--cap-add", name]);
  const namespaces = ["--unshare-all", "--die-with-parent", "--new-session"];
  return [
    ...namespaces,
    "--cap-drop",
    "ALL",
    ...keep,
    ...binds,
    "--dir",
    OWN_FOLDER,
    "--remount-ro",
    "/",
    "--",
  ];
}

/** What has to be visible for the interpreter to run. */
function pathsToShow(python: PythonInstallation): string[] {
  const own = python.prefix === "/usr" ? python.executable : python.prefix;
  const paths = [...LIBRARY_PATHS, ...DEVICE_PATHS].filter(exists);
  if (!paths.some((path) => own.startsWith(`${path}/`))) paths.push(own);
  return paths;
}

function findProgram(name: string): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return folders.map((folder) => `${folder}/${name}`).find(exists);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
