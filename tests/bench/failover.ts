/**
 * How long a cluster is without a leader: real processes on this machine, the leader is killed, stopped, cut off or asked to hand over again and
 * again, and the clock runs from just before that until all survivors hold the next verified certificate, and until the new leader holds
 * its lease. etcd (Debian's `etcd-server`, its defaults) is measured in the same run in the same way, where it is installed.
 *
 * ```sh
 * deno run -A tests/bench/failover.ts [--n 3,5,9,25] [--runs 20] [--timing lan,local] [--how kill,stop,drop] [--rest 30] [--write] [--json]
 * ```
 *
 * fumata's times are taken when its log lines have been read here, etcd's when an answer of its HTTP interface has: both include the
 * way to this process. etcd has no lease that its leader must win, so that column is empty for it; `etcdctl lock --ttl 2` is what comes near.
 * Packets are counted and dropped in a network namespace that the bench makes for itself; without the right to, it says what it skips.
 * `--write` puts the tables into `tests/bench/README.md`.
 */
import { taskFlags } from "../_flags.ts";
import { certificatesPerSecond } from "./_certificate_rate.ts";
import { type Counted, countElection } from "./_election_messages.ts";
import { EtcdCluster } from "./_etcd_cluster.ts";
import { FumataCluster } from "./_fumata_cluster.ts";
import { isIsolated, isolate, loopbackPackets } from "./_isolation.ts";
import { type BenchCluster, type Failover, type How, HOWS, type Steps } from "./_types.ts";

const NODES_MAX = 25;
/** Between two failovers, so that everyone has met everyone again. */
const PAUSE_MS = 1_000;
/** Sizes for which the messages of an election are counted: in this process, where many nodes are slow. */
const COUNTED_SIZES = [3, 5, 9];
/** Sessions that ask one enclave host at a time, and for how long. */
const SESSIONS = [1, 4];
const RATE_SECONDS = 5;

const flags = taskFlags(Deno.args, {
  string: ["n", "timing", "how", "runs", "rest"],
  boolean: ["json", "write"],
});
const sizes = list(flags.n ?? "3,5,9,25").map(Number);
const timings = list(flags.timing ?? "lan,local");
const runs = Number(flags.runs ?? 20);
const restS = Number(flags.rest ?? 30);
const wantedHows = list(flags.how ?? HOWS.join(","));
check(sizes.every((n) => Number.isInteger(n) && n >= 3 && n <= NODES_MAX), `--n: 3..${NODES_MAX}`);
check(Number.isInteger(runs) && runs >= 1, "--runs: a whole number from 1");
check(restS > 0, "--rest: seconds");
check(timings.every((timing) => timing === "lan" || timing === "local"), "--timing: lan, local");
check(wantedHows.every((how) => HOWS.includes(how as How)), `--how: ${HOWS.join(", ")}`);

await isolate(import.meta.filename!);
if (!isIsolated()) {
  console.error("no network namespace can be made here: packets are neither counted nor dropped");
}
const hows = HOWS.filter((how) => wantedHows.includes(how) && (how !== "drop" || isIsolated()));

interface Row {
  readonly system: string;
  readonly n: number;
  /** What happened to the leader. */
  readonly what: How | "hand over" | "lock --ttl 2";
  readonly failovers: readonly Failover[];
}

interface AtRest {
  readonly system: string;
  readonly n: number;
  readonly packetsPerSecondAndNode: number;
}

const rows: Row[] = [];
const atRest: AtRest[] = [];
const rates: { readonly sessions: number; readonly perSecond: number }[] = [];

for (const n of sizes) {
  for (const timing of timings as ("lan" | "local")[]) {
    await using cluster = await FumataCluster.start(n, timing);
    await measure(`fumata, ${timing}`, n, cluster);
    if (rates.length > 0) continue;
    for (const sessions of SESSIONS) {
      const perSecond = await certificatesPerSecond(cluster, sessions, RATE_SECONDS);
      rates.push({ sessions, perSecond });
    }
  }
  if (!await EtcdCluster.isInstalled()) {
    console.error("etcd is not installed (Debian: etcd-server, etcd-client): not measured");
    continue;
  }
  await using cluster = await EtcdCluster.start(n);
  await measure("etcd, defaults", n, cluster);
  await repeat("etcd, defaults", n, "lock --ttl 2", async () => {
    const tookMs = await cluster.passLock();
    return { agreedMs: tookMs };
  });
}
const counted: Counted[] = [];
for (const n of COUNTED_SIZES) counted.push(await countElection(n));

