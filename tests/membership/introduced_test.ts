/** Large clusters, which start with everyone introduced to everyone. */
import { ok, strictEqual } from "node:assert";
import { stateOf } from "./harness.ts";
import { introducedCluster } from "./introduced.ts";

const SIZE = 160;

Deno.test("one that joins a large cluster does not tell its members of all the others", () => {
  const cluster = introducedCluster(SIZE, { seed: 1 });
  const late = cluster.add({ seeds: [cluster.nodes[3].address] });
  cluster.record = true;
  ok(cluster.runUntil(() => cluster.allSeeAll(), 10_000, 20));
  cluster.runFor(5000);
  const claims = cluster.recorded.filter(({ sender }) => sender === late.identity.id)
    .flatMap(({ message }) => message.claims);
  const told = new Set(claims.map(({ subject }) => subject));
  ok(told.has(late.identity.id));
  // Some introduce themselves before the full state is there.
  ok(told.size < SIZE / 3, `it told of ${told.size}`);
});

Deno.test("in a large cluster at rest each member sends two datagrams a period, and no claims", () => {
  const cluster = introducedCluster(SIZE, { seed: 2, timerLateMs: 50 });
  const before = cluster.nodes.reduce((sum, node) => sum + node.sent, 0);
  cluster.record = true;
  cluster.runFor(10 * cluster.settings.probeIntervalMs);
  const sent = cluster.nodes.reduce((sum, node) => sum + node.sent, 0) - before;
  ok(Math.abs(sent / SIZE / 10 - 2) < 0.1, `${sent / SIZE / 10}`);
  strictEqual(cluster.recorded.flatMap(({ message }) => message.claims).length, 0);
});

Deno.test("in a large cluster a crash is seen by all", () => {
  const cluster = introducedCluster(SIZE, { seed: 3 });
  const [victim] = cluster.nodes;
  cluster.crash(victim);
  const running = cluster.running();
  const isDead = () => running.every((node) => stateOf(node, victim) === "dead");
  ok(cluster.runUntil(isDead, 5000, 20));
});
