/** What an operator asks of a running node, and what the operator is told: join, give up, flapping members. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { PROFILES } from "../../lib/membership/settings.ts";
import { Cluster, type SimNode, stateOf } from "./harness.ts";

const LOCAL = PROFILES.local;

function kill(cluster: Cluster, victim: SimNode): void {
  cluster.crash(victim);
  const dead = () => cluster.running().every((node) => stateOf(node, victim) === "dead");
  ok(cluster.runUntil(dead, 30_000));
}

Deno.test("seeds that an operator names are all tried at once, and each that answers is reported", () => {
  const cluster = Cluster.formed(3, { seed: 41 });
  const islands = [cluster.add(), cluster.add()];
  const nobody = { host: "10.0.0.1", port: 1 };
  const node = cluster.nodes[0];
  const seeds = [islands[0].address, nobody, islands[1].address];
  cluster.tell(node, { type: "join", seeds });
  const answered = () =>
    node.reports.flatMap((report) => report.kind === "seed-answered" ? [report.id] : []);
  ok(cluster.runUntil(() => answered().length === 2, LOCAL.probeTimeoutMs));
  deepStrictEqual(answered().sort(), islands.map((island) => island.identity.id).sort());
  ok(cluster.runUntil(() => cluster.allSeeAll(), 20_000));
  // Asking again reports again: who asks wants an answer.
  cluster.tell(node, { type: "join", seeds: [islands[0].address] });
  ok(cluster.runUntil(() => answered().length === 3, LOCAL.probeTimeoutMs));
});

Deno.test("a dead member that is given up is forgotten and no longer looked for, but may come back", () => {
  const cluster = Cluster.formed(4, { seed: 42 });
  const [node, seed, , victim] = cluster.nodes;
  kill(cluster, victim);
  cluster.tell(node, { type: "give-up", id: victim.identity.id });
  strictEqual(stateOf(node, victim), undefined);
  strictEqual(node.changes.at(-1)!.change.kind, "reap");
  cluster.record = true;
  cluster.runFor(10 * LOCAL.reconnectIntervalMs);
  const tries = (by: SimNode) =>
    cluster.recorded.filter(({ sender, to, message }) =>
      sender === by.identity.id && to === victim.address && message.kind === "ping"
    ).length;
  strictEqual(tries(node), 0);
  ok(tries(seed) > 0);
  strictEqual(stateOf(node, victim), undefined, "full states of others do not bring it back");
  cluster.restart(victim, { seeds: [seed.address] });
  ok(cluster.runUntil(() => cluster.allSeeAll(), 5000));
});

Deno.test("a suspect that is given up is dead for the others too; one that is alive stays", () => {
  const cluster = Cluster.formed(4, { seed: 43 });
  const [node, other, well, victim] = cluster.nodes;
  cluster.tell(node, { type: "give-up", id: well.identity.id });
  strictEqual(stateOf(node, well), "alive");
  cluster.crash(victim);
  ok(cluster.runUntil(() => stateOf(node, victim) === "suspect", 10_000));
  cluster.tell(node, { type: "give-up", id: victim.identity.id });
  strictEqual(stateOf(node, victim), undefined);
  ok(cluster.runUntil(() => stateOf(other, victim) === "dead", 3 * LOCAL.gossipIntervalMs));
});

Deno.test("a member that fails and comes back three times within the window flaps, once", () => {
  const cluster = Cluster.formed(4, { seed: 44 });
  const [seed, , , victim] = cluster.nodes;
  const flaps = () => cluster.changesOf("flap").filter(({ by }) => by === seed).length;
  for (let life = 0; life < 3; life++) {
    strictEqual(flaps(), 0);
    kill(cluster, victim);
    cluster.restart(victim, { seeds: [seed.address] });
    ok(cluster.runUntil(() => cluster.allSeeAll(), 5000));
  }
  strictEqual(flaps(), 1);
});

Deno.test("returns that lie further apart than the window are no flap", () => {
  const cluster = Cluster.formed(3, { seed: 45 });
  const [seed, , victim] = cluster.nodes;
  for (let life = 0; life < 4; life++) {
    kill(cluster, victim);
    cluster.restart(victim, { seeds: [seed.address] });
    ok(cluster.runUntil(() => cluster.allSeeAll(), 5000));
    cluster.runFor(LOCAL.flapWindowMs / 2);
  }
  strictEqual(cluster.changesOf("flap").length, 0);
});
