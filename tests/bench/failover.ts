/**
 * How long a cluster is without a leader: real processes on this machine, the leader is killed (or stopped) again and again, and the clock runs
 * from just before the signal until all survivors hold the next verified certificate, and until the new leader holds its lease. etcd
 * (Debian's `etcd-server`, its defaults) is measured in the same run in the same way, where it is installed.
 *
 * ```sh
 * deno run -A tests/bench/failover.ts [--n 3,5] [--runs 20] [--timing lan,local] [--how kill|stop] [--json]
 * ```
 *
 * fumata's times are taken when its log lines have been read here, etcd's when an answer of its HTTP interface has: both include the
 * way to this process. etcd has no lease that its leader must win, so that column is empty for it.
 */
import { parseArgs } from "@std/cli/parse-args";
import { columns } from "../../lib/cli/columns.ts";
import { EtcdCluster } from "./_etcd_cluster.ts";
import { FumataCluster } from "./_fumata_cluster.ts";
import type { BenchCluster, Failover, How } from "./_types.ts";

const RUNS_DEFAULT = 20;
const NODES_MAX = 25;
/** Between two failovers, so that everyone has met everyone again. */
const PAUSE_MS = 1_000;

interface Measured {
  readonly system: string;
  readonly n: number;
  readonly runs: readonly Failover[];
}

const flags = parseArgs(Deno.args, { string: ["n", "timing", "how", "runs"], boolean: ["json"] });
const sizes = list(flags.n ?? "3,5").map(Number);
const timings = list(flags.timing ?? "lan,local");
const runs = Number(flags.runs ?? RUNS_DEFAULT);
const how = (flags.how ?? "kill") as How;
check(sizes.every((n) => Number.isInteger(n) && n >= 3 && n <= NODES_MAX), `--n: 3..${NODES_MAX}`);
check(Number.isInteger(runs) && runs >= 1, "--runs: a whole number from 1");
check(timings.every((timing) => timing === "lan" || timing === "local"), "--timing: lan, local");
check(how === "kill" || how === "stop", "--how: kill or stop");

const measured: Measured[] = [];
for (const n of sizes) {
  for (const timing of timings) {
    await measure(`fumata, ${timing}`, n, () => FumataCluster.start(n, timing as "lan" | "local"));
  }
  if (await EtcdCluster.isInstalled()) {
    await measure("etcd, defaults", n, () => EtcdCluster.start(n));
  } else console.error("etcd is not installed (Debian: etcd-server): not measured");
}
if (flags.json) console.log(JSON.stringify({ how, runs, measured }, null, 2));
else console.log(table());

async function measure(system: string, n: number, start: () => Promise<BenchCluster>) {
  await using cluster = await start();
  const found: Failover[] = [];
  for (let run = 1; run <= runs; run++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const failover = await cluster.failOver(how);
    found.push(failover);
    const leased = failover.leasedMs === undefined ? "" : `, lease ${ms(failover.leasedMs)}`;
    console.error(`${system}, n = ${n}, run ${run}: agreed ${ms(failover.agreedMs)}${leased}`);
  }
  measured.push({ system, n, runs: found });
}

function table(): string {
  const heading = ["SYSTEM", "N", "RUNS", "AGREED", "WORST", "LEASE", "WORST"];
  return columns(
    heading,
    measured.map(({ system, n, runs }) => {
      const leased = runs.flatMap(({ leasedMs }) => leasedMs ?? []);
      const both = [runs.map(({ agreedMs }) => agreedMs), leased].flatMap((times) =>
        times.length === 0 ? ["-", "-"] : [ms(median(times)), ms(Math.max(...times))]
      );
      return [system, String(n), String(runs.length), ...both];
    }),
  );
}

function median(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function ms(time: number): string {
  return `${Math.round(time)} ms`;
}

function list(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

function check(holds: boolean, wanted: string): void {
  if (holds) return;
  console.error(`wanted is ${wanted}`);
  Deno.exit(1);
}
