/** The demo's model: when nodes agree, what a change took, what breaks a promise. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { DemoModel, type Respected } from "../../lib/cli/demo/model.ts";
import { demoView } from "../../lib/cli/demo/demo_view.ts";

/** Nodes `a`, `b`, … that run, with ids in capitals. */
function running(...names: string[]): DemoModel {
  const model = new DemoModel(0);
  for (const name of names) {
    model.starting(name, `${name} started`, 0);
    model.started(name, name.toUpperCase(), "127.0.0.1:1", 0);
  }
  return model;
}

function certificate(term: number, leader: string, active: string): Respected {
  const ids = [...active.toUpperCase()];
  return {
    certificateId: `${term}${leader}${active}`,
    term,
    leader: leader.toUpperCase(),
    leaderName: leader,
    active: ids,
    votes: 2,
  };
}

function allRespect(model: DemoModel, respected: Respected, nowMs: number): void {
  for (const node of model.live()) model.respects(node.name, respected, nowMs);
}

Deno.test("nodes agree when all respect one certificate that lists exactly them", () => {
  const model = running("a", "b", "c");
  const good = certificate(1, "b", "abc");
  model.respects("a", good, 1);
  model.respects("b", good, 2);
  strictEqual(model.agreed(), undefined);
  model.respects("c", good, 3);
  strictEqual(model.agreed(), good);
  strictEqual(model.leader()?.name, "b");
});

Deno.test("nodes that respect a certificate of other nodes do not agree", () => {
  const model = running("a", "b");
  allRespect(model, certificate(1, "a", "a"), 1);
  strictEqual(model.agreed(), undefined);
  allRespect(model, certificate(1, "a", "ac"), 1);
  strictEqual(model.agreed(), undefined);
});

Deno.test("nobody agrees while a node starts", () => {
  const model = running("a", "b");
  allRespect(model, certificate(1, "a", "ab"), 1);
  model.starting("c", "c joins", 2);
  strictEqual(model.agreed(), undefined);
  strictEqual(model.pending, "c joins");
});

Deno.test("a change took from what was done until the last node agrees", () => {
  const model = running("a", "b", "c");
  allRespect(model, certificate(1, "c", "abc"), 100);
  model.changed("c", "killed", "c (leader) killed", 1000);
  model.respects("a", certificate(2, "a", "ab"), 1500);
  model.respects("b", certificate(2, "a", "ab"), 1750);
  const [start, failover] = model.steps;
  deepStrictEqual([start.what, start.tookMs], ["3 nodes started", 100]);
  deepStrictEqual([failover.what, failover.tookMs, failover.term], ["c (leader) killed", 750, 2]);
  strictEqual(model.pending, undefined);
});

Deno.test("an election is told once, also when a node comes back and still respects its certificate", () => {
  const model = running("a", "b", "c");
  allRespect(model, certificate(1, "c", "abc"), 100);
  model.changed("c", "killed", "c (leader) killed", 200);
  model.respects("a", certificate(2, "a", "ab"), 300);
  model.respects("b", certificate(2, "a", "ab"), 300);
  model.starting("c", "c revived", 400);
  model.started("c", "C", "127.0.0.1:2", 500);
  model.respects("c", certificate(1, "c", "abc"), 500);
  const told = model.events.flatMap(({ text }) => /^term \d+: . elected/.exec(text) ?? []);
  deepStrictEqual(told, ["term 1: c elected", "term 2: a elected"]);
});

Deno.test("a pause that ends before anyone noticed is no failover", () => {
  const model = running("a", "b");
  allRespect(model, certificate(1, "a", "ab"), 1);
  model.changed("a", "paused", "a paused", 2);
  strictEqual(model.pending, "a paused");
  model.changed("a", "runs", "a resumed", 3);
  strictEqual(model.pending, undefined);
  strictEqual(model.steps.length, 1);
});

Deno.test("nodes that elect again by themselves get a step of their own", () => {
  const model = running("a", "b");
  allRespect(model, certificate(1, "a", "ab"), 1);
  model.respects("a", undefined, 10);
  strictEqual(model.pending, "the nodes changed their view");
  allRespect(model, certificate(2, "b", "ab"), 30);
  deepStrictEqual([model.steps[1].what, model.steps[1].tookMs], [
    "the nodes changed their view",
    20,
  ]);
});

Deno.test("a node whose term goes back breaks a promise, also over a restart", () => {
  const model = running("a", "b");
  allRespect(model, certificate(5, "a", "ab"), 1);
  model.changed("b", "killed", "b killed", 2);
  model.starting("b", "b revived", 3);
  model.started("b", "B", "127.0.0.1:2", 4);
  strictEqual(model.violation, undefined);
  model.respects("b", certificate(4, "b", "b"), 5);
  strictEqual(model.violation, "b went back from term 5 to term 4");
});

