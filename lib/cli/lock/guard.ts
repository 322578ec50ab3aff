/**
 * The second watcher of a command under a lease. `fumata lock` starts itself once more as the head of a process group; this guard starts the
 * command within the group, renews the same sub-lease on its own clock, and kills the group, itself included, before that ends. So a
 * `fumata lock` that is stopped, starved or killed leaves no command running beyond the lease, and the other way round a
 * guard that is stopped is watched by `fumata lock`.
 */
import process from "node:process";
import { messageOf } from "../../base/errors.ts";
import { plainLine } from "../../base/plain_text.ts";
import type { NodeLink } from "../node_link.ts";
import { Alarm } from "./alarm.ts";
import { Keeper } from "./keeper.ts";
import { signalGroup } from "./process_group.ts";
import { SteadyClock } from "./steady_clock.ts";
import { type SubLeaseName, takeSubLease } from "./sub_lease_client.ts";
import { Tenure } from "./tenure.ts";

/** The variable that makes a `fumata lock` a guard; its value is the JSON of {@linkcode GuardOrder}. */
export const GUARD_VARIABLE = "FUMATA_LOCK_GUARD";

/** What `fumata lock` tells its guard. */
export interface GuardOrder {
  readonly holder: string;
  readonly certificateId: string;
  /** Process id of `fumata lock`. */
  readonly parent: number;
  /** Written before the command is started: an exit code from then on is the command's. */
  readonly startedFile: string;
  readonly graceMs: number;
}

/** Exit codes of shells for a command that cannot be started. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** What a guard says that did not come to start the command; without the file that means nothing else. */
const NOT_STARTED = 1;

/** Signals that are meant for the command: the guard is in its group, and outlives it. */
const PASSED_BY = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;

/** Starts the command and guards it to its end; gives its exit code. */
export async function guardCommand(
  command: readonly string[],
  order: GuardOrder,
  link: NodeLink,
  named: SubLeaseName,
): Promise<number> {
  for (const signal of PASSED_BY) Deno.addSignalListener(signal, () => {});
  const clock = new SteadyClock();
  const first = await takeSubLease(link, named, clock);
  if (first.type !== "granted" || first.certificateId !== order.certificateId) return NOT_STARTED;
  const tenure = new Tenure(first, order.graceMs);
  using alarm = new Alarm();
  const keeper = new Keeper({
    tenure,
    clock,
    alarm,
    link,
    named,
    certificateId: order.certificateId,
    // To ask politely is the business of `fumata lock`; who asks twice is taken for impatient. Without it, it is the guard's.
    terminate: () => isOrphan(order) && signalGroup(Deno.pid, "SIGTERM"),
    kill: () => signalGroup(Deno.pid, "SIGKILL"),
  });
  if (isOrphan(order) || tenure.isTooLate(clock.nowMs())) return NOT_STARTED;
  Deno.writeTextFileSync(order.startedFile, "");
  let code: number | undefined;
  start(command).then((status) => {
    code = status;
    alarm.wake();
  });
  const watch = setInterval(() => {
    if (!isOrphan(order)) return;
    clearInterval(watch);
    keeper.tell({ type: "stop" });
    alarm.wake();
  }, tenure.renewalMs);
  await keeper.run(() => code !== undefined);
  clearInterval(watch);
  // Without anybody else to look after what the command forked, it goes now.
  if (isOrphan(order)) signalGroup(Deno.pid, "SIGKILL");
  return code!;
}

function isOrphan({ parent }: GuardOrder): boolean {
  return process.ppid !== parent;
}

async function start([program, ...args]: readonly string[]): Promise<number> {
  const { [GUARD_VARIABLE]: _, ...env } = Deno.env.toObject();
  try {
    const { code } = await new Deno.Command(program, {
      args,
      env,
      clearEnv: true,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn().status;
    return code;
  } catch (thrown) {
    const isMissing = thrown instanceof Deno.errors.NotFound;
    const why = isMissing ? "there is no such program" : messageOf(thrown);
    console.error(plainLine(`fumata: Cannot run "${program}": ${why}`));
    return isMissing ? NOT_FOUND : NOT_EXECUTABLE;
  }
}
