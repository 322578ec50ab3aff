/**
 * A process that dies between any two effects (design §4, "persist, then"): one run counts the effects of each node in an election, a
 * step-down and the election after it; then there is one run for each of them in which the node dies right there and comes back
 * with what it had stored. The harness checks the invariants after every step.
 */
import { ok, strictEqual } from "node:assert";
import { World } from "./harness.ts";

const SIZES = [[1, 0], [3, 0], [4, 1]];
const SUCCESSION = { successor: "checksum-2", signature: "operator" };

function story(world: World, ids: readonly string[]): void {
  world.advance(1_500);
  const [leader] = world.lessees();
  if (leader) world.step(world.node(leader), { type: "step-down" });
  for (let phase = 0; phase < 2; phase++) {
    world.advance(1_500);
    for (const id of ids) if (!world.node(id).isUp) world.boot(id);
  }
}

for (const [n, f] of SIZES) {
  Deno.test(`a node of ${n} may die between any two effects`, () => {
    const seed = 77;
    const whole = new World({ n, f, seed }).start();
    story(whole, []);
    for (const id of whole.ids) {
      const effects = whole.node(id).effects.length;
      ok(effects > 10);
      for (let point = 0; point < effects; point++) {
        const world = new World({ n, f, seed }).start();
        world.node(id).effectsLeft = point;
        story(world, [id]);
        world.node(id).effectsLeft = Infinity;
        const startMs = world.nowMs;
        ok(
          world.advance(8_000, () => world.leaseSeenMs > startMs),
          `no lease after ${id} died at effect ${point}`,
        );
      }
    }
  });
}

Deno.test("a node of 4 may die between any two effects of a succession", () => {
  const run = (id?: string, point = 0) => {
    const world = new World({ n: 4, f: 1, seed: 9 }).start();
    world.advance(1_000);
    for (const node of world.nodes.values()) node.effects.length = 0;
    if (id !== undefined) world.node(id).effectsLeft = point;
    world.step(world.node("a"), { type: "succession", order: SUCCESSION });
    world.advance(1_500);
    if (id !== undefined && !world.node(id).isUp) world.boot(id);
    world.step(world.node("a"), { type: "succession", order: SUCCESSION });
    return world;
  };
  const whole = run();
  for (const id of whole.ids) {
    const effects = whole.node(id).effects.length;
    for (let point = 0; point < effects; point++) {
      const world = run(id, point);
      const isClosed = () =>
        world.ids.every((one) => {
          const { headCertificate } = world.node(one).election;
          return headCertificate !== undefined && headCertificate.leader === undefined;
        });
      ok(world.advance(20_000, isClosed), `not closed after ${id} died at effect ${point}`);
      strictEqual(world.certificates.filter(({ leader }) => leader === undefined).length, 1);
    }
  }
});
