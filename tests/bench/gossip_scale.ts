/**
 * Large clusters in the deterministic harness: `deno run -A tests/bench/gossip_scale.ts [SIZE…]`, 500 and 2,000 members if not said otherwise.
 * Shows that messages per node and period stay constant and that detection follows the bound of the papers. 2,000 members are four
 * million records in one process: allow it 8 GiB by `--v8-flags=--max-old-space-size=8192`.
 *
 * Prints one line of a Markdown table for each size. The bound for "dead everywhere": the first ping comes after one period in all likelihood
 * (SWIM, section 3.1: each of n nodes probes somebody else every period, so a member is missed for k periods with probability e^-k; k = 3
 * here), then one probe, the suspicion's shortest timeout with a period for the confirmations, and the spread in log10(n) periods.
 */
import { PROFILES } from "../../lib/membership/settings.ts";
import { suspicionBounds } from "../../lib/membership/suspicion.ts";
import { type Cluster, stateOf } from "../membership/harness.ts";
import { introducedCluster } from "../membership/introduced.ts";

const SETTINGS = PROFILES.local;
const T = SETTINGS.probeIntervalMs;
const PERIODS_AT_REST = 20;
const KILLS = 5;

const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [500, 2000];
console.log(
  "| members | messages/node/period | bytes/node/period | exchanges/node/period | first suspect ms | dead everywhere ms (median, worst) | bound ms | introductions, wall s | the rest, wall s | MiB |",
);
console.log("|---|---|---|---|---|---|---|---|---|---|");
for (const size of sizes) console.log(`| ${measure(size).join(" | ")} |`);

function measure(size: number): (string | number)[] {
  const startedMs = performance.now();
  const cluster = introducedCluster(size, { seed: size, timerLateMs: 50 });
  const introducedMs = performance.now();
  // Probes get out of the step in which all began.
  cluster.runFor(5 * T);
  const before = totals(cluster);
  cluster.runFor(PERIODS_AT_REST * T);
  const after = totals(cluster);
  const each = (now: number, then: number) => (now - then) / size / PERIODS_AT_REST;
  const suspects: number[] = [];
  const deaths: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = cluster.nodes[1 + kill * Math.floor((size - 2) / KILLS)];
    const killedMs = cluster.nowMs;
    cluster.crash(victim);
    const running = cluster.running();
    cluster.runUntil(() => running.some((node) => stateOf(node, victim) !== "alive"), 60_000, 10);
    suspects.push(cluster.nowMs - killedMs);
    cluster.runUntil(() => running.every((node) => stateOf(node, victim) === "dead"), 60_000, 10);
    deaths.push(cluster.nowMs - killedMs);
  }
  const { minMs } = suspicionBounds(SETTINGS, size);
  const probeMs = SETTINGS.probeTimeoutMs + SETTINGS.indirectTimeoutMs;
  const boundMs = 3 * T + probeMs + minMs + T + Math.log10(size) * T;
  return [
    size,
    each(after.sent, before.sent).toFixed(3),
    Math.round(each(after.bytes, before.bytes)),
    each(after.syncs, before.syncs).toFixed(4),
    Math.round(median(suspects)),
    `${Math.round(median(deaths))}, ${Math.round(Math.max(...deaths))}`,
    Math.round(boundMs),
    Math.round((introducedMs - startedMs) / 1000),
    Math.round((performance.now() - introducedMs) / 1000),
    Math.round(Deno.memoryUsage().rss / 2 ** 20),
  ];
}

function totals(cluster: Cluster): { sent: number; bytes: number; syncs: number } {
  const total = { sent: 0, bytes: 0, syncs: 0 };
  for (const node of cluster.nodes) {
    total.sent += node.sent;
    total.bytes += node.sentBytes;
    total.syncs += node.syncs;
  }
  return total;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
