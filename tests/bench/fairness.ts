/**
 * How fair elections are (I8): 100,000 elections in the harness, half under `random` and half under `weighted`, for rosters of 4, 7 and 10, with
 * everybody honest and with `f` liars who withhold certificates, pick and accuse. Each share beside what was its due. Some ten minutes.
 *
 * ```sh
 * deno task bench:fairness
 * deno task bench:fairness --elections 1200
 * ```
 *
 * An honest voter's share may be off by five standard deviations of a binomial draw, either way; the liars' share may be above the
 * bound of I8 by as much, by chance once in 3.5 million series. Ends with 1 when one is. Every run prints the same.
 */
import type { RosterPolicy } from "../../function/leader-election/roster_rules.ts";
import { taskFlags } from "../_flags.ts";
import { runSeries, type Series, type Share } from "./_fairness_world.ts";

const DEVIATIONS_MAX = 5;
const POLICIES: readonly RosterPolicy[] = ["random", "weighted"];
const VOTERS: readonly number[] = [4, 7, 10];

const elections = Number(taskFlags(Deno.args, { string: ["elections"] }).elections ?? 100_000);
if (!Number.isSafeInteger(elections) || elections < 1) {
  console.error(`Cannot run ${elections} elections: a whole number is wanted`);
  Deno.exit(2);
}

/** Standard deviations away from what was due. */
function deviationsOf({ won, due, variance }: Share): number {
  return variance === 0 ? 0 : (won - due) / Math.sqrt(variance);
}

/** Prints a series; gives how far off it is in the direction that counts. */
function report({ policy, voters, faultBound, hasLiars, elections }: Series, shares: Share[]) {
  const who = hasLiars ? `${faultBound} of them liars` : "all honest";
  console.log(`${policy}, ${voters} voters, ${who}: ${elections} elections`);
  const percent = (count: number) => (100 * count / elections).toFixed(2).padStart(6);
  const row = (what: string, count: (share: Share) => number) =>
    console.log(`  ${what} % ${shares.map((s) => `${s.name} ${percent(count(s))}`).join("  ")}`);
  row("won  ", ({ won }) => won);
  row(hasLiars ? "bound" : "due  ", ({ due }) => due);
  const off = Math.max(
    ...shares.map((share) => hasLiars ? deviationsOf(share) : Math.abs(deviationsOf(share))),
  );
  console.log(`  farthest off: ${off.toFixed(2)} standard deviations`);
  return off;
}

const startedMs = performance.now();
const each = Math.ceil(elections / (2 * POLICIES.length * VOTERS.length));
let worst = -Infinity;
for (const policy of POLICIES) {
  for (const voters of VOTERS) {
    for (const hasLiars of [false, true]) {
      const faultBound = Math.floor((voters - 1) / 3);
      const series = { policy, voters, faultBound, hasLiars, elections: each };
      worst = Math.max(worst, report(series, runSeries(series)));
    }
  }
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
const isFair = worst <= DEVIATIONS_MAX;
console.log(
  `${isFair ? "fair" : "NOT FAIR"}: ${12 * each} elections in ${seconds} s, farthest off ${
    worst.toFixed(2)
  } of at most ${DEVIATIONS_MAX} standard deviations`,
);
if (!isFair) Deno.exit(1);
