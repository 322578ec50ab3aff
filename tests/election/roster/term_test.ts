/** Terms, collectors and giving up (design §4.3). */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { digestOf, GENESIS, signGaveUp } from "./_rules.ts";
import { collector, LEASE_MS, Solo, voter } from "./_solo.ts";

Deno.test("the first term is that after the highest certificate", () => {
  const solo = voter();
  strictEqual(solo.election.term, 1);
  solo.elect(solo.others[0], { term: 7 });
  strictEqual(solo.election.term, 8);
});

Deno.test("q gave-up statements open the next term, fewer do not", () => {
  const solo = voter();
  solo.gaveUp(solo.others.slice(0, 2));
  strictEqual(solo.election.term, 1);
  solo.gaveUp(solo.others.slice(2));
  strictEqual(solo.election.term, 2);
});

Deno.test("statements of one voter count once", () => {
  const solo = voter();
  for (let i = 0; i < 5; i++) solo.gaveUp(solo.others.slice(0, 2));
  strictEqual(solo.election.term, 1);
});

Deno.test("statements about another head open nothing", () => {
  const solo = voter();
  solo.gaveUp(solo.others, 1, "other");
  strictEqual(solo.election.term, 1);
});

Deno.test("f liars cannot jump to a far term, q voters can show one", () => {
  const solo = voter();
  solo.gaveUp(solo.others.slice(0, 1), 1_000);
  solo.gaveUp(solo.others.slice(1, 2), 999);
  strictEqual(solo.election.term, 1);
  solo.gaveUp(solo.others.slice(1, 2), 1_000);
  strictEqual(solo.election.term, 1);
  solo.gaveUp(solo.others, 50);
  strictEqual(solo.election.term, 1, "the first one's furthest statement is another");
  solo.gaveUp(solo.others, 1_001);
  strictEqual(solo.election.term, 1_002);
});

Deno.test("a liar's far statement does not hide what a quorum gave up", () => {
  const solo = voter({ n: 5, f: 1 });
  solo.gaveUp(solo.others.slice(0, 1), 1_000);
  solo.gaveUp(solo.others);
  strictEqual(solo.election.term, 2);
});

Deno.test("a quorum that one message shows counts, also of voters whose later word is known", () => {
  const solo = voter();
  solo.gaveUp(solo.others.slice(0, 2), 1_000);
  const show = (voters: readonly string[], prev = solo.election.head.id) =>
    solo.tell(solo.others[2], {
      kind: "gave-up",
      statements: voters.map((id) => signGaveUp(id, prev, 50)),
    });
  show(solo.others.slice(0, 2));
  show([solo.others[0], solo.others[0], solo.others[1]]);
  show(solo.others, "other");
  strictEqual(solo.election.term, 1);
  show(solo.others);
  strictEqual(solo.election.term, 51);
});

Deno.test("time alone opens nothing", () => {
  const solo = voter();
  solo.pass(60_000);
  strictEqual(solo.election.term, 1);
});

Deno.test("a new head voids what was given up about the old one", () => {
  const solo = voter();
  solo.gaveUp(solo.others.slice(0, 2));
  solo.elect(solo.others[0]);
  solo.gaveUp(solo.others.slice(2), 2);
  strictEqual(solo.election.term, 2);
});

Deno.test("in one and the same term another head has another collector", () => {
  const collectors = voter().others.map((leader) => {
    const solo = voter();
    solo.gaveUp(solo.others);
    const before = solo.election.collector;
    strictEqual(before, solo.collector());
    solo.elect(leader, { term: 1 });
    strictEqual(solo.election.term, 2);
    strictEqual(solo.election.collector, solo.collector());
    return [before, solo.election.collector];
  });
  ok(collectors.some(([before, after]) => before !== after));
});

Deno.test("a node gives up a term whose collector is silent for the timeout, and tells all", () => {
  const solo = voter();
  solo.pass(solo.settings.collectorTimeoutMs - solo.settings.settleMs - 1);
  strictEqual(solo.sent("gave-up").length, 0);
  solo.pass(solo.settings.collectorTimeoutMs / 4 + 1);
  deepStrictEqual(solo.sent("gave-up")[0].to, solo.others);
});

Deno.test("a node gives up at once when it holds the collector for dead", () => {
  const solo = voter();
  solo.view({ [solo.collector()]: { state: "dead" } });
  strictEqual(solo.sent("gave-up").length, 1);
});

