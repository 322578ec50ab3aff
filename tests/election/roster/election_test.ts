/** Elections of roster clusters in a fault-free or slowly failing world. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { World } from "./harness.ts";

const SIZES = [[1, 0], [2, 0], [3, 0], [4, 0], [4, 1], [5, 0], [5, 1], [7, 0], [7, 1], [7, 2]];

for (const [n, f] of SIZES) {
  Deno.test(`a cluster of ${n} with ${f} faults elects one leader that holds its lease`, () => {
    const world = new World({ n, f, seed: n }).start();
    ok(world.advance(3_000, () => world.lessees().length === 1));
    world.advance(2_000);
    strictEqual(world.certificates.length, 1);
    const [leader] = world.lessees();
    for (const node of world.nodes.values()) strictEqual(node.leader?.leader, leader);
  });

  Deno.test(`a fault-free election of ${n} with ${f} faults takes 3(n-1)+2 messages`, () => {
    const world = new World({ n, f, ownViews: false });
    world.start();
    world.setViews();
    world.advance(2_000, () => world.ids.every((id) => world.node(id).election.head.term === 1));
    const election = world.sent.filter(({ message }) =>
      message.kind !== "heartbeat" && message.kind !== "lease-ack"
    );
    // The call of the enclave and its answer are the two.
    strictEqual(election.length + 2 * world.enclaveCalls, 3 * (n - 1) + 2);
    deepStrictEqual(world.certificates.map(({ proposal }) => proposal.term), [1]);
  });
}

for (const n of [3, 5, 9]) {
  Deno.test(`a leader of ${n} that dies is replaced within the lease and an election, mostly`, () => {
    const { agreed, leased } = failovers(n, 40);
    const [median, worst] = [agreed[20], agreed[39]];
    // The last heartbeat is up to a quarter of the lease old; a dead collector costs one more round.
    ok(median < 520, `median ${median} ms`);
    ok(worst < 700, `worst ${worst} ms`);
    ok(leased[20] < 540 && leased[39] < 720, `lease: ${leased[20]} and ${leased[39]} ms`);
  });

  Deno.test(`a planned hand-over of ${n} takes less than 100 ms`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World({ n, seed }).start();
      world.advance(2_000 + 13 * seed);
      const [first] = world.lessees();
      const startMs = world.nowMs;
      world.step(world.node(first), { type: "step-down" });
      ok(world.advance(1_000, () => world.lessees().some((id) => id !== first)));
      ok(world.nowMs - startMs < 100, `${world.nowMs - startMs} ms with seed ${seed}`);
    }
  });
}

/** Times in ms from the death of a leader until all survivors hold the next certificate, and until its leader holds a lease; sorted. */
function failovers(n: number, runs: number): { agreed: number[]; leased: number[] } {
  const agreed: number[] = [];
  const leased: number[] = [];
  for (let seed = 1; seed <= runs; seed++) {
    const world = new World({ n, seed }).start();
    world.advance(2_000 + 13 * seed);
    const [first] = world.lessees();
    const { term } = world.node(first).election.head;
    world.crash(first);
    const killedMs = world.nowMs;
    const survivors = world.ids.filter((id) => id !== first);
    ok(
      world.advance(5_000, () => survivors.every((id) => world.node(id).election.head.term > term)),
    );
    agreed.push(world.nowMs - killedMs);
    ok(world.advance(5_000, () => world.lessees().length === 1));
    leased.push(world.nowMs - killedMs);
  }
  return { agreed: agreed.sort((a, b) => a - b), leased: leased.sort((a, b) => a - b) };
}
