/** A leader that goes: hands over after what ran under its lease has stopped. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert";
import { handOver } from "../../lib/node/hand_over.ts";
import { leaseHolder, rosterWorld } from "./_roster.ts";

Deno.test("a hand-over waits for sub-leases, and is nothing to a node that does not lead", async () => {
  await using world = await rosterWorld(3, 0);
  await using nodes = new AsyncDisposableStack();
  const started = world.startAll().map((node) => nodes.use(node));
  const leader = await leaseHolder(started);
  const follower = started.find((node) => node !== leader)!;
  ok(await handOver(follower.node, 60_000));
  strictEqual(
    follower.listener.said.some(({ event }) => event === "election-stepping-down"),
    false,
  );

  const { node, listener } = leader;
  const certificateId = node.leader!.id;
  ok("grantedMs" in node.subLeases.take("a", "x", 60_000));
  const over = handOver(node, 60_000);
  await listener.until(({ event }) => event === "lease-lost");
  deepStrictEqual(node.subLeases.take("a", "x", 60_000), { refused: "no-lease" });
  strictEqual(node.leader?.id, certificateId, "not yet: somebody may act under the lease");
  node.subLeases.giveBack("a", "x");
  ok(await over);
  notStrictEqual(node.leader?.id, certificateId);
});

Deno.test("a hand-over is given up when its time is over", async () => {
  await using world = await rosterWorld(3, 0);
  await using nodes = new AsyncDisposableStack();
  const started = world.startAll().map((node) => nodes.use(node));
  const { node } = await leaseHolder(started);
  ok("grantedMs" in node.subLeases.take("a", "x", 60_000));
  strictEqual(await handOver(node, 0), false);
});
