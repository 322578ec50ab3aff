/**
 * How fair the draws are (I8, the draw itself): 100,000 draws under `random` and under `weighted` for rosters of 4, 7 and 10, each voter's
 * share against what its weight promises, with everybody there and with the liars left out.
 *
 * ```sh
 * deno run -A tests/bench/fairness.ts
 * ```
 *
 * A share may be off by five standard deviations of a binomial draw: of the shares printed here, one in 1.7 million would be, by chance.
 * Ends with 1 when one is. Beacons are hashes of a counter, so that every run prints the same.
 */
import {
  bitmapOf,
  drawRosterLeader,
  type RosterNode,
  type RosterPolicy,
} from "../../function/leader-election/roster_rules.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";

/** Draws of each policy over all rosters and situations. */
const DRAWS = 100_000;
const DEVIATIONS_MAX = 5;
const DOMAIN = { checksum: sha256(utf8("fairness")), cluster: "fairness" };
const POLICIES: readonly RosterPolicy[] = ["random", "weighted"];
const VOTERS: readonly number[] = [4, 7, 10];

/** Who takes part, of how many voters and liars. */
interface Situation {
  readonly name: string;
  takesPart(index: number, voters: number, liars: number): boolean;
}

const SITUATIONS: readonly Situation[] = [
  { name: "everybody", takesPart: () => true },
  { name: "without liars", takesPart: (index, voters, liars) => index < voters - liars },
];

/** What was counted of one voter. */
interface Share {
  readonly name: string;
  readonly wanted: number;
  readonly found: number;
  /** Distance in standard deviations. */
  readonly deviations: number;
}

function rosterOf(voters: number): RosterNode[] {
  return Array.from({ length: voters }, (_, i) => ({
    id: sha256(utf8(`voter ${i}`)),
    name: `v${i + 1}`,
    weight: 1 + i % 2,
  }));
}

/** Draws so many leaders and counts. */
function sharesOf(
  policy: RosterPolicy,
  roster: readonly RosterNode[],
  active: readonly number[],
  draws: number,
): Share[] {
  const proposal = {
    bitmap: bitmapOf(roster.length, active),
    incumbent: new Uint8Array(),
    tenure: 0,
  };
  const rules = { policy, sticky: false, maxTenure: 0 };
  const wins = new Map<RosterNode, number>();
  for (let i = 0; i < draws; i++) {
    const beacon = sha256(utf8(`beacon ${policy} ${roster.length} ${active.join()} ${i}`));
    const leader = drawRosterLeader(sha256, DOMAIN, rules, beacon, roster, proposal)!;
    wins.set(leader, (wins.get(leader) ?? 0) + 1);
  }
  const weightOf = (node: RosterNode) => policy === "weighted" ? node.weight : 1;
  const whole = active.reduce((sum, index) => sum + weightOf(roster[index]), 0);
  return active.map((index) => {
    const wanted = weightOf(roster[index]) / whole;
    const found = (wins.get(roster[index]) ?? 0) / draws;
    const deviation = Math.sqrt(wanted * (1 - wanted) / draws);
    return { name: roster[index].name, wanted, found, deviations: (found - wanted) / deviation };
  });
}

function percent(share: number): string {
  return (100 * share).toFixed(2).padStart(6);
}

let worst = 0;
const startedMs = performance.now();
for (const policy of POLICIES) {
  const draws = Math.ceil(DRAWS / (VOTERS.length * SITUATIONS.length));
  for (const voters of VOTERS) {
    const liars = Math.floor((voters - 1) / 3);
    const roster = rosterOf(voters);
    for (const { name, takesPart } of SITUATIONS) {
      const active = [...roster.keys()].filter((index) => takesPart(index, voters, liars));
      const shares = sharesOf(policy, roster, active, draws);
      const off = Math.max(...shares.map(({ deviations }) => Math.abs(deviations)));
      worst = Math.max(worst, off);
      console.log(`${policy}, n = ${voters}, f = ${liars}, ${name}: ${draws} draws`);
      console.log(
        `  found  % ${shares.map((share) => `${share.name} ${percent(share.found)}`).join("  ")}`,
      );
      console.log(
        `  wanted % ${shares.map((share) => `${share.name} ${percent(share.wanted)}`).join("  ")}`,
      );
      const held = liars / active.length;
      if (policy === "random" && name === "everybody") {
        const taken = shares.slice(-liars).reduce((sum, { found }) => sum + found, 0);
        console.log(`  the ${liars} liars together ${percent(taken)} %, bound ${percent(held)} %`);
      }
      console.log(`  farthest off: ${off.toFixed(2)} standard deviations`);
    }
  }
}
const seconds = (performance.now() - startedMs) / 1000;
const isFair = worst <= DEVIATIONS_MAX;
console.log(
  `${isFair ? "fair" : "NOT FAIR"}: ${2 * DRAWS} draws in ${seconds.toFixed(1)} s, farthest off ${
    worst.toFixed(2)
  } of at most ${DEVIATIONS_MAX} standard deviations`,
);
if (!isFair) Deno.exit(1);
