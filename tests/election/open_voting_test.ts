/** One voter of an open cluster, asked by hand: what it votes for, and what it refuses with which reason, since others learn from that. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { ElectionEffect, Proposal } from "../../lib/election/types.ts";
import { ALL, certifiedIn, proposalIn, rolesIn, voterOf } from "./_open_voter.ts";
import { candidate, fakeRules, viewEvent } from "./harness.ts";

/** What a voter answers to a proposal: `vote`, or why not. */
function answerIn(effects: readonly ElectionEffect[]): string | undefined {
  for (const effect of effects) {
    if (effect.type !== "send") continue;
    if (effect.message.kind === "vote") return "vote";
    if (effect.message.kind === "refusal") return effect.message.reason;
  }
  return undefined;
}

Deno.test("a voter votes for its own view by the term's collector, and stores that first", () => {
  const { collector, others: [self] } = rolesIn(1);
  const effects = voterOf(self).propose(collector, proposalIn(1));
  strictEqual(answerIn(effects), "vote");
  const kinds = effects.map((effect) => effect.type === "send" ? effect.message.kind : effect.type);
  const wanted = ["persist-vote", "vote"];
  deepStrictEqual(kinds.filter((kind) => wanted.includes(kind)), wanted);
});

Deno.test("a voter refuses another head, term, key, view or collector, each for its own reason", () => {
  const { collector, others: [self, other] } = rolesIn(1);
  const asked = (sender: string, proposal: Proposal) =>
    answerIn(voterOf(self).propose(sender, proposal));
  strictEqual(asked(collector, proposalIn(1, { prev: "another" })), "prev");
  strictEqual(asked(collector, proposalIn(2)), "term-not-open");
  strictEqual(asked(collector, proposalIn(1, { kid: "another" })), "kid");
  strictEqual(asked(collector, proposalIn(1, { active: ALL.slice(1).map(candidate) })), "view");
  strictEqual(asked(other, proposalIn(1)), "collector");
});

Deno.test("a voter shows who proposes in a term that is over what opened the next", () => {
  const { collector, others: [self, other] } = rolesIn(1);
  const voter = voterOf(self);
  voter.giveUp([collector, other], 1);
  strictEqual(voter.election.term, 2);
  const effects = voter.propose(collector, proposalIn(1));
  strictEqual(answerIn(effects), "term-over");
  const shown = effects.flatMap((effect) =>
    effect.type === "send" && effect.message.kind === "gave-up" ? [effect.message.statements] : []
  );
  deepStrictEqual(shown.map((statements) => statements.length), [2]);
});

Deno.test("a voter does not vote twice in a term, also when the first vote was before a restart", () => {
  const { collector, others: [self] } = rolesIn(1);
  const restarted = voterOf(self, { lastVote: { term: 1, digest: "another" } });
  strictEqual(answerIn(restarted.propose(collector, proposalIn(1))), "voted");
  const same = fakeRules(self).digest(proposalIn(1));
  const again = voterOf(self, { lastVote: { term: 1, digest: same } });
  strictEqual(answerIn(again.propose(collector, proposalIn(1))), "vote");
});

Deno.test("a voter does not vote back, when a head of an earlier term than its vote turns up", () => {
  const head = certifiedIn(3, ["a", "b"]);
  const { collector, others: [self] } = rolesIn(4, head.id);
  const voter = voterOf(self, { lastVote: { term: 9, digest: "later" } });
  voter.election.step({ type: "certificate", certificate: head, from: collector }, voter.nowMs);
  strictEqual(voter.election.term, 4);
  const back = proposalIn(4, { prev: head.id });
  const effects = [
    ...voter.election.step({ type: "tick" }, 2 * voter.nowMs),
    ...voter.propose(collector, back),
  ];
  strictEqual(answerIn(effects), "voted");
});

Deno.test("a head never goes back, whoever brings an earlier certificate", () => {
  const [earlier, later] = [certifiedIn(2, ALL), certifiedIn(5, ALL)];
  const voter = voterOf("a");
  const take = (certificate: typeof later) =>
    voter.election.step({ type: "certificate", certificate, from: "b" }, voter.nowMs);
  take(later);
  deepStrictEqual(voter.election.head, { term: 5, id: later.id });
  deepStrictEqual(take(earlier), []);
  deepStrictEqual(voter.election.head, { term: 5, id: later.id });
});

Deno.test("a certificate is respected by a view of exactly its active nodes, not by as many others", () => {
  const certificate = certifiedIn(2, ALL);
  const voter = voterOf("a");
  const respected = () => voter.election.respected?.id;
  voter.election.step({ type: "certificate", certificate, from: "b" }, voter.nowMs);
  strictEqual(respected(), certificate.id);
  voter.election.step(viewEvent(["a", "b", "d"], ["c"], ALL), voter.nowMs);
  strictEqual(respected(), undefined);
  voter.election.step(viewEvent(ALL, ["d"], [...ALL, "d"]), voter.nowMs);
  strictEqual(respected(), certificate.id);
});

Deno.test("who is not known is not heard", () => {
  const { others: [self] } = rolesIn(1);
  deepStrictEqual(voterOf(self).propose("stranger", proposalIn(1)), []);
});

Deno.test("a bundle is called with, and one for another head is void", () => {
  const { collector, others: [self] } = rolesIn(1);
  const isCalledWith = (proposal: Proposal) => {
    const voter = voterOf(self);
    const digest = fakeRules(self).digest(proposal);
    const votes = ALL.map((id) => fakeRules(id).signVote(1, digest));
    const effects = [
      ...voter.hear(collector, { kind: "bundle", proposal, votes }),
      ...voter.election.step(
        { type: "tick" },
        voter.nowMs + ALL.length * LOCAL_ELECTION.callStaggerMs,
      ),
    ];
    return effects.some((effect) => effect.type === "call-enclave");
  };
  ok(isCalledWith(proposalIn(1)));
  ok(!isCalledWith(proposalIn(1, { prev: "another" })));
});

Deno.test("a collector counts votes for its own proposal, of who is in its view", () => {
  const { collector: self, others: [other] } = rolesIn(1);
  const voter = voterOf(self);
  voter.election.step(viewEvent(ALL, ["d"], ALL), voter.nowMs);
  voter.election.step({ type: "tick" }, 2 * voter.nowMs);
  const digest = fakeRules(self).digest(proposalIn(1));
  const isComplete = (sender: string, about: string) => {
    const vote = fakeRules(sender).signVote(1, about);
    const effects = voter.hear(sender, { kind: "vote", term: 1, digest: about, vote });
    return effects.some((effect) => effect.type === "call-enclave");
  };
  ok(!isComplete(other, "another"), "another digest");
  ok(!isComplete("d", digest), "known, and not active");
  ok(isComplete(other, digest));
});
