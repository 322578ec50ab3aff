/** One run of the command, under one certificate: from the first grant until every process of its group is gone. */
import { FumataError } from "../../base/errors.ts";
import type { Arguments } from "../command.ts";
import type { NodeLink } from "../node_link.ts";
import { selfCommand } from "../self.ts";
import { Alarm } from "./alarm.ts";
import { GUARD_VARIABLE, type GuardOrder } from "./guard.ts";
import { Keeper } from "./keeper.ts";
import { isGroupAlive, signalGroup } from "./process_group.ts";
import type { SteadyClock } from "./steady_clock.ts";
import { type Office, returnSubLease, type SubLeaseName } from "./sub_lease_client.ts";
import { Tenure } from "./tenure.ts";

/** What a run is made of. */
export interface OfficeRunOptions {
  readonly args: Arguments;
  readonly interruption: Interruption;
  readonly clock: SteadyClock;
  readonly link: NodeLink;
  readonly named: SubLeaseName;
  readonly graceMs: number;
  readonly first: Office & { readonly sentMs: number; readonly grantedMs: number };
}

/** A person's or the system's wish that this program stop. */
export interface Interruption {
  isWanted: boolean;
  /** Called when it comes; whoever waits puts itself here. */
  onWanted?: () => void;
}

/** How it ended. `code` is the command's; `undefined` when it was not started. */
export interface OfficeRunEnd {
  readonly code?: number;
  readonly isLost: boolean;
}

/** How often a group that is on its way out is looked at, ms. */
const LOOK_MS = 10;

/** Runs the command. */
export async function runInOffice(options: OfficeRunOptions): Promise<OfficeRunEnd> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-lock-" });
  try {
    return await runIn(folder, options);
  } catch (thrown) {
    // The node was lost before the command was started.
    if (thrown instanceof FumataError && thrown.code === "unreachable") return { isLost: true };
    throw thrown;
  } finally {
    options.interruption.onWanted = undefined;
    await returnSubLease(options.link, options.named);
    await Deno.remove(folder, { recursive: true });
  }
}

async function runIn(folder: string, options: OfficeRunOptions): Promise<OfficeRunEnd> {
  const { interruption, clock, link, named, first, graceMs } = options;
  const tenure = new Tenure(first, graceMs);
  const certificateFile = `${folder}/certificate.json`;
  const certificate = await link.get("/v1/certificate");
  await Deno.writeTextFile(certificateFile, JSON.stringify(certificate) + "\n");
  const startedFile = `${folder}/started`;
  const guard = startGuard(options, {
    FUMATA_TERM: String(first.term),
    FUMATA_CERTIFICATE: certificateFile,
    FUMATA_API: `http://${link.http}`,
  }, startedFile);
  using alarm = new Alarm();
  const group = guard.pid;
  const keeper = new Keeper({
    tenure,
    clock,
    alarm,
    link,
    named,
    certificateId: first.certificateId,
    terminate: () => signalGroup(group, "SIGTERM"),
    kill: () => signalGroup(group, "SIGKILL"),
  });
  let status: Deno.CommandStatus | undefined;
  const ended = guard.status.then((its) => {
    status = its;
    alarm.wake();
  });
  const stop = () => {
    keeper.tell({ type: "stop" });
    alarm.wake();
  };
  interruption.onWanted = stop;
  if (interruption.isWanted) stop();
  await keeper.run(() => status !== undefined);
  // Whatever the command left behind goes, too, before anybody may take over.
  if (!tenure.isKilled && isGroupAlive(group)) {
    const look = setInterval(() => alarm.wake(), LOOK_MS);
    keeper.tell({ type: "stop" });
    await keeper.run(() => !isGroupAlive(group));
    clearInterval(look);
  }
  await ended;
  while (isGroupAlive(group) && tenure.remainingMs(clock.nowMs()) > 0) await alarm.sleep(LOOK_MS);
  const wasStarted = await exists(startedFile);
  // A guard gives the command's exit code and is killed by nobody but a watcher: by itself, when what it knows of the lease ends
  // earlier than what is known here.
  const wasKilled = status!.signal === "SIGKILL";
  return {
    ...(wasStarted && { code: status!.code }),
    isLost: tenure.isLost || !wasStarted || wasKilled,
  };
}

function startGuard(
  { args, named, first, graceMs }: OfficeRunOptions,
  env: Record<string, string>,
  startedFile: string,
): Deno.ChildProcess {
  const { program, words } = selfCommand();
  const order: GuardOrder = {
    holder: named.holder,
    certificateId: first.certificateId,
    parent: Deno.pid,
    startedFile,
    graceMs,
  };
  const passed = ["node", "folder", "token-file"].flatMap((flag) => {
    const value = args.text(flag);
    return value === undefined ? [] : [`--${flag}=${value}`];
  });
  return new Deno.Command(program, {
    args: [
      ...words,
      "lock",
      `--name=${named.name}`,
      ...passed,
      ...(named.open ? ["--open"] : []),
      "--",
      ...args.after,
    ],
    env: { ...env, [GUARD_VARIABLE]: JSON.stringify(order) },
    // A session of its own: signals reach the command with all that it forks, and a terminal's Ctrl-C only `fumata lock`.
    detached: true,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
