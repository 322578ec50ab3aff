/** Election messages of open clusters, one of each kind, by identities from fixed seeds. */
import { compareIds } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../../lib/base/bytes.ts";
import type { ElectionMessage, Proposal } from "../../lib/election/types.ts";
import { openElectionRules } from "../../lib/node/election_rules.ts";
import { identityOf } from "./_fixtures.ts";
import { digestOf, domain } from "./_roster_samples.ts";

export const people = Array.from({ length: 5 }, (_, i) => identityOf(60 + i));
export const rules = people.map((identity) => openElectionRules(identity, domain));

const active = people.map((identity, i) => ({
  id: identity.id,
  name: `n:${i}`,
  key: base64url(identity.publicKey),
})).sort((a, b) => compareIds(fromBase64url(a.id)!, fromBase64url(b.id)!));
export const proposal: Proposal = { term: 7, prev: digestOf(2), kid: digestOf(3), active };
export const digest = rules[0].digest(proposal);
export const votes = rules.slice(0, 3).map((own) => own.signVote(7, digest));

export const MESSAGES: readonly ElectionMessage[] = [
  { kind: "proposal", proposal: { term: 7, prev: digestOf(2), kid: digestOf(3), digest } },
  { kind: "vote", term: 7, digest, vote: votes[0] },
  { kind: "refusal", digest, reason: "view", head: { term: 3, id: digestOf(4) } },
  { kind: "gave-up", statements: rules.map((own) => own.signGaveUp(digestOf(2), 9)) },
  { kind: "bundle", proposal, votes },
  { kind: "want-certificate", id: digestOf(5) },
  { kind: "certificate", document: { certificate: "a.b.c", bundle: votes } },
];