Deno.test("a node gives up at once when the collector is the leader that fell silent", () => {
  const solo = new Solo();
  for (let term = 1; term < 60; term++) {
    const next = solo.ids.find((id) => {
      const certificate = probe(solo, id, term);
      return id !== solo.self && solo.collector(term + 1, certificate) === id;
    });
    if (!next) continue;
    solo.elect(next, { term, prev: GENESIS.id });
    solo.clear();
    solo.pass(LEASE_MS);
    strictEqual(solo.sent("gave-up").length, 1);
    return;
  }
  throw new Error("no such leader");
});

function probe(solo: Solo, leader: string, term: number): string {
  const other = new Solo({ self: solo.self });
  return other.elect(leader, { term, prev: GENESIS.id }).id;
}

Deno.test("what was given up is said again, in case it was lost", () => {
  const solo = voter();
  solo.pass(10 * solo.settings.collectorTimeoutMs);
  ok(solo.sent("gave-up").length > 3);
  ok(solo.sent("gave-up").every(({ statements }) => statements[0].term === 1));
});

Deno.test("timeouts double with each term given up, to a cap", () => {
  const waits: number[] = [];
  const solo = voter();
  for (let round = 0; round < 8; round++) {
    // A term with another collector than this node, which would propose.
    const term = [0, 1, 2, 3, 4, 5].map((ahead) => solo.election.term + ahead)
      .find((term) => solo.collector(term + 1) !== solo.self)!;
    solo.gaveUp(solo.others, term);
    solo.clear();
    const startMs = solo.nowMs;
    while (solo.sent("gave-up").length === 0) solo.pass(10);
    waits.push(solo.nowMs - startMs);
  }
  const { collectorTimeoutMs, collectorTimeoutMsMax } = solo.settings;
  ok(waits[0] >= 2 * collectorTimeoutMs && waits[0] < 3 * collectorTimeoutMs, `${waits}`);
  ok(waits[2] >= 8 * collectorTimeoutMs, `${waits}`);
  ok(waits.at(-1)! >= collectorTimeoutMsMax && waits.at(-1)! <= 1.3 * collectorTimeoutMsMax);
});

Deno.test("a node that is behind in terms is shown what opened the present one", () => {
  const solo = voter();
  solo.gaveUp(solo.others);
  solo.clear();
  solo.gaveUp(solo.others.slice(0, 1), 1);
  const [taught] = solo.sent("gave-up");
  deepStrictEqual(taught.to, [solo.others[0]]);
  strictEqual(taught.statements.length, solo.roster.votesNeeded);
});

Deno.test("nodes in one term do not teach each other what opened it", () => {
  const solo = voter();
  solo.gaveUp(solo.others);
  solo.clear();
  const statements = solo.others.map((id) => signGaveUp(id, GENESIS.id, 1));
  solo.tell(solo.others[0], { kind: "gave-up", statements });
  strictEqual(solo.sent("gave-up").length, 0);
});

Deno.test("what opened the term is stored before anything is done in it, and taught after a restart", () => {
  const solo = voter();
  solo.gaveUp(solo.others);
  solo.boot();
  solo.step({ type: "tick" });
  strictEqual(solo.election.term, 2);
  solo.clear();
  solo.gaveUp(solo.others.slice(0, 1), 1);
  strictEqual(solo.sent("gave-up")[0].statements.length, solo.roster.votesNeeded);
});

// The collector.

Deno.test("the collector waits for members that are about to settle, but no longer than the settle time", () => {
  const solo = collector();
  strictEqual(solo.sent("proposal").length, 0);
  solo.pass(solo.settings.settleMs / 2);
  strictEqual(solo.sent("proposal").length, 1);
  const [{ proposal }] = solo.sent("proposal");
  deepStrictEqual(proposal.type === "leader" && proposal.active, solo.ids);

  const flapping = collector();
  for (let i = 0; i < 20; i++) {
    flapping.pass(flapping.settings.settleMs / 10);
    flapping.view({ [flapping.others[0]]: { state: i % 2 ? "suspect" : "alive" } });
  }
  const [first] = flapping.sent("proposal");
  deepStrictEqual(
    first.proposal.type === "leader" && first.proposal.active,
    flapping.ids.filter((id) => id !== flapping.others[0]),
  );
});

