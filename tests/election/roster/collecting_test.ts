/** Bundles and calls of the enclave (design §4.5): what comes late, twice, or for another term, and who proposes what. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { RosterProposal } from "../../../lib/election/roster/types.ts";
import { digestOf, signVote } from "./_rules.ts";
import { collector, type Solo, voter } from "./_solo.ts";

/** The others' votes for a proposal, as whoever gathered them tells it. */
function tellBundle(solo: Solo, proposal: RosterProposal, from = solo.others[0]): void {
  const votes = solo.others.map((id) => signVote(id, proposal.term, digestOf(proposal)));
  solo.tell(from, { kind: "bundle", proposal, votes });
}

/** A collector that has called the enclave with its own proposal. */
function caller(): { solo: Solo; proposal: RosterProposal } {
  const solo = collector();
  solo.pass(solo.settings.settleMs / 2);
  const [{ proposal }] = solo.sent("proposal");
  for (const id of solo.others) solo.vote(id, proposal);
  strictEqual(solo.did("call-enclave").length, 1);
  return { solo, proposal };
}

/** The enclave's word about a proposal. */
function fail(solo: Solo, proposal: RosterProposal, refused: boolean): void {
  const digest = digestOf(proposal);
  solo.step({ type: "enclave-failed", digest, reason: "any", refused });
}

/** Long enough for every place in the line of callers. */
const wholeLineMs = (solo: Solo) => solo.ids.length * solo.settings.callStaggerMs;

Deno.test("while a call is under way the news of a key causes no second one", () => {
  const { solo } = caller();
  solo.step({ type: "keys", kids: ["kid-1", "kid-2"], preferred: "kid-1" });
  strictEqual(solo.did("call-enclave").length, 1);
});

Deno.test("a bundle that comes again is not called with again", () => {
  const solo = voter();
  const proposal = solo.proposal();
  tellBundle(solo, proposal);
  solo.pass(wholeLineMs(solo));
  tellBundle(solo, proposal, solo.others[1]);
  solo.pass(wholeLineMs(solo));
  strictEqual(solo.did("call-enclave").length, 1);
});

Deno.test("the failure of a call for an earlier bundle is not that of the present one", () => {
  const { solo, proposal } = caller();
  tellBundle(solo, solo.proposal({ term: proposal.term + 1 }));
  fail(solo, proposal, false);
  strictEqual(solo.sent("bundle").length, 0);
  solo.pass(wholeLineMs(solo) + 2 * solo.settings.collectorTimeoutMs);
  deepStrictEqual(
    solo.did("call-enclave").map((call) => call.proposal.term),
    [proposal.term, proposal.term + 1],
  );
});

Deno.test("a bundle whose call failed is tried on in later terms", () => {
  const { solo, proposal } = caller();
  solo.gaveUp(solo.others);
  fail(solo, proposal, false);
  solo.clear();
  solo.pass(solo.settings.collectorTimeoutMs);
  deepStrictEqual(solo.did("call-enclave").map(({ digest }) => digest), [digestOf(proposal)]);
});

Deno.test("a refusal by the function gives up the term that it is about and no other", () => {
  const solo = voter();
  const ahead = solo.proposal({ term: 3 });
  tellBundle(solo, ahead);
  solo.pass(wholeLineMs(solo));
  solo.clear();
  fail(solo, ahead, true);
  strictEqual(solo.sent("gave-up").length, 0);
});

Deno.test("only the first refusal gives a term up at once: terms do not run as fast as the function answers", () => {
  for (const [earlier, given] of [[0, 1], [1, 0]] as const) {
    const solo = voter();
    for (let i = 0; i < earlier; i++) solo.gaveUp(solo.others);
    const proposal = solo.proposal();
    tellBundle(solo, proposal);
    solo.pass(wholeLineMs(solo));
    solo.clear();
    fail(solo, proposal, true);
    strictEqual(solo.sent("gave-up").length, given);
  }
});

Deno.test("nothing is proposed to fewer than a quorum: the collector would spend its vote on it", () => {
  const solo = collector();
  const [, b, c] = solo.others;
  solo.view({ [b]: { state: "dead" }, [c]: { state: "dead" } });
  solo.pass(2 * solo.settings.settleMs);
  strictEqual(solo.sent("proposal").length, 0);
  strictEqual(solo.memory.lastVote, undefined);
  solo.view({ [b]: { state: "dead" } });
  solo.pass(solo.settings.settleMs);
  strictEqual(solo.sent("proposal").length, 1, "a quorum and no more is enough");
});

Deno.test("a collector proposes the key that lives when that of the highest certificate is gone", () => {
  for (const [kids, wanted] of [[["kid-1", "kid-2"], "kid-1"], [["kid-2"], "kid-2"]] as const) {
    const solo = collector({ kids: ["kid-1"] });
    solo.pass(solo.settings.settleMs);
    const leader = solo.others[0];
    for (let term = solo.election.term;; term++) {
      const certificate = solo.elect(leader, { term });
      if (solo.collector() !== solo.self) continue;
      const stepDown = { certificateId: certificate.id, leader, signature: leader };
      solo.step({ type: "keys", kids: [...kids], preferred: kids.at(-1) });
      solo.clear();
      solo.tell(leader, { kind: "step-down", stepDown });
      break;
    }
    solo.pass(solo.settings.settleMs);
    const [proposed] = solo.sent("proposal");
    ok(proposed, "it is this node's turn");
    strictEqual(proposed.proposal.kid, wanted);
  }
});
