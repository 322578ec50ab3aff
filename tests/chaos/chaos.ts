/**
 * Chaos on real processes: seven nodes of one roster and two enclave hosts, all runs of the program, under kills, pauses, restart storms,
 * partitions in one way and both, lost enclave hosts and a full disk, while an observer writes down who says to lead when (`_history.ts`) and
 * commands under `fumata lock` write down when they run. Ends with 0 when nothing was found, with 1 and the findings else.
 *
 * ```sh
 * deno task chaos [--minutes 2] [--seed 1] [--fault-bound 0] [--executable dist/fumata] [--json]
 * ```
 *
 * The seed decides the faults, not what they meet: processes take real time, so a finding need not come again; the log of faults is printed.
 * The fault bound is 0 by default: nobody lies here, and two quorums of four of seven share one node only, which is where a mistake shows first.
 * Where the user may make namespaces each node has a network of its own that can be cut; else partitions and the full disk are left out.
 */
import { createPrng } from "../../lib/base/prng.ts";
import { taskFlags } from "../_flags.ts";
import { ChaosCluster } from "./_cluster.ts";
import { carryOut } from "./_faults.ts";
import { type Findings, History } from "./_history.ts";
import { inside, isInside, Network } from "./_network.ts";
import { ChaosObserver } from "./_observer.ts";
import { type FaultKind, scheduleOf } from "./_schedule.ts";

const NODES = 7;
const HOSTS = 2;
/** Nodes with a locked command beside them: on all of them the locks alone would keep two cores busy. */
const LOCKS = 3;
/** The first leader: two enclave hosts make their keys, and everyone meets everyone. */
const FIRST_LEADER_MS_MAX = 90_000;
/** After all is healed: the longest collector timeout of the profile (8 s), twice, and as much for restarts on a busy machine. */
const HEALED_MS_MAX = 30_000;

const flags = taskFlags(Deno.args, {
  string: ["minutes", "seed", "fault-bound", "executable"],
  boolean: ["json"],
});
const minutes = Number(flags.minutes ?? 2);
const seed = Number(flags.seed ?? 1);
const faultBound = Number(flags["fault-bound"] ?? 0);
const executable = flags.executable ?? Deno.env.get("FUMATA_EXECUTABLE");
check(minutes > 0 && minutes <= 24 * 60, "--minutes: up to a day");
check(Number.isSafeInteger(seed) && seed >= 0, "--seed: a whole number");
check([0, 1, 2].includes(faultBound), "--fault-bound: 0, 1 or 2");

if (!isInside()) {
  const words = [Deno.execPath(), "run", "-A", import.meta.filename!, ...Deno.args];
  const code = await inside(words);
  if (code !== undefined) Deno.exit(code);
  say("no network namespaces can be made here: partitions and the full disk are left out");
}
const report = await run();
console.log(flags.json ? JSON.stringify(report) : inWords(report));
Deno.exit(report.violations.length > 0 ? 1 : 0);

interface Report extends Findings {
  readonly seed: number;
  readonly minutes: number;
  readonly faults: Readonly<Record<string, number>>;
  /** From the end of the last fault to a lease that was seen, ms; absent when there was none in time. */
  readonly healedMs?: number;
}

async function run(): Promise<Report> {
  const network = new Network();
  const history = new History(performance.now());
  await using cluster = await ChaosCluster.start({
    ...(executable !== undefined && { executable }),
    nodes: NODES,
    hosts: HOSTS,
    faultBound,
    locks: LOCKS,
    network,
    onTick: (tick) => history.tick(tick),
    onDeath: (what) => history.blame(what),
  });
  await using observer = new ChaosObserver(cluster, history);
  if (await observer.led(FIRST_LEADER_MS_MAX) === undefined) {
    const seconds = FIRST_LEADER_MS_MAX / 1000;
    throw new Error(`nobody leads ${seconds} s after the start\n${cluster.lastLines()}`);
  }
  history.begin(performance.now());
  const faults = scheduleOf(createPrng(seed), minutes * 60_000, {
    nodes: NODES,
    hosts: HOSTS,
    canCut: isInside(),
    fillable: cluster.members.filter((member) => member.hasSmallDisk).map(({ index }) => index),
  });
  say(`seed ${seed}: ${faults.length} faults in ${minutes} minutes`);
  const done = await carryOut(faults, {
    cluster,
    network,
    leaderId: () => observer.leaderId,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms))),
  });
  const healedMs = await observer.led(HEALED_MS_MAX);
  if (healedMs === undefined) {
    const seconds = HEALED_MS_MAX / 1000;
    history.blame(`nobody leads ${seconds} s after all was healed\n${cluster.lastLines()}`);
  }
  return {
    seed,
    minutes,
    faults: Object.fromEntries(done),
    ...(healedMs !== undefined && { healedMs: Math.round(healedMs) }),
    ...history.findings(performance.now()),
  };
}

function inWords(report: Report): string {
  const { faults, terms, sightings, lockRuns, leaderlessMsMax, healedMs, violations } = report;
  const kinds = (Object.entries(faults) as [FaultKind, number][])
    .map(([kind, count]) => `${count} ${kind}`).join(", ");
  const lines = [
    `seed ${report.seed}, ${report.minutes} minutes; faults: ${kinds || "none"}`,
    `${terms} terms with a lease, seen ${sightings} times; ${lockRuns} locked commands`,
    `longest time without a leader: ${(leaderlessMsMax / 1000).toFixed(1)} s; after the last ` +
    `fault: ${healedMs === undefined ? "none" : `${(healedMs / 1000).toFixed(1)} s`}`,
    `violations: ${violations.length}`,
    ...violations.map((violation) => `  ${violation}`),
  ];
  return lines.join("\n");
}

function check(holds: boolean, wanted: string): void {
  if (holds) return;
  say(`Cannot run: ${wanted}`);
  Deno.exit(1);
}

function say(words: string): void {
  console.error(words);
}
