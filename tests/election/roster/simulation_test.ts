/**
 * Roster clusters under everything at once, seed by seed: a phase of faults in which the invariants I1, I2, I3, I5 and I10 are checked after
 * every step, then the world heals (liars stay liars) and a leader with a lease must come about (I7).
 *
 * FUMATA_SEED=7 runs one seed, FUMATA_SEEDS=100000 many.
 */
import { ok } from "node:assert";
import { createPrng } from "../../../lib/base/prng.ts";
import { World } from "./harness.ts";
import { accuse, LIARS } from "./_liars.ts";

const SIZES = [[1, 0], [2, 0], [3, 0], [4, 1], [5, 0], [5, 1], [7, 1], [7, 2]];
const SEEDS = Number(Deno.env.get("FUMATA_SEEDS") ?? 240);
const ONLY = Deno.env.get("FUMATA_SEED");

const FAULTS_MS = 5_000;
const HEAL_MS = 25_000;

for (const [n, f] of SIZES) {
  Deno.test(`${n} nodes, ${f} of them liars, keep the invariants and elect when healed`, () => {
    const seeds = ONLY === undefined
      ? Array.from({ length: Math.ceil(SEEDS / SIZES.length) }, (_, i) => i + 1)
      : [Number(ONLY)];
    for (const seed of seeds) {
      try {
        run(n, f, seed);
      } catch (thrown) {
        throw new Error(`FUMATA_SEED=${seed} with n=${n}, f=${f}: ${(thrown as Error).message}`, {
          cause: thrown,
        });
      }
    }
  });
}

function run(n: number, f: number, seed: number): void {
  const prng = createPrng(seed * 1_000 + n * 10 + f);
  // Clocks that run apart by much in some runs, so that the margin of leases is needed.
  const settings = { driftRate: [0.002, 0.05][prng.below(2)] };
  // Leaders that may stay in every third run.
  const sticky = seed % 3 === 0 ? { stickyTenureMax: seed % 2 === 0 ? 2 : Infinity } : {};
  const world = new World({ n, f, seed, settings, ...sticky });
  world.keepSent = false;
  const recorded = record(world);
  const liars = prng.shuffled(world.ids).slice(0, f);
  for (const id of liars) {
    const kinds = Object.values(LIARS);
    world.node(id).liar = kinds[prng.below(kinds.length)](id);
    accuse(world, id, prng.shuffled(world.ids).slice(0, 1 + prng.below(n)));
  }
  world.start();
  const endMs = world.nowMs + FAULTS_MS;
  world.lossRate = prng.below(3) * 0.1;
  world.doubleRate = prng.below(3) * 0.1;
  world.delayMs = [1, [8, 40, 250][prng.below(3)]];
  while (world.nowMs < endMs) {
    world.advance(20 + prng.below(200));
    disturb(world, prng, recorded);
  }
  heal(world);
  const healedMs = world.nowMs;
  if (ONLY !== undefined) world.keepSent = true;
  const isLed = world.advance(HEAL_MS, () => world.leaseSeenMs > healedMs);
  if (!isLed && ONLY !== undefined) console.log(world.trace());
  ok(isLed, "I7: no lease after the healing");
}

type Replay = () => void;

/** Remembers messages of the past, to be delivered again. */
function record(world: World): Replay[] {
  const replays: Replay[] = [];
  const arrive = world.arrive.bind(world);
  world.arrive = (sent) => {
    if (replays.length < 400) replays.push(() => arrive(sent));
    else replays[world.prng.below(400)] = () => arrive(sent);
    arrive(sent);
  };
  return replays;
}

function disturb(world: World, prng: ReturnType<typeof createPrng>, replays: Replay[]): void {
  const id = world.ids[prng.below(world.ids.length)];
  const node = world.node(id);
  switch (prng.below(14)) {
    case 0:
      if (node.isUp) world.crash(id);
      return;
    case 1:
      if (node.isUp) node.effectsLeft = prng.below(12);
      return;
    case 2:
    case 3:
    case 4:
      for (const other of world.nodes.values()) if (!other.isUp) world.boot(other.id);
      return;
    case 5: {
      const side = new Set(prng.shuffled(world.ids).slice(0, 1 + prng.below(world.ids.length)));
      world.link = (from, to) => side.has(from) === side.has(to);
      return;
    }
    case 6: {
      const [from, to] = prng.shuffled(world.ids);
      world.link = (a, b) => !(a === from && b === to);
      return;
    }
    case 7:
      world.link = () => true;
      return;
    case 8:
      if (node.isUp) world.suspend(id, 50 + prng.below(1_500));
      return;
    case 9:
      if (node.isUp) world.pause(id, 50 + prng.below(1_500));
      return;
    case 10:
      for (let i = 0; i < 10; i++) replays[prng.below(replays.length)]?.();
      return;
    case 11:
      node.enclave = prng.below(2) === 0 ? "up" : "down";
      if (node.isUp && prng.below(4) === 0) world.step(node, { type: "step-down" });
      return;
    case 12: {
      // The leader is cut off and all the others start anew: none of them knows what it promised.
      const [leader] = world.lessees();
      if (leader === undefined) return;
      world.link = (from, to) => from !== leader && to !== leader;
      for (const other of world.ids) {
        if (other === leader || !world.node(other).isUp) continue;
        world.crash(other);
        world.boot(other);
      }
      return;
    }
    case 13: {
      const [leader] = world.lessees();
      if (leader !== undefined) world.link = (from, to) => from !== leader && to !== leader;
      return;
    }
  }
}

function heal(world: World): void {
  world.link = () => true;
  world.lossRate = world.doubleRate = 0;
  world.delayMs = [1, 8];
  for (const node of world.nodes.values()) {
    node.enclave = "up";
    node.effectsLeft = Infinity;
    if (!node.isUp && node.failStopped === undefined) world.boot(node.id);
  }
}
