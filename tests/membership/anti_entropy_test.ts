/** The digest on probes: what gossip missed is there soon, and a digest that never agrees costs little. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { PROFILES } from "../../lib/membership/settings.ts";
import { Solo } from "./_solo.ts";
import { Cluster, type SimNode } from "./harness.ts";

/** Few transmissions and no periodic exchanges, so that much is missed and only the digest can catch it. */
const SETTINGS = { ...PROFILES.local, transmitMult: 1, syncIntervalMs: 3_600_000 };
const T = SETTINGS.probeIntervalMs;

function isKnown(cluster: Cluster, node: SimNode): boolean {
  return cluster.running().every((other) =>
    other === node ||
    other.membership.member(node.identity.id)?.incarnation === node.incarnation
  );
}

/** Somebody accuses the node, so it refutes: one update for everybody that spreads by gossip alone. */
function update(cluster: Cluster, node: SimNode): void {
  const liar = cluster.nodes.find((other) => other !== node)!;
  const { id: subject } = node.identity;
  const accusation = { type: "suspect", subject, incarnation: node.incarnation } as const;
  cluster.deliver({
    sender: liar.identity.id,
    source: liar.address,
    to: node.address,
    message: { kind: "gossip", claims: [liar.identity.signClaim(accusation)] },
  });
}

for (const loss of [0.2, 0.4]) {
  Deno.test(`no update stays incomplete when ${100 * loss} % of the datagrams are lost meanwhile`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = Cluster.formed(20, { seed, settings: SETTINGS });
      cluster.runFor(3000);
      cluster.loss = loss;
      const node = cluster.nodes[seed];
      update(cluster, node);
      cluster.runFor(2 * T);
      cluster.loss = 0;
      ok(cluster.runUntil(() => isKnown(cluster, node), 20 * T), `seed ${seed}`);
    }
  });
}

Deno.test("a node that heard nothing while an update spread has it a few probes later", () => {
  const timesMs: number[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = Cluster.formed(10, { seed, settings: SETTINGS });
    cluster.runFor(3000);
    const [deaf, node] = [cluster.nodes[3], cluster.nodes[7]];
    cluster.partition((other) => other === deaf ? 1 : 0);
    update(cluster, node);
    // Gossip is done with it before the deaf one was missed.
    cluster.runFor(1.2 * T);
    cluster.heal();
    const healedMs = cluster.nowMs;
    ok(cluster.runUntil(() => isKnown(cluster, node), 20 * T), `seed ${seed}`);
    timesMs.push(cluster.nowMs - healedMs);
  }
  timesMs.sort((a, b) => a - b);
  ok(timesMs[5] <= 6 * T, `median ${timesMs[5]} ms`);
});

Deno.test("at rest all views have one digest, and nothing is exchanged", () => {
  const cluster = Cluster.formed(30, { seed: 3, settings: SETTINGS });
  cluster.runFor(20 * T);
  cluster.record = true;
  const before = cluster.nodes.map((node) => node.syncs);
  cluster.runFor(40 * T);
  deepStrictEqual(cluster.nodes.map((node) => node.syncs), before);
  const digests = cluster.recorded.flatMap(({ message }) =>
    "digest" in message ? [message.digest] : []
  );
  ok(digests.length > 1000);
  strictEqual(new Set(digests).size, 1);
});

Deno.test("while the own view changes no member is asked for its state, and once it is at rest one is", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  const asks = () => solo.effects.some(({ type }) => type === "sync");
  for (const puppet of [p, q]) {
    solo.admit(puppet);
    solo.ping(p, 0);
    ok(!asks());
  }
  solo.nowMs += 3 * solo.settings.probeIntervalMs;
  solo.ping(p, 0);
  ok(asks());
});

Deno.test("a liar whose digest never agrees causes ever fewer exchanges", () => {
  const cluster = Cluster.formed(3, { seed: 4, settings: SETTINGS });
  cluster.runFor(20 * T);
  const [node, liar] = cluster.nodes;
  const before = node.syncs;
  const claims: never[] = [];
  const lie = {
    kind: "ping",
    nonce: "0".repeat(16),
    incarnation: liar.incarnation,
    claims,
  } as const;
  for (let i = 0; i < 1000; i++) {
    const digest = i.toString(16).padStart(16, "0");
    cluster.deliver({
      sender: liar.identity.id,
      source: liar.address,
      to: node.address,
      message: { ...lie, digest, head: new Uint8Array(0) },
    });
    cluster.runFor(T / 2);
  }
  // Pauses double from two intervals on: nine exchanges in five hundred intervals.
  ok(node.syncs - before <= 9, `${node.syncs - before}`);
});

Deno.test("a head travels to who showed another one, and to nobody else", () => {
  const cluster = Cluster.formed(5, { seed: 4 });
  const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)];
  for (const node of cluster.nodes) cluster.tell(node, { type: "head", head: first });
  cluster.runFor(20 * T);
  cluster.record = true;
  cluster.runFor(20 * T);
  const heads = () =>
    cluster.recorded.filter(({ message }) => "head" in message && message.head.length > 0);
  strictEqual(heads().length, 0, "all have the same");
  const [ahead, ...behind] = cluster.nodes;
  cluster.tell(ahead, { type: "head", head: second });
  cluster.runFor(10 * T);
  const told = new Set(behind.filter((node) => node.headsSeen.includes("02")));
  strictEqual(told.size, behind.length, "all have heard of the new one");
});