Deno.test("members that come one after the other do not hold up the collector for ever", () => {
  const solo = collector({ n: 7, f: 2 });
  const { settleMs } = solo.settings;
  const late = solo.others.slice(4);
  const startMs = solo.nowMs;
  for (let here = 0; here <= late.length; here++) {
    const absent = late.slice(here).map((id) => [id, { verified: false }] as const);
    solo.view(Object.fromEntries(absent));
    solo.pass(0.45 * settleMs);
    if (solo.sent("proposal").length > 0) break;
  }
  solo.pass(startMs + settleMs - solo.nowMs);
  const [{ proposal }] = solo.sent("proposal");
  strictEqual(proposal.type === "leader" && proposal.active.length, 6);
});

Deno.test("a collector that promised, or was restarted, waits until it is free", () => {
  const solo = collector({ memory: { promisedMsMax: LEASE_MS } });
  solo.pass(LEASE_MS - 1);
  strictEqual(solo.sent("proposal").length + solo.sent("gave-up").length, 0);
  solo.pass(1);
  strictEqual(solo.sent("proposal").length, 1);
});

Deno.test("the collector sends its proposal again to those that have not voted", () => {
  const solo = collector({ n: 7, f: 2 });
  solo.pass(solo.settings.settleMs / 2);
  const [{ proposal }] = solo.sent("proposal");
  solo.vote(solo.others[0], proposal);
  solo.clear();
  solo.pass(solo.settings.resendIntervalMs);
  deepStrictEqual(solo.sent("proposal").map(({ to }) => to), [solo.others.slice(1)]);
});

Deno.test("the collector stores its own vote before it proposes", () => {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  ok(solo.at("persist") < solo.at("proposal"));
  strictEqual(solo.memory.lastVote?.digest, digestOf(solo.sent("proposal")[0].proposal));
});

Deno.test("the collector calls the enclave with q votes on its proposal, and with nothing less", () => {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  const [{ proposal }] = solo.sent("proposal");
  solo.vote(solo.others[0], proposal);
  solo.vote(solo.others[0], proposal);
  solo.vote(solo.others[1], solo.proposal({ active: solo.others }));
  strictEqual(solo.did("call-enclave").length, 0);
  solo.vote(solo.others[2], proposal);
  const [call] = solo.did("call-enclave");
  strictEqual(new Set(call.votes.map((vote) => vote.key)).size, solo.roster.votesNeeded);
});

Deno.test("a restarted collector that cannot make its proposal again gives up the term", () => {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  solo.boot();
  solo.clear();
  solo.step({ type: "keys", kids: ["kid-1"], preferred: "kid-1" });
  solo.view({ [solo.others[0]]: { state: "dead" } });
  solo.pass(solo.settings.settleMs / 2);
  strictEqual(solo.sent("proposal").length, 0);
  strictEqual(solo.sent("gave-up").length, 1);
});

Deno.test("a collector that cannot reach the enclave sends the bundle to all and tries on", () => {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  const [{ proposal }] = solo.sent("proposal");
  for (const id of solo.others) solo.vote(id, proposal);
  const digest = digestOf(proposal);
  solo.step({ type: "enclave-failed", digest, reason: "unreachable", refused: false });
  deepStrictEqual(solo.sent("bundle").map(({ to }) => to), [solo.others]);
  solo.clear();
  solo.pass(solo.settings.collectorTimeoutMs);
  strictEqual(solo.did("call-enclave").length, 1);
});

Deno.test("a bundle that the function refuses goes to nobody, and the term is given up", () => {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  const [{ proposal }] = solo.sent("proposal");
  for (const id of solo.others) solo.vote(id, proposal);
  const digest = digestOf(proposal);
  solo.step({ type: "enclave-failed", digest, reason: "no", refused: true });
  strictEqual(solo.sent("bundle").length, 0);
  strictEqual(solo.sent("gave-up").length, 1);
});

Deno.test("whoever gets a bundle calls the enclave, one after the other", () => {
  const solo = voter();
  const proposal = solo.proposal();
  const digest = digestOf(proposal);
  const votes = solo.others.map((key) => ({ key, signature: `vote:${key}:1:${digest}` }));
  solo.tell(solo.collector(), { kind: "bundle", proposal, votes });
  solo.pass(solo.ids.length * solo.settings.callStaggerMs);
  strictEqual(solo.did("call-enclave").length, 1);
});
