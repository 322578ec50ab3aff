/** Checks that other tests pass by: each test breaks only that. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { digestOf, signVote } from "./_rules.ts";
import { leader, LEASE_MS, voter } from "./_solo.ts";

Deno.test("a longer promise from before a restart binds, though a shorter one was made since", () => {
  const solo = voter({ memory: { promisedMsMax: 10 * LEASE_MS } });
  const certificate = solo.follow();
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 1);
  solo.pass(LEASE_MS + 1);
  solo.clear();
  solo.propose();
  strictEqual(solo.sent("vote").length, 0);
  strictEqual(solo.refusal(), "promise");
});

Deno.test("acks that come after the way out began give no lease", () => {
  const solo = leader();
  solo.step({ type: "step-down" });
  const heartbeats = solo.sent("heartbeat").length;
  solo.ackAll();
  deepStrictEqual([heartbeats, solo.did("lease-held").length], [1, 0]);
});

Deno.test("who is not in the roster gets no answer", () => {
  const solo = voter();
  solo.follow();
  solo.clear();
  solo.tell("z", { kind: "want-certificate", id: "any" });
  deepStrictEqual(solo.effects, []);
  solo.step({ type: "head-seen", from: "z", head: { term: 9, id: "far" } });
  deepStrictEqual(solo.effects, []);
});

Deno.test("a bundle that does not follow the head is not taken to the enclave", () => {
  for (const [prev, calls] of [["other", 0], ["genesis", 1]] as const) {
    const solo = voter();
    const proposal = solo.proposal({ prev });
    const votes = solo.others.map((id) => signVote(id, proposal.term, digestOf(proposal)));
    solo.tell(solo.others[0], { kind: "bundle", proposal, votes });
    solo.pass(4 * solo.settings.callStaggerMs);
    strictEqual(solo.did("call-enclave").length, calls, prev);
  }
});

Deno.test("a leader that stepped down may not be in the next proposal, one that fell silent may", () => {
  for (const [isDown, votes] of [[true, 0], [false, 1]] as const) {
    const solo = voter();
    const certificate = solo.follow();
    const leader = certificate.leader!;
    if (isDown) {
      const stepDown = { certificateId: certificate.id, leader, signature: leader };
      solo.tell(leader, { kind: "step-down", stepDown });
    }
    solo.pass(LEASE_MS);
    solo.clear();
    solo.propose();
    strictEqual(solo.sent("vote").length, votes);
    if (isDown) strictEqual(solo.refusal(), "view");
  }
});

Deno.test("who hears a later term given up about another head asks for that, and shows its own", () => {
  const solo = voter();
  const { id, proposal: { term } } = solo.follow();
  solo.pass(LEASE_MS);
  solo.clear();
  solo.gaveUp(solo.others.slice(0, 1), term + 2, "later");
  deepStrictEqual(solo.sent("want-certificate").map((message) => message.id), ["later"]);
  strictEqual(solo.sent("certificate").length, 1);
  solo.pass(LEASE_MS);
  solo.clear();
  solo.gaveUp(solo.others.slice(1, 2), term, "earlier");
  strictEqual(solo.sent("want-certificate").length, 0, "what is over is not asked for");
  strictEqual(solo.election.head.id, id);
});
