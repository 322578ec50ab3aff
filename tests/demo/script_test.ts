/** The demo's story and its failures, over processes that only pretend to be nodes. */
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert";
import { act } from "../../lib/cli/demo/live.ts";
import { agreement } from "../../lib/cli/demo/agreement.ts";
import { playScript, startNodes } from "../../lib/cli/demo/script.ts";
import { summaryText } from "../../lib/cli/demo/summary.ts";
import { DemoFailure, Supervisor } from "../../lib/cli/demo/supervisor.ts";
import { fakeCluster } from "./_fake_cluster.ts";

/** What `rejects` checks a failure of the demo with. */
function failure(code: string, message: RegExp) {
  return (thrown: unknown) => {
    ok(thrown instanceof DemoFailure || thrown instanceof Error);
    match(thrown.message, message);
    strictEqual((thrown as DemoFailure).code, code);
    return true;
  };
}

Deno.test("the script of a roster crashes a leader, hands over and has a liar caught", async () => {
  await using fake = await fakeCluster(4);
  await fake.cluster.launch();
  await playScript(fake.cluster, 4);
  const told = fake.model.steps.map((step) => step.what.replaceAll(/node-\d/g, "node"));
  deepStrictEqual(told.slice(0, 2), ["4 nodes started", "node (leader) killed"]);
  strictEqual(told.at(-1), "node (leader) hands over");
  const [{ liar }] = fake.model.lies;
  strictEqual(fake.model.nodes.get(liar)?.isLiar, true);
  const honest = fake.model.honest().map((node) => node.name);
  strictEqual(honest.length, 3);
  for (const name of honest) ok(fake.model.nodes.get(liar)!.provenBy.has(name), name);
  match(summaryText(fake.model), /liar: node-\d voted twice in term \d+; node-\d, node-\d, /);
});

Deno.test("a proof that does not verify ends the demo as refused", async () => {
  await using fake = await fakeCluster(4);
  await fake.cluster.launch();
  await startNodes(fake.cluster, 4);
  await agreement(fake.cluster);
  fake.hub.broadcast({ event: "fork-evidence", evidence: { forged: true } });
  await rejects(
    fake.cluster.failed,
    failure("refused", /Cannot trust the proof of a lie that node-\d shows: not both are votes/),
  );
});

Deno.test("one key hands over, another makes as many liars as the roster bears", async () => {
  await using fake = await fakeCluster(4);
  const { cluster, model } = fake;
  await cluster.launch();
  await startNodes(cluster, 4);
  await agreement(cluster);
  const before = model.agreed()!.term;
  strictEqual(act(cluster, "h"), undefined);
  strictEqual(act(cluster, "h"), "there is no leader now; wait for the election");
  await agreement(cluster);
  ok(model.agreed()!.term > before);
  match(act(cluster, "t")!, /^node-\d lies from now on; h gives it an election to lie in$/);
  const isLiarIn = () => model.live().some((node) => node.isLiar && node.respected !== undefined);
  await cluster.until(isLiarIn, 60_000, () => ({ what: "the liar has heard of no leader" }));
  await agreement(cluster);
  deepStrictEqual(model.lies, []);
  strictEqual(act(cluster, "h"), undefined);
  await cluster.until(() => model.lies.length > 0, 60_000, () => ({ what: "nobody lies" }));
  strictEqual(act(cluster, "t"), "no more than 1 of 4 may lie in this roster");
  const [{ liar }] = model.lies;
  strictEqual(model.nodes.get(liar)?.isLiar, true);
});

Deno.test("a liar beside a crashed node is more than the roster bears, and the demo says so", async () => {
  await using fake = await fakeCluster(4);
  const { cluster } = fake;
  await cluster.launch();
  await startNodes(cluster, 4);
  await agreement(cluster);
  strictEqual(act(cluster, "k"), undefined);
  await agreement(cluster);
  match(act(cluster, "t")!, /lies from now on: with who is gone, more than this roster promises/);
  await agreement(cluster);
});

Deno.test("the script tells four steps with growing terms", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  await playScript(fake.cluster, 3);
  const { steps } = fake.model;
  const told = steps.map((step) => step.what.replaceAll(/node-\d/g, "node"));
  deepStrictEqual(told, [
    "3 nodes started",
    "node (leader) killed",
    "node joins",
    "node (leader) leaves",
  ]);
  deepStrictEqual(steps.map((step) => step.votesOf), [3, 2, 3, 2]);
  ok(steps.every((step, i) => i === 0 || step.term > steps[i - 1].term));
  match(
    summaryText(fake.model),
    /node-\d \(leader\) killed +\d+ +node-\d +\d+\.\d\d s +yes +2 of 2/,
  );
});

