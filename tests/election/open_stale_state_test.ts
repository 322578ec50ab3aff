/** What a term, a view or a head of an open cluster leaves behind is nothing to the next. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { OpenElection } from "../../lib/election/open_election.ts";
import { OpenTerms } from "../../lib/election/open_terms.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { ElectionEffect } from "../../lib/election/types.ts";
import { ALL, certifiedIn, proposalIn, rolesIn, voterOf } from "./_open_voter.ts";
import { fakeRules, KID, viewEvent } from "./harness.ts";

const { settleMs, termTimeoutMs, callStaggerMs, joinGraceMs } = LOCAL_ELECTION;

/** Messages of a kind among effects. */
function sentOf(effects: readonly ElectionEffect[], kind: string): ElectionEffect[] {
  return effects.filter((effect) => effect.type === "send" && effect.message.kind === kind);
}

const isCall = ({ type }: ElectionEffect) => type === "call-enclave";

Deno.test("after a restart the term of the last vote is open, though nothing tells what opened it", () => {
  const { others: [self] } = rolesIn(1);
  strictEqual(voterOf(self, { lastVote: { term: 3, digest: "any" } }).election.term, 3);
});

Deno.test("who gave up a later term has given up this one, collector or not", () => {
  const terms = new OpenTerms({ term: 0, id: fakeRules("a").genesis }, 0);
  terms.note(fakeRules("c").signGaveUp(fakeRules("c").genesis, 5));
  ok(terms.hasGivenUp("c"));
  ok(!terms.hasGivenUp("b"));
});

Deno.test("a bundle of a view that is another by now is not called with", () => {
  const [first, sender, self] = ALL;
  const voter = voterOf(self);
  const proposal = proposalIn(1);
  const votes = ALL.map((id) => fakeRules(id).signVote(1, fakeRules(self).digest(proposal)));
  ok(callStaggerMs > 0, `${first} is before it in line, so that there is time for another view`);
  voter.hear(sender, { kind: "bundle", proposal, votes });
  voter.election.step(viewEvent(ALL, ["d"], ALL), voter.nowMs);
  const changed = voter.election.step(viewEvent([...ALL, "d"], [], [...ALL, "d"]), voter.nowMs);
  const later = voter.election.step({ type: "tick" }, voter.nowMs + ALL.length * callStaggerMs);
  deepStrictEqual([...changed, ...later].filter(isCall), []);
});

Deno.test("votes for a view that is another by now make no call", () => {
  const { collector: self, others: [other] } = rolesIn(1);
  const voter = voterOf(self);
  const proposed = voter.election.step({ type: "tick" }, voter.nowMs);
  strictEqual(sentOf(proposed, "proposal").length, 1);
  voter.election.step(viewEvent([...ALL, "d"], [], ALL), voter.nowMs);
  const digest = fakeRules(self).digest(proposalIn(1));
  const vote = fakeRules(other).signVote(1, digest);
  deepStrictEqual(voter.hear(other, { kind: "vote", term: 1, digest, vote }).filter(isCall), []);
});

Deno.test("who has had company does not wait for its seeds when it is alone again", () => {
  const election = new OpenElection({
    self: "a",
    rules: fakeRules("a"),
    settings: LOCAL_ELECTION,
    memory: {},
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: true,
  });
  election.step({ type: "keys", kids: [KID], preferred: KID }, 0);
  election.step(viewEvent(["a", "b"]), 0);
  election.step({ type: "joined" }, 0);
  election.step(viewEvent(["a"], ["b"], ["a", "b"]), 0);
  ok(settleMs < joinGraceMs);
  strictEqual(election.step({ type: "tick" }, settleMs).filter(isCall).length, 1);
});

Deno.test("with a new head the timeouts of terms begin anew", () => {
  const { others: [self] } = rolesIn(1);
  const voter = voterOf(self);
  for (let term = 1; term <= 4; term++) voter.giveUp(ALL, term);
  const certificate = certifiedIn(7, ["a", "b"]);
  voter.election.step({ type: "certificate", certificate, from: "b" }, voter.nowMs);
  voter.election.step({ type: "tick" }, voter.nowMs);
  const dueMs = voter.election.deadlineMs()! - voter.nowMs;
  ok(dueMs <= 1.25 * termTimeoutMs, `${dueMs} ms`);
});

Deno.test("an attempt that was overdue for want of a key makes the next one no shorter", () => {
  const { others: [self] } = rolesIn(1);
  const voter = voterOf(self);
  voter.election.step({ type: "keys", kids: [], preferred: undefined }, voter.nowMs);
  let nowMs = voter.nowMs + 2 * termTimeoutMs;
  voter.election.step({ type: "tick" }, nowMs);
  voter.election.step(viewEvent([...ALL, "d"], [], ALL), nowMs);
  nowMs += settleMs;
  const begun = [
    ...voter.election.step({ type: "keys", kids: [KID], preferred: KID }, nowMs),
    ...voter.election.step({ type: "tick" }, nowMs + 1),
  ];
  deepStrictEqual(sentOf(begun, "gave-up"), []);
});

Deno.test("a new head voids the proposals for the one before without a word", () => {
  const { collector, others: [self] } = rolesIn(1);
  const voter = voterOf(self);
  strictEqual(sentOf(voter.propose(collector, proposalIn(2)), "refusal").length, 1);
  const certificate = certifiedIn(1, ["a", "b"]);
  const effects = [
    ...voter.election.step({ type: "certificate", certificate, from: "b" }, voter.nowMs),
    ...voter.election.step({ type: "tick" }, voter.nowMs),
  ];
  deepStrictEqual(sentOf(effects, "refusal"), []);
});
