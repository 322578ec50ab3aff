/** Several faults of one kind at one place: each lasts as long as it is said to, whatever ends meanwhile. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { FaultPlayer } from "../../lib/simulate/fault_player.ts";
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
