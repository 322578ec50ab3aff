/** Fork evidence and fail-stop (design §4.9, §4.10): liars are named, for good, and copied folders stop. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { SignedVote } from "../../../lib/election/roster/types.ts";
import { equivocatingCollector } from "./_liars.ts";
import { World } from "./harness.ts";
import { certificateOf, collectorOf, digestOf, GENESIS, signGaveUp, signVote } from "./_rules.ts";
import { collector, leader, LEASE_MS, type Solo, voter } from "./_solo.ts";

function signed(id: string, term: number, digest: string): SignedVote {
  return { term, digest, vote: signVote(id, term, digest) };
}

function liars(solo: Solo): readonly string[] {
  return solo.election.evidence.flatMap((one) => one.type === "votes" ? [one.liar] : one.liars);
}

Deno.test("a collector that shows two proposals is named, and the evidence is stored and gossiped once", () => {
  const solo = voter();
  solo.propose();
  for (let i = 0; i < 3; i++) solo.propose(solo.proposal({ kid: "kid-2" }));
  deepStrictEqual(liars(solo), [solo.collector()]);
  deepStrictEqual(solo.memory.evidence, solo.election.evidence);
  deepStrictEqual(solo.sent("evidence").map(({ to }) => to), [solo.others]);
  deepStrictEqual(
    solo.did("note").flatMap(({ note }) => note.what === "liar" ? [note.evidence] : []),
    [...solo.election.evidence],
  );
  const stored = solo.effects.findIndex((effect) =>
    effect.type === "persist" && effect.change.evidence !== undefined
  );
  ok(stored < solo.at("evidence"));
});

Deno.test("a collector that shows another proposal to another voter is found out when that gives up", () => {
  const solo = voter();
  solo.propose();
  const from = solo.others.find((id) => id !== solo.collector())!;
  const seen = signed(solo.collector(), 1, "D:another");
  const statements = [signGaveUp(from, "genesis", 1)];
  solo.tell(from, { kind: "gave-up", statements, seen });
  deepStrictEqual(liars(solo), [solo.collector()]);
});

Deno.test("who gives up shows what the collector had proposed", () => {
  const solo = voter();
  solo.propose();
  solo.pass(2 * solo.settings.collectorTimeoutMs);
  strictEqual(solo.sent("gave-up")[0].seen?.digest, digestOf(solo.proposal()));
});

Deno.test("a collector that shows two proposals is known to all honest nodes in the end", () => {
  const world = new World({ n: 4, f: 1, seed: 3 });
  const liar = collectorOf(world.roster, GENESIS.id, 1);
  world.node(liar).liar = equivocatingCollector(liar);
  world.start();
  world.advance(8_000);
  for (const node of world.nodes.values()) {
    if (node.liar) continue;
    deepStrictEqual(node.election.evidence.map((one) => one.type === "votes" && one.liar), [liar]);
  }
  strictEqual(world.lessees().length, 1);
});

Deno.test("a double voter is named by its votes in a bundle and elsewhere", () => {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  const [{ proposal }] = solo.sent("proposal");
  solo.vote(solo.others[0], proposal);
  solo.vote(solo.others[0], solo.proposal({ active: solo.others }));
  deepStrictEqual(liars(solo), [solo.others[0]]);
});

Deno.test("a double voter is named by a bundle with the second of its votes", () => {
  const solo = voter();
  const [liar] = solo.others;
  solo.vote(liar, solo.proposal());
  const proposal = solo.proposal({ active: solo.others });
  const votes = solo.others.map((id) => signVote(id, proposal.term, digestOf(proposal)));
  solo.tell(solo.others[1], { kind: "bundle", proposal, votes });
  deepStrictEqual(liars(solo), [liar]);
});

Deno.test("two certificates of one term are kept, and name who voted for both", () => {
  const solo = voter();
  const [a, b, c] = solo.others;
  const one = certificateOf(solo.roster, a, { term: 1, voters: [a, b] });
  const two = certificateOf(solo.roster, b, { term: 1, active: [b, c], voters: [b, c] });
  solo.step({ type: "certificate", certificate: one, from: a });
  solo.step({ type: "certificate", certificate: two, from: b });
  ok(solo.election.evidence.some((fork) => fork.type === "certificates"));
  ok(liars(solo).every((id) => id === b));
  // The others verify both for themselves.
  strictEqual(solo.sent("certificate").length, 2);
  strictEqual(solo.election.head.id, one.id);
});

Deno.test("two leaders by one proposal name the enclave: no voter lied", () => {
  const solo = voter();
  const one = certificateOf(solo.roster, solo.others[0], { term: 1, voters: solo.others });
  const two = certificateOf(solo.roster, solo.others[1], { term: 1, voters: solo.others });
  for (const certificate of [one, two]) {
    solo.step({ type: "certificate", certificate, from: solo.others[0] });
  }
  strictEqual(solo.election.evidence.length, 1);
  deepStrictEqual(liars(solo), []);
});

Deno.test("evidence that another node found is kept, said on, and survives a restart", () => {
  const solo = voter();
  const liar = solo.others[1];
  const votes = [signed(liar, 3, "D:x"), signed(liar, 3, "D:y")] as const;
  solo.tell(solo.others[0], { kind: "evidence", votes });
  deepStrictEqual(liars(solo), [liar]);
  strictEqual(solo.sent("evidence").length, 1);
  solo.boot();
  deepStrictEqual(liars(solo), [liar]);
});

Deno.test("evidence is capped by liar, so that one cannot push out another's", () => {
  const solo = voter();
  const [a, b] = solo.others;
  for (let term = 1; term <= 40; term++) {
    const votes = [signed(a, term, "D:x"), signed(a, term, "D:y")] as const;
    solo.tell(a, { kind: "evidence", votes });
  }
  solo.tell(a, { kind: "evidence", votes: [signed(b, 1, "D:x"), signed(b, 1, "D:y")] });
  deepStrictEqual(liars(solo), [a, a, b]);
});

Deno.test("votes of far terms do not push out what is seen in the present one", () => {
  const solo = voter();
  const [a, b] = solo.others;
  solo.vote(a, solo.proposal());
  for (let term = 1_000; term < 1_200; term++) solo.vote(b, solo.proposal({ term }));
  solo.vote(a, solo.proposal({ active: solo.others }));
  deepStrictEqual(liars(solo), [a]);
});

Deno.test("votes of terms that are over do not push out what is seen in the present one", () => {
  const solo = voter({ origin: { term: 1_000, id: "genesis" } });
  const [a, b] = solo.others;
  solo.vote(a, solo.proposal());
  for (let term = 800; term <= 1_000; term++) solo.vote(b, solo.proposal({ term }));
  solo.vote(a, solo.proposal({ active: solo.others }));
  deepStrictEqual(liars(solo), [a]);
});

Deno.test("a node that sees a vote of its own that it did not cast stops for good", () => {
  const cases: ((solo: Solo) => void)[] = [
    // In a later certificate: the folder was rolled back.
    (solo) =>
      solo.step({
        type: "certificate",
        certificate: certificateOf(solo.roster, solo.others[0], { term: 9, voters: solo.ids }),
        from: solo.others[0],
      }),
    // Otherwise than it voted.
    (solo) => {
      solo.propose();
      const votes = [signed(solo.self, 1, "D:x"), signed(solo.self, 1, "D:y")] as const;
      solo.tell(solo.others[0], { kind: "evidence", votes });
    },
    (solo) =>
      solo.tell(solo.others[0], {
        kind: "gave-up",
        statements: [signGaveUp(solo.others[0], "genesis", 1)],
        seen: signed(solo.self, 1, "D:x"),
      }),
  ];
  for (const see of cases) {
    const solo = voter();
    see(solo);
    strictEqual(solo.did("fail-stop").length, 1);
    solo.clear();
    solo.propose();
    solo.pass(10_000);
    deepStrictEqual(solo.effects, []);
    strictEqual(solo.election.deadlineMs(), undefined);
  }
});

Deno.test("a node that is shown two votes of its own in a term before its last one stops: it can't tell which it cast", () => {
  const last = { term: 3, digest: "D:z", prev: "genesis" };
  const solo = voter({ memory: { lastVote: last } });
  const votes = [signed(solo.self, 1, "D:x"), signed(solo.self, 1, "D:y")] as const;
  solo.tell(solo.others[0], { kind: "evidence", votes });
  strictEqual(solo.did("fail-stop").length, 1);
});

Deno.test("a node that stops for good does nothing more, not even what is due at that moment", () => {
  const solo = voter({ memory: { promisedMsMax: 2 * LEASE_MS } });
  solo.propose();
  solo.nowMs += solo.sent("refusal")[0].objection.waitMs!;
  solo.clear();
  const votes = [signed(solo.self, 1, "D:x"), signed(solo.self, 1, "D:y")] as const;
  solo.tell(solo.others[0], { kind: "evidence", votes });
  deepStrictEqual(solo.effects.map(({ type }) => type), ["fail-stop"]);
});

Deno.test("a leader that sees a step-down of its own that it did not sign stops, and its lease with it", () => {
  const solo = leader();
  solo.ackAll();
  const certificateId = solo.election.head.id;
  const stepDown = { certificateId, leader: solo.self, signature: solo.self };
  solo.tell(solo.others[0], { kind: "step-down", stepDown });
  strictEqual(solo.did("fail-stop").length, 1);
  strictEqual(solo.leaseMs, 0);
  ok(solo.at("lease-lost") < solo.at("fail-stop"));
});

Deno.test("a node's own true votes do not stop it", () => {
  const solo = voter();
  solo.propose();
  const certificate = certificateOf(solo.roster, solo.others[0], {
    term: 1,
    voters: solo.ids,
  });
  solo.step({ type: "certificate", certificate, from: solo.others[0] });
  strictEqual(solo.did("fail-stop").length, 0);
  strictEqual(solo.election.head.id, certificate.id);
});

Deno.test("what no honest voter sends is noted with its sender: proposals out of turn, heartbeats and step-downs of another", () => {
  const solo = voter();
  const [a] = solo.others.filter((id) => id !== solo.collector());
  const noted = () =>
    solo.did("note").flatMap(({ note }) => note.what === "misbehaved" ? [note] : []);
  const proposal = solo.proposal();
  const vote = signVote(a, proposal.term, digestOf(proposal));
  solo.tell(a, { kind: "proposal", proposal, vote });
  deepStrictEqual(noted().map(({ by, how }) => [by, how]), [[a, "proposal-out-of-turn"]]);
  solo.clear();
  const [leading, other] = solo.others;
  const certificate = certificateOf(solo.roster, leading, { term: 1, voters: solo.others });
  solo.step({ type: "certificate", certificate, from: leading });
  const heartbeat = { certificateId: certificate.id, nonce: "n", incarnation: 1, sequence: 1 };
  for (const sender of [leading, other]) {
    solo.tell(sender, { kind: "heartbeat", heartbeat: { ...heartbeat, signature: sender } });
  }
  const stepDown = { certificateId: certificate.id, leader: other, signature: other };
  solo.tell(other, { kind: "step-down", stepDown });
  deepStrictEqual(noted().map(({ by, how }) => [by, how]), [
    [other, "heartbeat-of-another"],
    [other, "step-down-of-another"],
  ]);
});
