/** A roster of ten, and every election message of it with true signatures: for the tests of the codec and for the fuzzers. */
import { base64url } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type {
  ClosingProposal,
  LeaderProposal,
  RosterMessage,
} from "../../lib/election/roster/types.ts";
import type { RosterDoor } from "../../lib/wire/roster_fields.ts";
import { bytesOf, rosterElectionRules } from "../../lib/wire/roster_signing.ts";
import { successionMessage } from "../../function/leader-election/roster_rules.ts";
import { identityOf } from "./_fixtures.ts";

export const domain = { checksum: sha256(Uint8Array.of(1)), cluster: "test" };
export const digestOf = (seed: number) => base64url(sha256(Uint8Array.of(seed)));
export const people = Array.from({ length: 10 }, (_, i) => identityOf(20 + i));
export const voters = people.map((one) => ({ id: one.id, key: base64url(one.publicKey) }));
export const operator = identityOf(40);
export const door: RosterDoor = {
  domain,
  roster: { voters, votesNeeded: 7 },
  operatorKey: operator.publicKey,
};
let nonces = 0;
export const rules = people.map((one) =>
  rosterElectionRules(
    one,
    domain,
    voters,
    () => base64url(sha256(Uint8Array.of(++nonces)).slice(0, 16)),
  )
);

export const first: LeaderProposal = {
  type: "leader",
  term: 1,
  prev: digestOf(2),
  kid: digestOf(3),
  active: voters.slice(1).map((voter) => voter.id),
  tenure: 0,
};
export const proposal: LeaderProposal = { ...first, term: 7, incumbent: voters[4].id, tenure: 3 };
export const closing: ClosingProposal = {
  type: "closing",
  term: 8,
  prev: digestOf(2),
  kid: digestOf(3),
  successor: digestOf(9),
};
export const digest = rules[0].digest(proposal);
export const votes = rules.slice(0, 7).map((own) => own.signVote(7, digest));
export const seen = { term: 9, digest: digestOf(6), vote: rules[2].signVote(9, digestOf(6)) };
export const head = { term: 3, id: digestOf(4) };
export const nonce = rules[0].nonce();
export const heartbeat = { certificateId: digestOf(5), nonce, incarnation: 2, sequence: 70_000 };
export const twoVotes = [digestOf(6), digestOf(7)].map((digest) => ({
  term: 4,
  digest,
  vote: rules[5].signVote(4, digest),
}));
export const order = {
  successor: digestOf(9),
  signature: base64url(operator.sign(successionMessage(domain, bytesOf(digestOf(9))))),
};

/** Sent by the first voter. */
export const MESSAGES: RosterMessage[] = [
  { kind: "proposal", proposal, vote: rules[0].signVote(7, digest) },
  { kind: "proposal", proposal: first, vote: rules[0].signVote(1, rules[0].digest(first)) },
  { kind: "proposal", proposal: closing, vote: rules[0].signVote(8, rules[0].digest(closing)) },
  { kind: "vote", term: 7, digest, vote: votes[0] },
  { kind: "refusal", term: 7, digest, objection: { reason: "closed" }, head },
  { kind: "refusal", term: 7, digest, objection: { reason: "promise", waitMs: 321 }, head },
  {
    kind: "refusal",
    term: 7,
    digest,
    objection: { reason: "view", missing: [voters[9].id], forbidden: [voters[0].id, voters[8].id] },
    head,
  },
  { kind: "gave-up", statements: rules.map((own) => own.signGaveUp(digestOf(2), 9)), seen },
  { kind: "gave-up", statements: [rules[3].signGaveUp(digestOf(2), 9)] },
  { kind: "bundle", proposal, votes },
  { kind: "want-certificate", id: digestOf(5) },
  { kind: "certificate", document: { certificate: "a.b.c", bundle: votes } },
  { kind: "heartbeat", heartbeat: rules[0].signHeartbeat(heartbeat) },
  {
    kind: "heartbeat",
    heartbeat: rules[0].signHeartbeat({ ...heartbeat, echo: rules[1].nonce() }),
  },
  { kind: "lease-ack", ack: rules[0].signAck(digestOf(5), nonce) },
  { kind: "ack-refusal", certificateId: digestOf(5), reason: "voted", head },
  { kind: "ack-refusal", certificateId: digestOf(5), reason: "echo", head, bootNonce: nonce },
  { kind: "step-down", stepDown: rules[6].signStepDown(digestOf(5)) },
  { kind: "evidence", votes: [twoVotes[0], twoVotes[1]] },
  { kind: "succession", order },
];
