/** How long faults last: each as long as it is said to, whatever ends meanwhile, from when it struck. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { FaultPlayer } from "../../lib/simulate/fault_player.ts";
import { drawSchedule, prolongLies } from "../../lib/simulate/fault_schedule.ts";
import type { Fault } from "../../lib/simulate/faults.ts";
import { rosterWorld } from "./_world.ts";

/** A world in which all nodes run, and what strikes it. */
function struck() {
  const world = rosterWorld();
  const player = new FaultPlayer(world, createPrng(1), () => undefined);
  for (const node of world.nodes) node.boot();
  /** Lets faults strike, one a second, each for a time in seconds, and looks in the middle of each second. */
  const looks = <Seen>(faults: readonly [Fault, number][], seconds: number, look: () => Seen) => {
    const seen: Seen[] = [];
    for (let second = 0; second < seconds; second++) {
      const [fault, lasts] = faults[second] ?? [];
      if (fault) strictEqual(player.strike({ ...fault, forMs: lasts! * 1_000 } as Fault), true);
      world.runUntil(world.nowMs + 500);
      seen.push(look());
      world.runUntil(world.nowMs + 500);
    }
    return seen;
  };
  return { world, player, looks };
}

Deno.test("an enclave is as the last fault that still lasts has it", () => {
  const { world: { enclaves: [enclave] }, looks } = struck();
  const mood = (mood: "drops" | "forks"): Fault => ({
    kind: "enclave",
    enclave: 0,
    mood,
    forMs: 0,
  });
  const faults: [Fault, number][] = [[mood("drops"), 4], [mood("forks"), 2], [mood("drops"), 0.8]];
  // The third ends first; then the second counts, and then the first, though the third was of its value.
  deepStrictEqual(looks(faults, 5, () => enclave.mood), [
    "drops",
    "forks",
    "drops",
    "drops",
    "honest",
  ]);
});

Deno.test("of two that make it slow the slower one counts, and the end of one is not the end of the other", () => {
  const { world, looks } = struck();
  const [{ disk }] = world.nodes;
  const slow = (saveMs: number): Fault => ({ kind: "slow-disk", node: 0, saveMs, forMs: 0 });
  const disks = looks([[slow(30), 3], [slow(20), 3]], 5, () => disk.saveMs);
  deepStrictEqual(disks, [30, 30, 30, 20, 0]);

  const [enclave] = world.enclaves;
  const late = (byMs: number): Fault => ({ kind: "slow-enclave", enclave: 0, byMs, forMs: 0 });
  const enclaves = looks([[late(20), 3], [late(30), 1]], 4, () => enclave.slowMs);
  deepStrictEqual(enclaves, [20, 30, 20, 0]);
});

Deno.test("who is out of reach of the enclaves, or out of room, is so until the last fault is over", () => {
  const { world, player, looks } = struck();
  const [node, other] = world.nodes;
  const away: Fault = { kind: "no-enclave", node: 0, forMs: 0 };
  deepStrictEqual(looks([[away, 3], [away, 1]], 4, () => node.isWithoutEnclave), [
    true,
    true,
    true,
    false,
  ]);
  const full = (forMs: number): Fault => ({ kind: "full-disk", node: 1, forMs });
  strictEqual(player.strike(full(3_000)), true);
  strictEqual(player.strike(full(1_000)), true);
  // As the next save would have it.
  other.crash();
  world.runUntil(world.nowMs + 2_000);
  deepStrictEqual([other.disk.isFull, other.isUp], [true, false]);
  world.runUntil(world.nowMs + 1_500);
  deepStrictEqual([other.disk.isFull, other.isUp], [false, true]);
});

Deno.test("who dies in the middle of its effects is down for the time stated, from when it died", () => {
  const { world, player } = struck();
  const [node] = world.nodes;
  // Asleep it carries nothing out: the fault waits for longer than it lasts.
  node.suspend(world.nowMs + 2_000);
  strictEqual(player.strike({ kind: "crash", node: 0, afterEffects: 1, forMs: 300 }), true);
  world.runUntil(world.nowMs + 1_900);
  strictEqual(node.isUp, true);
  const isDown = () => !node.isUp;
  ok(world.runUntil(world.nowMs + 2_000, isDown), "it strikes when the node is awake");
  const diedMs = world.nowMs;
  world.runUntil(diedMs + 299);
  strictEqual(node.isUp, false);
  world.runUntil(diedMs + 301);
  strictEqual(node.isUp, true);
});

Deno.test("an enclave that is to lie until it is called lies on when its time is over, and no longer than to one call", () => {
  const { world, player } = struck();
  const [enclave] = world.enclaves;
  const mood = "chooses";
  const strike = (untilCalled?: true) =>
    player.strike({
      kind: "enclave",
      enclave: 0,
      mood,
      forMs: 100,
      ...(untilCalled && { untilCalled }),
    });
  // Nobody is up who could call it.
  for (const node of world.nodes) node.crash();
  strike();
  world.runUntil(world.nowMs + 200);
  strictEqual(enclave.mood, "honest");

  strike(true);
  world.runUntil(world.nowMs + 5_000);
  strictEqual(enclave.mood, mood);
  enclave.call(world.nodes[0].function.loaded, new Uint8Array());
  world.runUntil(world.nowMs + 100);
  strictEqual(enclave.mood, "honest");

  strike(true);
  enclave.call(world.nodes[0].function.loaded, new Uint8Array());
  world.runUntil(world.nowMs + 99);
  strictEqual(enclave.mood, mood, "not shorter either");
  world.runUntil(world.nowMs + 2);
  strictEqual(enclave.mood, "honest");
});

Deno.test("a schedule has lies that last until a call, and is the same otherwise", () => {
  const schedule = drawSchedule(createPrng(1), {
    mix: "enclaves",
    nodes: 4,
    faultBound: 1,
    enclaves: 2,
    faultsMs: 60_000,
  });
  const prolonged = prolongLies(createPrng(2), schedule);
  const met = prolonged.flatMap(({ fault }) =>
    fault.kind === "enclave" && fault.untilCalled ? [fault.mood] : []
  );
  deepStrictEqual(new Set(met), new Set(["replays", "forks", "chooses", "rerolls"]));
  const plain = prolonged.map(({ atMs, fault }) => {
    if (fault.kind !== "enclave") return { atMs, fault };
    const { untilCalled: _, ...rest } = fault;
    return { atMs, fault: rest };
  });
  deepStrictEqual(plain, schedule);
});
