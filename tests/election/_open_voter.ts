/** One voter of an open cluster of three, asked by hand, and what its others would say. */
import { createPrng } from "../../lib/base/prng.ts";
import type { ElectionMemory } from "../../lib/election/open_context.ts";
import { OpenElection } from "../../lib/election/open_election.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { ElectionMessage, Proposal } from "../../lib/election/types.ts";
import { candidate, certify, fakeRules, KID, viewEvent } from "./harness.ts";

export const ALL = ["a", "b", "c"];
const { genesis } = fakeRules("a");

/** Who collects in a term after a head, and somebody who does not. */
export function rolesIn(term: number, prev = genesis) {
  const collector = fakeRules("a").collector(prev, term, ALL);
  const others = ALL.filter((id) => id !== collector);
  return { collector, others };
}

export function proposalIn(term: number, change: Partial<Proposal> = {}): Proposal {
  return { term, prev: genesis, kid: KID, active: ALL.map(candidate), ...change };
}

/** A voter that sees all three and has verified the key. */
export function voterOf(self: string, memory: ElectionMemory = {}) {
  const rules = fakeRules(self);
  const election = new OpenElection({
    self,
    rules,
    settings: LOCAL_ELECTION,
    memory,
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: false,
  });
  election.step({ type: "keys", kids: [KID], preferred: KID }, 0);
  election.step(viewEvent(ALL), 0);
  const nowMs = LOCAL_ELECTION.settleMs;
  const hear = (sender: string, message: Exclude<ElectionMessage, { kind: "certificate" }>) =>
    election.step({ type: "message", sender, message }, nowMs);
  return {
    election,
    nowMs,
    hear,
    propose: (sender: string, proposal: Proposal, digest = rules.digest(proposal)) => {
      const { term, prev, kid } = proposal;
      return hear(sender, { kind: "proposal", proposal: { term, prev, kid, digest } });
    },
    giveUp: (voters: readonly string[], term: number) => {
      const statements = voters.map((voter) => fakeRules(voter).signGaveUp(genesis, term));
      return hear(voters[0], { kind: "gave-up", statements });
    },
  };
}

/** A certificate of these nodes. */
export function certifiedIn(term: number, active: readonly string[]) {
  const proposal = proposalIn(term, { active: active.map(candidate) });
  const digest = fakeRules(active[0]).digest(proposal);
  const votes = active.map((id) => fakeRules(id).signVote(term, digest));
  return certify(digest, proposal, votes);
}
