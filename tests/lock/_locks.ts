/**
 * `fumata lock` on every node of a real roster cluster, seen from outside: the commands print the system's monotonic time over and over, from all
 * their processes, as long as they run. Two runs of which one printed before the other had stopped would be two leaders at work.
 */
import { ChildProcess, type LogRecord } from "../../lib/cli/demo/process.ts";
import { selfCommand } from "../../lib/cli/self.ts";
import { FumataCluster } from "../bench/_fumata_cluster.ts";

/** One line of a command. `run` is the process id of its shell, which forks have in common. */
export interface Tick {
  readonly run: number;
  readonly atS: number;
  readonly term: number;
  readonly who: string;
  /** State folder of the node under which it ran. */
  readonly folder: string;
}

const TICK =
  `tick() { while :; do read at _ < /proc/uptime; echo "{\\"level\\":\\"info\\",\\"event\\":\\"tick\\",\\"message\\":\\"\\",\\"run\\":$$,\\"at\\":$at,\\"term\\":$FUMATA_TERM,\\"who\\":\\"$1\\"}"; sleep 0.02; done; }; `;

/** Commands by what they do when they are asked to stop. */
export const COMMANDS = {
  obedient: `${TICK} tick main`,
  /** Ignores SIGTERM in both of its processes. */
  deaf: `trap '' TERM; ${TICK} tick fork & tick main`,
  /** Ends by itself and leaves a process behind that ignores SIGTERM. */
  brief: `${TICK} (trap '' TERM; tick fork) & sleep 0.3; exit 7`,
} as const;

/** So long that nobody loses the lease whom nothing was done to, on a busy machine, too. */
const LEASE_MS = 3_000;

/** A deaf command is killed after this, when the lease lasts for longer. */
const GRACE_SECONDS = "0.3";

/** One `fumata lock` for each node. */
export class Locks implements AsyncDisposable {
  readonly ticks: Tick[] = [];
  readonly #wakers = new Set<() => void>();
  readonly #locks = new Map<string, ChildProcess>();

  private constructor(readonly cluster: FumataCluster) {}

  static async start(): Promise<Locks> {
    return new Locks(await FumataCluster.start(3, "lan", LEASE_MS));
  }

  /** Starts it for a node, in place of an earlier one. */
  lock(folder: string, command: keyof typeof COMMANDS, ...flags: string[]): ChildProcess {
    const lock = new ChildProcess("lock", selfCommand(), [
      ...["lock", "--folder", folder, "--grace", GRACE_SECONDS, ...flags],
      ...["--", "sh", "-c", COMMANDS[command]],
    ], (record) => this.#take(record, folder));
    this.#locks.set(folder, lock);
    return lock;
  }

  lockAll(command: keyof typeof COMMANDS): void {
    for (const { folder } of this.cluster.running) this.lock(folder, command);
  }

  of(folder: string): ChildProcess {
    return this.#locks.get(folder)!;
  }

  /** The first line that passes among those to come. */
  async next(passes: (tick: Tick) => boolean): Promise<Tick> {
    for (let at = this.ticks.length;;) {
      for (; at < this.ticks.length; at++) if (passes(this.ticks[at])) return this.ticks[at];
      await new Promise<void>((resolve) => this.#wakers.add(resolve));
    }
  }

  /** Pairs of runs of which neither was over when the other began; none are wanted. */
  overlaps(): string[] {
    const runs = [...Map.groupBy(this.ticks, ({ run }) => run).values()].map((ticks) => ({
      run: ticks[0].run,
      fromS: Math.min(...ticks.map(({ atS }) => atS)),
      untilS: Math.max(...ticks.map(({ atS }) => atS)),
    })).sort((a, b) => a.fromS - b.fromS);
    return runs.slice(1).flatMap((later, i) =>
      runs.slice(0, i + 1).filter(({ untilS }) => untilS > later.fromS)
        .map((earlier) => `${JSON.stringify(earlier)} and ${JSON.stringify(later)}`)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#locks.values()].map((lock) => lock[Symbol.asyncDispose]()));
    await this.cluster[Symbol.asyncDispose]();
  }

  #take({ event, fields }: LogRecord, folder: string): void {
    if (event !== "tick") return;
    const { run, at, term, who } = fields as { run: number; at: number; term: number; who: string };
    this.ticks.push({ run, atS: at, term, who, folder });
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }
}