Deno.test("agreement on another certificate of the same term breaks a promise", () => {
  const model = running("a", "b");
  allRespect(model, certificate(5, "a", "ab"), 1);
  allRespect(model, certificate(5, "b", "ab"), 2);
  strictEqual(model.violation, "all agree on term 5 after they agreed on 5");
});

Deno.test("a node is seen as most of the other live nodes see it", () => {
  const model = running("a", "b", "c", "d");
  const seen = () => demoView(model, { isRoster: false, nowMs: 0 }).nodes[3].seenAs;
  strictEqual(seen(), "");
  for (const observer of ["a", "b", "c"]) model.sees(observer, "D", "alive", 1);
  strictEqual(seen(), "alive");
  model.sees("a", "D", "suspect", 2);
  model.sees("b", "D", "suspect", 2);
  strictEqual(seen(), "suspect 2/3");
  model.changed("c", "killed", "c killed", 3);
  strictEqual(seen(), "suspect");
  model.sees("a", "D", undefined, 4);
  model.sees("b", "D", undefined, 4);
  strictEqual(seen(), "");
});

Deno.test("only the first node to notice makes an event", () => {
  const model = running("a", "b", "c");
  const before = model.events.length;
  model.sees("a", "C", "suspect", 1);
  model.sees("b", "C", "suspect", 2);
  deepStrictEqual(model.events.slice(before).map((event) => event.text), [
    "a notices: c does not answer",
  ]);
});

Deno.test("events are forgotten, the oldest first", () => {
  const model = running("a");
  for (let i = 0; i < 1000; i++) model.note(`event ${i}`, i);
  strictEqual(model.events.length, 200);
  strictEqual(model.events.at(-1)?.text, "event 999");
});

/** The same as voters of a roster that bears one liar. */
function voters(...names: string[]): DemoModel {
  const model = running(...names);
  model.electorate = { voters: names.length, faultBound: 1, votesNeeded: 3, leaseMs: 1_000 };
  return model;
}

Deno.test("voters agree when the leader holds the lease, whoever else is there", () => {
  const model = voters("a", "b", "c", "d");
  const good = certificate(1, "b", "abc");
  allRespect(model, good, 1);
  strictEqual(model.agreed(), undefined);
  model.leaseHeld("a", 1, 1_000, 2);
  strictEqual(model.agreed(), undefined);
  model.leaseLost("a", 2);
  model.leaseHeld("b", 1, 1_000, 2);
  strictEqual(model.agreed(), good);
  strictEqual(model.leaseRemainingMs(402), 600);
  model.leaseLost("b", 500);
  strictEqual(model.agreed(), undefined);
  strictEqual(model.leaseRemainingMs(500), undefined);
});

Deno.test("a leader that was asked to hand over is none, however late its renewals come", () => {
  const model = voters("a", "b", "c", "d");
  allRespect(model, certificate(1, "b", "abcd"), 1);
  model.leaseHeld("b", 1, 1_000, 1);
  model.handsOver("b", 10);
  model.leaseHeld("b", 1, 1_000, 11);
  strictEqual(model.agreed(), undefined);
  allRespect(model, certificate(2, "c", "acd"), 40);
  model.leaseHeld("c", 2, 1_000, 60);
  deepStrictEqual([model.steps[1].what, model.steps[1].tookMs], ["b (leader) hands over", 50]);
});

Deno.test("a liar's word does not count, and who holds the proof is shown", () => {
  const model = voters("a", "b", "c", "d");
  allRespect(model, certificate(1, "b", "abcd"), 1);
  model.leaseHeld("b", 1, 1_000, 1);
  model.makeLiar("d", true);
  model.respects("d", certificate(2, "d", "d"), 2);
  strictEqual(model.agreed()?.term, 1);
  model.caught("a", "D", 1, 3);
  model.caught("b", "D", 1, 4);
  deepStrictEqual(model.lies, [{ liar: "d", term: 1 }]);
  strictEqual(model.violation, undefined);
  const view = demoView(model, { isRoster: true, nowMs: 501 });
  strictEqual(
    view.alert,
    "LIAR: d voted twice in term 1; 2 nodes hold the proof (GET /v1/evidence)",
  );
  deepStrictEqual([view.nodes[3].state, view.nodes[3].mood], ["lies", "bad"]);
  deepStrictEqual(view.lease, { remainingMs: 500, ofMs: 1_000 });
});

Deno.test("a proof against a node that nobody made a liar breaks a promise", () => {
  const model = voters("a", "b", "c", "d");
  model.caught("a", "C", 1, 3);
  strictEqual(model.violation, "c lied, which nobody had asked it to");
});

Deno.test("two certificates in one term of a roster break a promise", () => {
  const model = voters("a", "b", "c", "d");
  model.respects("a", certificate(1, "b", "abcd"), 1);
  model.respects("c", certificate(1, "c", "abcd"), 2);
  strictEqual(model.violation, "term 1 has two certificates");
});