Deno.test("a certificate that does not verify ends the demo as refused", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  await startNodes(fake.cluster, 3);
  await agreement(fake.cluster);
  fake.hub.elect({ forged: true });
  await rejects(
    fake.cluster.failed,
    failure("refused", /Cannot trust the certificate that node-\d respects: .*attested key/),
  );
});

Deno.test("a node that says another certificate id than it shows ends the demo as refused", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  await startNodes(fake.cluster, 3);
  await agreement(fake.cluster);
  const document = { ...fake.model.agreed(), certificateId: "other" };
  fake.hub.broadcast({ event: "leader", certificateId: "one", document });
  await rejects(fake.cluster.failed, failure("refused", /its id is other, the node says one/));
});

Deno.test("a term that goes back ends the demo as refused", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  await startNodes(fake.cluster, 3);
  await agreement(fake.cluster);
  fake.hub.elect({ term: 0 });
  await rejects(fake.cluster.failed, failure("refused", /went back from term \d+ to term 0/));
});

Deno.test("a node that ends by itself ends the demo with its exit code's meaning and its last lines", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  await startNodes(fake.cluster, 3);
  await agreement(fake.cluster);
  fake.hub.tell("node-2", "!exit 3");
  await rejects(fake.cluster.failed, (thrown: DemoFailure) => {
    failure("refused", /node-2 ended with exit code 3/)(thrown);
    strictEqual(thrown.logLines.at(-1), "node-2 | the reason why");
    return true;
  });
});

Deno.test("whoever waits for the cluster is told of its failure", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  const waiting = fake.cluster.until(() => false, 60_000, () => ({ what: "never" }));
  fake.cluster.fail(new Error("interrupted"));
  await rejects(waiting, /interrupted/);
});

Deno.test("a program that cannot be started is a failure in one line", async () => {
  await using supervisor = new Supervisor({ program: "/no/such/program", words: [] }, () => {});
  throws(
    () => supervisor.spawn("node-1", [], { ended: () => "expected" }),
    failure("failure", /\/no\/such\/program cannot be started \(.*\); a free process/),
  );
});

Deno.test("nothing is started any more once the demo is over", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  const starting = startNodes(fake.cluster, 3);
  const refused = rejects(starting, /the demo is over/);
  await fake.cluster[Symbol.asyncDispose]();
  await refused;
  throws(() => fake.cluster.addNode(), /the demo is over/);
});

Deno.test("what does not come in time is an error that says what is missing", async () => {
  await using fake = await fakeCluster();
  await fake.cluster.launch();
  await rejects(
    fake.cluster.until(() => false, 1, () => ({ what: "node-9 is not up" })),
    failure("no-leader", /node-9 is not up after 0.001 s/),
  );
});

Deno.test("keys pause, resume, kill, revive, add and let leave; paused nodes are ended too", async () => {
  await using fake = await fakeCluster();
  const { cluster, hub, model } = fake;
  const state = (name: string) => model.nodes.get(name)?.state;
  await cluster.launch();
  strictEqual(act(cluster, "k"), "there is no leader now; wait for the election");
  strictEqual(act(cluster, "r"), "nobody is paused, killed or gone");
  await startNodes(cluster, 3);
  await agreement(cluster);

  const paused = model.leader()!.name;
  strictEqual(act(cluster, "p"), undefined);
  strictEqual(state(paused), "paused");
  hub.evict(paused);
  await agreement(cluster);
  strictEqual(act(cluster, "r"), undefined);
  hub.readmit(paused);
  await agreement(cluster);
  strictEqual(state(paused), "runs");

  const killed = model.leader()!.name;
  strictEqual(act(cluster, "k"), undefined);
  await agreement(cluster);
  strictEqual(act(cluster, "r"), undefined);
  strictEqual(state(killed), "starting");
  await agreement(cluster);
  strictEqual(state(killed), "runs");

  strictEqual(act(cluster, "a"), undefined);
  await agreement(cluster);
  strictEqual(model.live().length, 4);
  strictEqual(act(cluster, "l"), undefined);
  await agreement(cluster);
  strictEqual(model.live().length, 3);
  strictEqual(act(cluster, "p"), undefined);
});
