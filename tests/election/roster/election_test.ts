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

Deno.test("a leader that dies is replaced", () => {
  const world = new World({ n: 3, seed: 5 }).start();
  world.advance(2_000);
  const [first] = world.lessees();
  world.crash(first);
  const killedMs = world.nowMs;
  ok(world.advance(2_000, () => world.lessees().length === 1));
  ok(world.nowMs - killedMs < 1_200, `${world.nowMs - killedMs} ms`);
});
