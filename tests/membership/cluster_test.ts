/** Whole clusters in virtual time. A failure names its seed: the same seed fails again. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { PROFILES } from "../../lib/membership/settings.ts";
import { suspicionBounds } from "../../lib/membership/suspicion.ts";
import { Cluster, type SimNode, stateOf } from "./harness.ts";

const LOCAL = PROFILES.local;

for (const size of [2, 3, 5, 25, 100]) {
  Deno.test(`${size} nodes that start together all see each other within 3 s`, () => {
    const cluster = Cluster.formed(size, { seed: size, timerLateMs: 50 });
    ok(cluster.nowMs - 1000 < 3000, `${cluster.nowMs - 1000} ms`);
    strictEqual(cluster.changesOf("fail").length, 0);
  });
}

Deno.test("one that joins fifty is seen by all, and sees all, within half a second", () => {
  const cluster = Cluster.formed(50, { seed: 1 });
  cluster.runFor(5000);
  cluster.add({ seeds: [cluster.nodes[7].address] });
  ok(cluster.runUntil(() => cluster.allSeeAll(), 500));
});

Deno.test("a node that starts before its seed joins when the seed is there", () => {
  const cluster = new Cluster({ seed: 2 });
  const address = { host: "10.0.0.1", port: 9002 };
  const early = cluster.add({ seeds: [address] });
  cluster.runFor(10_000);
  deepStrictEqual(early.reports.map((report) => report.kind), ["seeds-unreachable"]);
  cluster.add();
  ok(cluster.runUntil(() => cluster.allSeeAll(), 1.5 * LOCAL.reconnectIntervalMs));
  deepStrictEqual(early.reports.map((report) => report.kind), [
    "seeds-unreachable",
    "seed-answered",
  ]);
});

Deno.test("a killed node of five is dead everywhere within 2.5 s, on average within 2 s", () => {
  const timesMs: number[] = [];
  for (let seed = 1; seed <= 30; seed++) {
    const cluster = Cluster.formed(5, { seed, timerLateMs: 50 });
    cluster.runFor(2000 + 37 * seed);
    timesMs.push(killTime(cluster, cluster.nodes[seed % 5]));
  }
  const mean = timesMs.reduce((sum, ms) => sum + ms, 0) / timesMs.length;
  ok(mean < 2000, `mean ${mean}`);
  ok(Math.max(...timesMs) < 2500, `worst ${Math.max(...timesMs)}`);
});

for (const size of [3, 10, 40]) {
  Deno.test(`${size} nodes detect a crash within the bound of the papers`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cluster = Cluster.formed(size, { seed, timerLateMs: 50 });
      cluster.runFor(2000);
      const timeMs = killTime(cluster, cluster.nodes[size - 1]);
      // SWIM, section 4.3: each member is probed once in two rounds at worst, by every other; then one probe, one suspicion that at
      // least one other confirms after a slot and a probe of its own, and the spread.
      const { minMs, maxMs } = suspicionBounds(LOCAL, size);
      const firstPingMs = Math.min(2 * size, 8) * LOCAL.probeIntervalMs;
      const probeMs = LOCAL.probeTimeoutMs + LOCAL.indirectTimeoutMs + 100;
      ok(timeMs < firstPingMs + probeMs + Math.min(maxMs, minMs + 4 * LOCAL.probeIntervalMs) + 500);
    }
  });
}

for (const size of [3, 5, 20]) {
  Deno.test(`${size} nodes hold nobody for dead in 10 minutes of 5 % loss and half-second pauses`, () => {
    const cluster = Cluster.formed(size, {
      seed: 11 * size,
      loss: 0.05,
      duplication: 0.05,
      delayMs: [0.2, 20],
      timerLateMs: 50,
    });
    for (let second = 0; second < 600; second += 5) {
      cluster.runFor(5000);
      cluster.pause(cluster.nodes[cluster.prng.below(size)], 500);
    }
    cluster.runFor(5000);
    strictEqual(cluster.changesOf("fail").length, 0);
    ok(cluster.changesOf("suspect").length > 0, "the faults were felt");
    ok(cluster.runUntil(() => cluster.allSeeAll(), 5000));
  });
}

Deno.test("a pause of three probe intervals without faults kills nobody", () => {
  const cluster = Cluster.formed(10, { seed: 3, settings: PROFILES.lan });
  for (const node of cluster.nodes) {
    cluster.runFor(3000);
    cluster.pause(node, 1000);
  }
  cluster.runFor(5000);
  strictEqual(cluster.changesOf("fail").length, 0);
});

Deno.test("a node that was paused does not hold the others for dead when it wakes", () => {
  const cluster = Cluster.formed(5, { seed: 4 });
  cluster.runFor(2000);
  const sleeper = cluster.nodes[2];
  cluster.pause(sleeper, 60_000);
  cluster.runFor(65_000);
  strictEqual(cluster.changesOf("fail").filter(({ by }) => by === sleeper).length, 0);
  ok(cluster.runUntil(() => cluster.allSeeAll(), 10_000), "it comes back by itself");
});

Deno.test("at rest a node sends 2 datagrams each interval, however many there are", () => {
  for (const size of [5, 20, 60]) {
    const cluster = Cluster.formed(size, { seed: 5 });
    cluster.runFor(20_000);
    const before = cluster.nodes.reduce((sum, node) => sum + node.sent, 0);
    cluster.runFor(20_000);
    const sent = cluster.nodes.reduce((sum, node) => sum + node.sent, 0) - before;
    const perInterval = sent / size / (20_000 / LOCAL.probeIntervalMs);
    ok(Math.abs(perInterval - 2) < 0.05, `${perInterval} at ${size}`);
  }
});

Deno.test("a node that leaves is confirmed, known to have left and never held for dead", () => {
  const cluster = Cluster.formed(10, { seed: 6 });
  const leaver = cluster.nodes[4];
  cluster.tell(leaver, { type: "leave" });
  ok(cluster.runUntil(() => leaver.left, LOCAL.leaveTimeoutMs));
  ok(
    cluster.runUntil(
      () => others(cluster, leaver).every((node) => stateOf(node, leaver) === "left"),
      500,
    ),
  );
  cluster.runFor(20_000);
  strictEqual(cluster.changesOf("fail").length, 0);
  strictEqual(leaver.membership.deadlineMs(), undefined);
});

Deno.test("who leaves alone has left at once; who leaves the unreachable gives up in time", () => {
  const alone = new Cluster({ seed: 7 });
  const node = alone.add();
  alone.tell(node, { type: "leave" });
  strictEqual(node.left, true);
  const cluster = Cluster.formed(3, { seed: 7 });
  const [leaver, ...rest] = cluster.nodes;
  for (const other of rest) cluster.crash(other);
  cluster.tell(leaver, { type: "leave" });
  ok(cluster.runUntil(() => leaver.left, LOCAL.leaveTimeoutMs + 100));
});

for (const [size, cutMs] of [[4, 3000], [4, 30_000], [20, 60_000], [40, 20 * 60_000]]) {
  Deno.test(`${size} nodes cut in two for ${cutMs / 1000} s find each other again`, () => {
    const cluster = Cluster.formed(size, { seed: 8 });
    cluster.runFor(2000);
    cluster.partition((node) => cluster.nodes.indexOf(node) % 2);
    cluster.runFor(cutMs);
    cluster.heal();
    ok(cluster.runUntil(() => cluster.allSeeAll(), 2 * LOCAL.reconnectIntervalMs));
  });
}

Deno.test("after a long cut nobody who is well is buried when the halves meet", () => {
  const cluster = Cluster.formed(20, { seed: 9 });
  cluster.partition((node) => cluster.nodes.indexOf(node) % 2);
  cluster.runFor(60_000);
  cluster.heal();
  const healedMs = cluster.nowMs;
  ok(cluster.runUntil(() => cluster.allSeeAll(), 20_000));
  strictEqual(cluster.changesOf("fail").filter(({ atMs }) => atMs > healedMs).length, 0);
});

Deno.test("halves find each other even when the dead have been reaped", () => {
  const settings = { ...LOCAL, reapAfterMs: 60_000 };
  const cluster = Cluster.formed(6, { seed: 10, settings });
  cluster.partition((node) => cluster.nodes.indexOf(node) % 2);
  cluster.runFor(300_000);
  strictEqual(cluster.nodes[0].membership.members().length, 2);
  cluster.heal();
  ok(cluster.runUntil(() => cluster.allSeeAll(), 10 * LOCAL.reconnectIntervalMs));
});

Deno.test("a network whose members were all replaced is found through the seed address", () => {
  const cluster = Cluster.formed(3, { seed: 11 });
  const seed = cluster.nodes[0];
  const outsider = cluster.add({ seeds: [seed.address] });
  cluster.runUntil(() => cluster.allSeeAll(), 5000);
  cluster.partition((node) => node === outsider ? 1 : 0);
  cluster.runFor(30_000);
  for (const node of cluster.nodes.slice(0, 3)) cluster.crash(node);
  cluster.runFor(5000);
  const heir = cluster.add({ address: seed.address });
  cluster.add({ seeds: [seed.address] });
  cluster.heal();
  ok(cluster.runUntil(() => stateOf(outsider, heir) === "alive", 60_000));
  ok(cluster.runUntil(() => cluster.allSeeAll(), 60_000));
});

Deno.test("a node that is restarted at once is never held for dead", () => {
  const cluster = Cluster.formed(5, { seed: 12 });
  const [seed, node] = cluster.nodes;
  cluster.crash(node);
  cluster.runFor(50);
  cluster.restart(node, { seeds: [seed.address] });
  ok(cluster.runUntil(() => cluster.allSeeAll() && knownAs(cluster, node, node.incarnation), 1000));
  cluster.runFor(10_000);
  strictEqual(cluster.changesOf("fail").length, 0);
});

Deno.test("a dead node comes back under a higher incarnation, found through its old members alone", () => {
  const cluster = Cluster.formed(5, { seed: 13 });
  const node = cluster.nodes[3];
  const known = node.membership.snapshot().filter((claim) => claim.type === "alive");
  killTime(cluster, node);
  cluster.restart(node, { known });
  ok(cluster.runUntil(() => cluster.allSeeAll(), 1000));
  strictEqual(knownAs(cluster, node, 1), true);
});

Deno.test("a node that lost its incarnation learns from the others what it had signed", () => {
  const cluster = Cluster.formed(5, { seed: 14 });
  const [seed, node] = cluster.nodes;
  for (let life = 0; life < 3; life++) {
    cluster.crash(node);
    cluster.restart(node, { seeds: [seed.address] });
    cluster.runFor(1000);
  }
  cluster.crash(node);
  node.incarnation = -1;
  cluster.runFor(5000);
  cluster.restart(node, { seeds: [seed.address] });
  ok(cluster.runUntil(() => cluster.allSeeAll(), 5000));
  ok(node.incarnation > 3);
  ok(node.reports.some((report) => report.kind === "own-key-elsewhere"));
});

Deno.test("a node that comes back under another address is the same node", () => {
  const cluster = Cluster.formed(5, { seed: 15 });
  const [seed, old] = cluster.nodes;
  cluster.crash(old);
  const moved = cluster.add({
    identity: old.identity,
    lastIncarnation: old.incarnation,
    seeds: [seed.address],
    label: old.name,
  });
  ok(cluster.runUntil(() => cluster.allSeeAll(), 2000));
  deepStrictEqual(seed.membership.member(old.identity.id)!.address, moved.address);
  strictEqual(seed.membership.members().length, 4);
});

Deno.test("datagrams recorded and played back, in any order, change nothing", () => {
  const cluster = new Cluster({ seed: 16 });
  cluster.record = true;
  const seed = cluster.add();
  for (let i = 0; i < 5; i++) cluster.add({ seeds: [seed.address] });
  cluster.runFor(5000);
  const victim = cluster.nodes[5];
  cluster.tell(victim, { type: "leave" });
  cluster.runFor(5000);
  cluster.restart(victim, { seeds: [seed.address] });
  cluster.runFor(10_000);
  cluster.record = false;
  ok(cluster.allSeeAll());
  const changes = cluster.nodes.map((node) => node.changes.length);
  const incarnations = cluster.nodes.map((node) => node.incarnation);
  for (const datagram of cluster.prng.shuffled(cluster.recorded)) {
    cluster.deliver(datagram);
    if (cluster.prng.below(10) === 0) cluster.runFor(1);
  }
  cluster.runFor(10_000);
  deepStrictEqual(cluster.nodes.map((node) => node.incarnation), incarnations);
  deepStrictEqual(cluster.nodes.map((node) => node.changes.length), changes);
});

Deno.test("a liar who accuses everyone all the time buries nobody", () => {
  const cluster = Cluster.formed(6, { seed: 17 });
  const [liar, ...honest] = cluster.nodes;
  for (let i = 0; i < 600; i++) {
    cluster.runFor(50);
    for (const victim of honest) {
      const incarnation = liar.membership.member(victim.identity.id)!.incarnation;
      const accusation = { type: "suspect", subject: victim.identity.id, incarnation } as const;
      for (const to of honest) {
        cluster.deliver({
          sender: liar.identity.id,
          source: liar.address,
          to: to.address,
          message: { kind: "gossip", claims: [liar.identity.signClaim(accusation)] },
        });
      }
    }
  }
  strictEqual(cluster.changesOf("fail").length, 0);
  // Each accusation costs its victim one raise at most, and no more than one for each probe timeout.
  const most = 600 * 50 / LOCAL.probeTimeoutMs + 10;
  for (const node of honest) ok(node.incarnation <= most, `${node.incarnation}`);
});

Deno.test("the same seed gives the same run", () => {
  const run = () => {
    const cluster = Cluster.formed(8, { seed: 18, loss: 0.1, timerLateMs: 50 });
    cluster.runFor(20_000);
    return cluster.nodes.map((node) => [node.sent, node.sentBytes, node.changes.length]);
  };
  deepStrictEqual(run(), run());
});

function others(cluster: Cluster, node: SimNode): SimNode[] {
  return cluster.running().filter((other) => other !== node);
}

/** Kills a node; gives how long it takes until all others hold it for dead. */
function killTime(cluster: Cluster, victim: SimNode): number {
  const killedMs = cluster.nowMs;
  cluster.crash(victim);
  const settled = () => cluster.running().every((node) => stateOf(node, victim) === "dead");
  ok(cluster.runUntil(settled, 60_000));
  return cluster.nowMs - killedMs;
}

function knownAs(cluster: Cluster, node: SimNode, incarnation: number): boolean {
  return others(cluster, node).every((other) =>
    other.membership.member(node.identity.id)?.incarnation === incarnation
  );
}
