/**
 * `fumata lock`: runs a command while a node of this machine leads, and ends it, with all that it forked, before the node's lease ends. Two
 * processes watch it (`lock/guard.ts` says why). What no process of ours can prevent: a command that moves into a session of its own
 * (setsid), and a machine that stands still as a whole; the fencing token is for these.
 */
import { base64url, utf8 } from "../../base/bytes.ts";
import { EXIT_CODES, FumataError } from "../../base/errors.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { configFlagOf, layer } from "../config/layers.ts";
import { Alarm } from "../lock/alarm.ts";
import { GUARD_VARIABLE, guardCommand, type GuardOrder } from "../lock/guard.ts";
import { type Interruption, runInOffice } from "../lock/office_run.ts";
import { SteadyClock } from "../lock/steady_clock.ts";
import { type SubLeaseName, type SubLeaseOutcome, takeSubLease } from "../lock/sub_lease_client.ts";
import { findNode, NODE_FLAGS, type NodeLink } from "../node_link.ts";

const GRACE_SECONDS = 10;
/** Between two attempts while another node leads, ms: about as long as the shortest failover takes. */
const RETRY_MS = 200;
/** As shells say it of a command that SIGTERM ended. */
const TERMINATED = 128 + 15;
const NAME_CHARACTERS_MAX = 128;

/** The command. */
export const lockCommand: Command = {
  name: "lock",
  summary: "run a command only while a node leads",
  takesRest: true,
  examples: [
    "fumata lock -- ./worker --queue orders",
    "fumata lock --node 5000 --once -- sh -c 'echo term $FUMATA_TERM by $FUMATA_CERTIFICATE'",
    "fumata lock --name nightly --wait 60 -- ./report",
    "fumata lock --config /etc/fumata/report.json -- ./report",
  ],
  flags: [
    {
      name: "name",
      type: "string",
      placeholder: "NAME",
      help: "of two locks of one name on a node one waits; default a digest of the command",
    },
    {
      name: "once",
      type: "boolean",
      help: "when leadership is lost, end with exit code 6 in place of waiting for it again",
    },
    {
      name: "wait",
      type: "number",
      range: [0, 31_536_000],
      placeholder: "SECONDS",
      help: "how long to wait for leadership before giving up with exit code 4; default for ever",
    },
    {
      name: "grace",
      type: "number",
      range: [0, 3600],
      placeholder: "SECONDS",
      default: String(GRACE_SECONDS),
      help: "between SIGTERM and SIGKILL, as far as the lease lasts",
    },
    {
      name: "open",
      type: "boolean",
      help: "also in an open cluster, where each side of a partition has a leader of its own",
    },
    ...NODE_FLAGS,
    configFlagOf("lock"),
  ],
  async run(args, context) {
    if (args.after.length === 0) {
      throw new FumataError(
        "usage",
        "Cannot lock: the command is missing; write it behind --, for instance: fumata lock -- ./worker",
      );
    }
    if (Deno.build.os === "windows") {
      throw new FumataError(
        "failure",
        "Cannot lock: Windows has no process groups that signals reach; run it on Unix",
      );
    }
    // The guard has been told by flags whatever is in force.
    const guard = context.env(GUARD_VARIABLE);
    if (guard !== undefined) return await runGuard(args, context, JSON.parse(guard));
    const configured = { flags: lockCommand.flags, variablesOf: "lock" };
    return await lock((await layer(args, configured, context)).args, context);
  },
};

async function runGuard(
  args: Arguments,
  context: CommandContext,
  order: GuardOrder,
): Promise<number> {
  const named = nameOf(args, order.holder);
  return await guardCommand(args.after, order, findNode(args, context), named);
}

async function lock(args: Arguments, context: CommandContext): Promise<number> {
  const clock = new SteadyClock();
  const graceMs = (args.number("grace") ?? GRACE_SECONDS) * 1000;
  const giveUpMs = performance.now() + (args.number("wait") ?? Infinity) * 1000;
  using alarm = new Alarm();
  const interruption: Interruption = { isWanted: false };
  context.interrupted.then(() => {
    interruption.isWanted = true;
    interruption.onWanted?.();
    alarm.wake();
  });
  const waiting = new Waiting(context);
  for (;;) {
    // A holder never comes back to a name that it gave back: an answer on the way must not renew it.
    const named = nameOf(args, crypto.randomUUID());
    const { link, outcome } = await attempt(args, context, named, clock);
    if (link && outcome.type === "granted") {
      const { term } = outcome;
      context.say(`fumata: this node leads term ${term}; running ${args.after[0]}`);
      const first = outcome;
      const end = await runInOffice({ args, interruption, clock, link, named, graceMs, first });
      const { code, isLost } = end;
      if (code !== undefined && (!isLost || interruption.isWanted)) return code;
      const what = code === undefined ? "was not started" : "has stopped";
      context.say(`fumata: the leadership of term ${term} is over; the command ${what}`);
      if (args.has("once") && code !== undefined) return EXIT_CODES["leadership-lost"];
      waiting.forget();
    } else if (outcome.type !== "granted") waiting.say(outcome);
    if (performance.now() >= giveUpMs) {
      throw new FumataError(
        "no-leader",
        "Cannot lock: this node did not become the leader in the time of --wait",
      );
    }
    if (!interruption.isWanted) await alarm.sleep(RETRY_MS);
    if (interruption.isWanted) return TERMINATED;
  }
}

/** Finds the node anew each time: one that was started again is at another port. */
async function attempt(
  args: Arguments,
  context: CommandContext,
  named: SubLeaseName,
  clock: SteadyClock,
): Promise<{ readonly link?: NodeLink; readonly outcome: SubLeaseOutcome }> {
  try {
    const link = findNode(args, context);
    return { link, outcome: await takeSubLease(link, named, clock) };
  } catch (error) {
    if (error instanceof FumataError && error.code === "unreachable") {
      return { outcome: { type: "unanswered", error } };
    }
    throw error;
  }
}

/** Says why it waits: each reason once in a row. */
class Waiting {
  readonly #context: CommandContext;
  #said?: string;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** Throws what waiting cannot mend. */
  say(outcome: Exclude<SubLeaseOutcome, { type: "granted" }>): void {
    const { error } = outcome;
    const isHelpless = outcome.type === "refused" && error.code !== "leadership-lost" &&
      error.code !== "failure";
    if (isHelpless) {
      const hint = error.code === "refused" && /open/.test(error.message)
        ? "; --open runs the command all the same"
        : "";
      throw new FumataError(error.code, error.message + hint);
    }
    const kind = outcome.type === "unanswered" ? "unanswered" : error.code;
    if (this.#said !== kind) this.#context.say(`fumata: waiting: ${error.message}`);
    this.#said = kind;
  }

  forget(): void {
    this.#said = undefined;
  }
}

function nameOf(args: Arguments, holder: string): SubLeaseName {
  const name = args.text("name") ??
    base64url(sha256(utf8(JSON.stringify(args.after)))).slice(0, 22);
  if (name.length > NAME_CHARACTERS_MAX) {
    throw new FumataError(
      "usage",
      `Cannot use --name: it has more than ${NAME_CHARACTERS_MAX} characters`,
    );
  }
  return { name, holder, open: args.has("open") };
}