if (flags.json) console.log(JSON.stringify({ runs, rows, atRest, rates, counted }, null, 2));
else console.log(report());
if (flags.write) await write(report());

async function measure(system: string, n: number, cluster: BenchCluster): Promise<void> {
  if (isIsolated()) {
    await pause(PAUSE_MS);
    const before = await loopbackPackets();
    await pause(1000 * restS);
    const packets = await loopbackPackets() - before;
    atRest.push({ system, n, packetsPerSecondAndNode: packets / restS / n });
  }
  for (const how of hows) await repeat(system, n, how, () => cluster.failOver(how));
  if (cluster.handOver) await repeat(system, n, "hand over", () => cluster.handOver!());
}

async function repeat(
  system: string,
  n: number,
  what: Row["what"],
  act: () => Promise<Failover>,
): Promise<void> {
  const failovers: Failover[] = [];
  for (let run = 1; run <= runs; run++) {
    await pause(PAUSE_MS);
    const failover = await act();
    failovers.push(failover);
    const leased = failover.leasedMs === undefined ? "" : `, lease ${ms(failover.leasedMs)}`;
    console.error(`${system}, n = ${n}, ${what} ${run}: agreed ${ms(failover.agreedMs)}${leased}`);
  }
  rows.push({ system, n, what, failovers });
}

function report(): string {
  const times = table(
    ["system", "n", "leader", "runs", "agreed", "worst", "lease", "worst"],
    rows.map(({ system, n, what, failovers }) => {
      const leased = failovers.flatMap(({ leasedMs }) => leasedMs ?? []);
      const both = [failovers.map(({ agreedMs }) => agreedMs), leased].flatMap((times) =>
        times.length === 0 ? ["-", "-"] : [ms(median(times)), ms(Math.max(...times))]
      );
      return [system, String(n), what, String(failovers.length), ...both];
    }),
  );
  const names = ["detection", "candidacy", "votes", "enclave", "spread"] as const;
  const steps = table(
    ["system", "n", "leader", ...names],
    rows.flatMap(({ system, n, what, failovers }) => {
      const known = failovers.flatMap(({ steps }) => steps ?? []);
      if (known.length === 0) return [];
      const medianOf = (name: keyof Steps) => ms(median(known.map((steps) => steps[name])));
      return [[system, String(n), what, ...names.map(medianOf)]];
    }),
  );
  const rest = table(
    ["system", "n", "packets/s a node"],
    atRest.map(({ system, n, packetsPerSecondAndNode }) => [
      system,
      String(n),
      packetsPerSecondAndNode.toFixed(1),
    ]),
  );
  const messages = table(
    ["n", "messages", "enclave calls", "total", "3(n-1)+2"],
    counted.map(({ n, byKind, enclaveCalls, total }) => [
      String(n),
      Object.entries(byKind).map(([kind, count]) => `${count} ${kind}`).join(", "),
      String(enclaveCalls),
      String(total),
      String(3 * (n - 1) + 2),
    ]),
  );
  const rate = table(
    ["sessions", "certificates/s of one host"],
    rates.map(({ sessions, perSecond }) => [String(sessions), perSecond.toFixed(0)]),
  );
  return [
    "Time without a leader:",
    times,
    "Where it goes (medians):",
    steps,
    `Packets at rest, over ${restS} s, of all kinds and in both directions counted once:`,
    rest,
    "Messages of one fault-free election, counted:",
    messages,
    rate,
  ].join("\n\n");
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
}

async function write(text: string): Promise<void> {
  const path = new URL("README.md", import.meta.url);
  const [begin, end] = ["<!-- failover -->", "<!-- /failover -->"];
  const [before, rest] = (await Deno.readTextFile(path)).split(begin);
  const how = `\`deno run -A tests/bench/failover.ts ${Deno.args.join(" ")}\`, ${
    new Date().toISOString().slice(0, 10)
  }, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}.`;
  const after = rest.split(end)[1];
  await Deno.writeTextFile(path, `${before}${begin}\n\n${how}\n\n${text}\n\n${end}${after}`);
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function check(holds: boolean, wanted: string): void {
  if (holds) return;
  console.error(`wanted is ${wanted}`);
  Deno.exit(1);
}
