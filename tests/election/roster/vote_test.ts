/** When a voter votes and when not (design §4.4). Each test changes one thing about a proposal that would get the vote. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { incumbencyAfter } from "../../../lib/election/roster/vote_rule.ts";
import { certificateOf, KID } from "./_rules.ts";
import { LEASE_MS, Solo, voter } from "./_solo.ts";

Deno.test("a voter votes for the proposal of the collector, after it has stored its vote", () => {
  const solo = voter();
  solo.propose();
  deepStrictEqual(solo.sent("vote").map(({ to }) => to), [[solo.collector()]]);
  ok(solo.at("persist") >= 0 && solo.at("persist") < solo.at("vote"));
  strictEqual(solo.memory.lastVote?.term, 1);
});

Deno.test("a voter refuses another proposal in a term in which it voted", () => {
  const solo = voter();
  solo.propose();
  solo.clear();
  solo.propose(solo.proposal({ kid: "kid-2" }));
  strictEqual(solo.sent("vote").length, 0);
  strictEqual(solo.refusal(), "voted");
});

Deno.test("a voter votes again for exactly what it voted for", () => {
  const solo = voter();
  solo.propose();
  const [first] = solo.sent("vote");
  solo.clear();
  solo.propose();
  deepStrictEqual(solo.sent("vote"), [first]);
});

Deno.test("a restarted voter refuses another proposal in the term in which it had voted", () => {
  const solo = voter();
  solo.propose();
  const again = voter({ memory: solo.memory });
  again.propose(again.proposal({ active: again.ids.slice(1) }));
  strictEqual(again.refusal(), "voted");
});

Deno.test("a voter never votes back: not in a lower term, even after another head", () => {
  const solo = voter();
  for (let term = 1; term < 4; term++) solo.gaveUp(solo.others);
  solo.propose();
  strictEqual(solo.memory.lastVote?.term, 4);
  // A certificate of term 2 comes late: its next term is 3, in which this voter must not vote any more.
  solo.follow({ term: 2, prev: "genesis" });
  strictEqual(solo.election.term, 3);
  solo.clear();
  solo.propose();
  strictEqual(solo.sent("vote").length, 0);
  strictEqual(solo.refusal(), "voted");
});

Deno.test("a voter refuses a proposal that does not follow its head, names the head, and fetches a later one", () => {
  const solo = voter();
  const { id } = solo.elect(solo.others[0], { term: 5 });
  solo.clear();
  solo.propose(solo.proposal({ prev: "genesis", incumbent: undefined, tenure: 0 }));
  strictEqual(solo.refusal(), "prev");
  deepStrictEqual(solo.sent("refusal")[0].head, { term: 5, id });
  solo.clear();
  solo.propose(solo.proposal({ prev: "6#other", term: 9 }));
  strictEqual(solo.refusal(), "prev");
  deepStrictEqual(solo.sent("want-certificate").map((message) => message.id), ["6#other"]);
});

Deno.test("a voter refuses a term that is over and shows what opened the present one", () => {
  const solo = voter();
  solo.gaveUp(solo.others);
  solo.clear();
  solo.propose(solo.proposal({ term: 1 }));
  strictEqual(solo.refusal(), "term-over");
  strictEqual(solo.sent("gave-up")[0].statements.length, solo.roster.votesNeeded);
});

Deno.test("a voter refuses a term that is not open, and votes once it is", () => {
  const solo = voter();
  const term = [2, 3, 4, 5].find((term) => solo.collector(term) !== solo.self)!;
  const later = solo.proposal({ term });
  solo.propose(later);
  strictEqual(solo.refusal(), "term-not-open");
  solo.gaveUp(solo.others, term - 1);
  strictEqual(solo.sent("vote").at(-1)?.term, term);
});

Deno.test("a voter refuses a proposal of who is not the collector of the term", () => {
  const solo = voter();
  const other = solo.others.find((id) => id !== solo.collector())!;
  solo.propose(solo.proposal(), other);
  strictEqual(solo.refusal(), "collector");
});

Deno.test("a voter votes for nobody while a promise of its runs, and votes when it is over", () => {
  const solo = voter();
  const certificate = solo.follow();
  solo.heartbeat(certificate, 1);
  solo.clear();
  solo.pass(100);
  solo.propose();
  deepStrictEqual(solo.sent("refusal")[0].objection, { reason: "promise", waitMs: 380 });
  solo.pass(379);
  strictEqual(solo.sent("vote").length, 0);
  solo.pass(1);
  strictEqual(solo.sent("vote").length, 1);
});

Deno.test("a restarted node votes for nobody for the longest lease that it ever promised", () => {
  const solo = new Solo({ self: voter().self, memory: { promisedMsMax: 2 * LEASE_MS } });
  solo.pass(solo.settings.settleMs);
  solo.propose();
  strictEqual(solo.refusal(), "promise");
  strictEqual(solo.election.deadlineMs(), solo.nowMs - solo.settings.settleMs + 2 * LEASE_MS);
  solo.pass(2 * LEASE_MS - solo.settings.settleMs - 1);
  strictEqual(solo.sent("vote").length, 0);
  solo.pass(1);
  strictEqual(solo.sent("vote").length, 1);
});

Deno.test("the longest promise is stored before the first ack leaves", () => {
  const solo = voter();
  const certificate = solo.elect(solo.others[0]);
  solo.clear();
  solo.heartbeat(certificate, 1);
  strictEqual(solo.memory.promisedMsMax, LEASE_MS);
  ok(solo.at("persist") < solo.at("lease-ack"));
});

// The view rule.

Deno.test("a voter refuses a proposal without itself", () => {
  const solo = voter();
  solo.propose(solo.proposal({ active: solo.others }));
  deepStrictEqual(solo.sent("refusal")[0].objection.missing, [solo.self]);
});

Deno.test("a voter refuses a proposal without whom it has held alive for the settle time", () => {
  const solo = voter();
  const left = solo.others.at(-1)!;
  solo.propose(solo.proposal({ active: solo.ids.filter((id) => id !== left) }));
  deepStrictEqual(solo.sent("refusal")[0].objection, {
    reason: "view",
    missing: [left],
    forbidden: [],
  });
});

Deno.test("a member that is not settled is optional", () => {
  for (const isIn of [true, false]) {
    const solo = voter();
    const fresh = solo.others.at(-1)!;
    solo.view({ [fresh]: { state: "suspect" } });
    solo.view();
    solo.pass(solo.settings.settleMs - 1);
    solo.propose(solo.proposal({ active: solo.ids.filter((id) => isIn || id !== fresh) }));
    strictEqual(solo.sent("vote").length, 1, `${isIn}`);
  }
});

Deno.test("f accusers do not make a member optional, nor do they reset how long it is settled", () => {
  const solo = voter();
  const accused = solo.others.at(-1)!;
  solo.view({ [accused]: { accusations: solo.roster.faultBound } });
  solo.view();
  solo.propose(solo.proposal({ active: solo.ids.filter((id) => id !== accused) }));
  deepStrictEqual(solo.sent("refusal")[0].objection.missing, [accused]);
});

Deno.test("f+1 accusers make a member optional", () => {
  const solo = voter();
  const accused = solo.others.at(-1)!;
  solo.view({ [accused]: { accusations: solo.roster.faultBound + 1 } });
  solo.propose(solo.proposal({ active: solo.ids.filter((id) => id !== accused) }));
  strictEqual(solo.sent("vote").length, 1);
});

for (
  const [what, member] of [
    ["dead", { state: "dead" }],
    ["left", { state: "left" }],
    ["never answered its nonce", { verified: false }],
    ["was never met", undefined],
  ] as const
) {
  Deno.test(`a voter refuses a proposal with a member that ${what}`, () => {
    const solo = voter();
    const gone = solo.others.find((id) => id !== solo.collector())!;
    solo.view({ [gone]: member });
    solo.propose();
    deepStrictEqual(solo.sent("refusal")[0].objection, {
      reason: "view",
      missing: [],
      forbidden: [gone],
    });
  });
}

Deno.test("the leader of the highest certificate is optional while it is there, and forbidden when it is dead", () => {
  const cases = [[true, "alive", 1], [false, "alive", 1], [true, "dead", 0], [false, "dead", 1]];
  for (const [isIn, state, votes] of cases) {
    const solo = voter();
    const old = solo.follow().leader!;
    solo.view({ [old]: { state: state as "alive" | "dead" } });
    solo.clear();
    solo.propose(solo.proposal({ active: solo.ids.filter((id) => isIn || id !== old) }));
    strictEqual(solo.sent("vote").length, votes, `${isIn} ${state}`);
  }
});

Deno.test("a voter refuses a false incumbent or tenure", () => {
  const solo = voter();
  solo.propose(solo.proposal({ incumbent: solo.others[0] }));
  strictEqual(solo.refusal(), "incumbent");
  solo.clear();
  solo.propose(solo.proposal({ tenure: 1 }));
  strictEqual(solo.refusal(), "incumbent");
});

Deno.test("tenure counts the certificates in a row that drew one leader", () => {
  const { roster } = voter();
  const first = certificateOf(roster, "b", { term: 1 });
  deepStrictEqual(incumbencyAfter(undefined), { tenure: 0 });
  deepStrictEqual(incumbencyAfter(first), { incumbent: "b", tenure: 1 });
  const again = certificateOf(roster, "b", { term: 2, incumbent: "b", tenure: 1 });
  deepStrictEqual(incumbencyAfter(again), { incumbent: "b", tenure: 2 });
  const other = certificateOf(roster, "c", { term: 3, incumbent: "b", tenure: 2 });
  deepStrictEqual(incumbencyAfter(other), { incumbent: "c", tenure: 1 });
  const { leader: _, ...closing } = other;
  deepStrictEqual(incumbencyAfter(closing), { tenure: 0 });
});

// The key.

Deno.test("a voter refuses a new key without its own fresh evidence, and votes once it has that", () => {
  const solo = voter();
  solo.propose(solo.proposal({ kid: "kid-2" }));
  strictEqual(solo.refusal(), "kid");
  solo.step({ type: "keys", kids: [KID, "kid-2"] });
  strictEqual(solo.sent("vote").length, 1);
});

Deno.test("the key of the highest certificate goes on without new evidence", () => {
  const solo = voter({ kids: [] });
  solo.follow();
  solo.propose();
  strictEqual(solo.sent("vote").length, 1);
});

Deno.test("a voter refuses a new key while it has fresh evidence that the old one lives", () => {
  const solo = voter({ kids: [KID, "kid-2"] });
  solo.follow();
  solo.propose(solo.proposal({ kid: "kid-2" }));
  strictEqual(solo.refusal(), "kid");
  solo.step({ type: "keys", kids: ["kid-2"], preferred: "kid-2" });
  strictEqual(solo.sent("vote").length, 1);
});
