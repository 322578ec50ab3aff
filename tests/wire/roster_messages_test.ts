import { deepStrictEqual, strictEqual } from "node:assert";
import { base64url } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { generateIdentity, type Identity } from "../../lib/crypto/ed25519.ts";
import type { LeaderProposal, RosterMessage } from "../../lib/election/roster/types.ts";
import type { RosterDoor } from "../../lib/wire/roster_fields.ts";
import {
  decodeRosterMessage,
  encodeRosterMessage,
  ROSTER_BODY_BYTES_MAX,
  ROSTER_KINDS,
} from "../../lib/wire/roster_messages.ts";
import { bitmapOfIds } from "../../lib/wire/roster_signing.ts";
import {
  closingProposalDigest,
  rosterDigest as rosterDigestOfTexts,
} from "../../lib/certificate/roster_proposal.ts";
import { rosterCertificate } from "../../lib/election/roster/certificate.ts";
import { ROSTER_MAX } from "../../function/leader-election/roster_rules.ts";
import { TERM_MAX } from "../../function/leader-election/rules.ts";
import { mutated } from "./_fixtures.ts";
import {
  closing,
  digest,
  digestOf,
  domain,
  door,
  MESSAGES,
  people,
  proposal,
  rules,
  seen,
  twoVotes,
  voters,
  votes,
} from "./_roster_samples.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";

function decode(
  message: { readonly kind: RosterMessage["kind"] },
  body: Uint8Array,
  sender: Identity = people[0],
  at: RosterDoor = door,
) {
  const opened = { senderKey: sender.publicKey, kind: ROSTER_KINDS[message.kind], body };
  return decodeRosterMessage(opened, at);
}

MESSAGES.forEach((message, i) => {
  const body = encodeRosterMessage(message, voters);

  Deno.test(`roster message ${i}, a ${message.kind}, survives the wire`, () => {
    deepStrictEqual(decode(message, body), { ok: true, message });
  });

  Deno.test(`roster message ${i}, a ${message.kind}, cut at any byte or made longer is dropped`, () => {
    for (let length = 0; length < body.length; length++) {
      strictEqual(decode(message, body.subarray(0, length)).ok, false);
    }
    strictEqual(decode(message, Uint8Array.of(...body, 0)).ok, false);
  });

  Deno.test(`roster message ${i}, a ${message.kind}, of who is not in the roster is dropped`, () => {
    deepStrictEqual(decode(message, body, generateIdentity()), { ok: false, reason: "claim" });
  });
});

/** Kinds whose body carries signatures that are checked at the door. */
const SIGNED = [
  "proposal",
  "vote",
  "gave-up",
  "bundle",
  "heartbeat",
  "lease-ack",
  "step-down",
  "evidence",
  "succession",
] as const;

Deno.test("what is signed for another cluster or function is dropped", () => {
  const elsewhere = [
    { ...domain, cluster: "other" },
    { ...domain, checksum: sha256(Uint8Array.of(9)) },
  ];
  for (const other of elsewhere) {
    for (const message of MESSAGES) {
      if (!(SIGNED as readonly string[]).includes(message.kind)) continue;
      const body = encodeRosterMessage(message, voters);
      strictEqual(decode(message, body, people[0], { ...door, domain: other }).ok, false);
    }
  }
});

Deno.test("votes, proposals, heartbeats and acks count only under the key of who sent them", () => {
  for (const message of MESSAGES) {
    if (!["proposal", "vote", "heartbeat", "lease-ack"].includes(message.kind)) continue;
    const body = encodeRosterMessage(message, voters);
    strictEqual(decode(message, body, people[1]).ok, false, message.kind);
  }
});

Deno.test("a bundle with too few, doubled or false votes is dropped", () => {
  const bad = [
    votes.slice(0, 6),
    [...votes.slice(0, 6), votes[0]],
    [...votes.slice(0, 6), rules[7].signVote(8, digest)],
    [...votes.slice(0, 6), { ...votes[5], key: voters[7].key }],
  ];
  for (const list of bad) {
    const body = encodeRosterMessage({ kind: "bundle", proposal, votes: list }, voters);
    strictEqual(decode({ kind: "bundle" }, body).ok, false);
  }
});

Deno.test("one false statement or a false sighting drops the whole gave-up message", () => {
  const statements = rules.map((own) => own.signGaveUp(digestOf(2), 9));
  const forged = statements.with(2, { ...statements[2], signature: statements[1].signature });
  const lie = { ...seen, vote: rules[3].signVote(9, digestOf(7)) };
  for (const message of [{ statements: forged }, { statements, seen: lie }]) {
    const body = encodeRosterMessage({ kind: "gave-up", ...message }, voters);
    strictEqual(decode({ kind: "gave-up" }, body).ok, false);
  }
});

Deno.test("a voter that stands twice in a bundle drops it, though there are enough others", () => {
  const body = (list: typeof votes) =>
    encodeRosterMessage({ kind: "bundle", proposal, votes: list }, voters);
  strictEqual(decode({ kind: "bundle" }, body(votes)).ok, true);
  strictEqual(decode({ kind: "bundle" }, body([...votes, votes[0]])).ok, false);
});

Deno.test("the greatest term is none: there would be no next one", () => {
  for (const [term, isTaken] of [[TERM_MAX - 1, true], [TERM_MAX, false]] as const) {
    const vote = rules[0].signVote(term, digest);
    const body = encodeRosterMessage({ kind: "vote", term, digest, vote }, voters);
    strictEqual(decode({ kind: "vote" }, body).ok, isTaken);
  }
});

Deno.test("a refusal says nothing that its reason does not have", () => {
  const [closed, promise, view] = MESSAGES.filter((message) => message.kind === "refusal");
  const parts = [closed, promise, view].map((message) =>
    decodeCbor(encodeRosterMessage(message, voters)) as Cbor[]
  );
  for (const [place, of] of [[3, 1], [4, 2], [5, 2]]) {
    const body = encodeCbor(parts[0].with(place, parts[of][place]));
    strictEqual(decode({ kind: "refusal" }, body).ok, false);
  }
});

Deno.test("evidence of two equal votes is none", () => {
  const message = { kind: "evidence", votes: [twoVotes[0], twoVotes[0]] } as const;
  strictEqual(decode(message, encodeRosterMessage(message, voters)).ok, false);
});

Deno.test("a step-down that another signed is dropped", () => {
  const stepDown = { ...rules[6].signStepDown(digestOf(5)), leader: voters[5].id };
  const message = { kind: "step-down", stepDown } as const;
  strictEqual(decode(message, encodeRosterMessage(message, voters)).ok, false);
});

Deno.test("only the operator orders a succession, and only where the package names one", () => {
  const message = MESSAGES.at(-1)!;
  const body = encodeRosterMessage(message, voters);
  const other = { ...door, operatorKey: people[0].publicKey };
  strictEqual(decode(message, body, people[0], other).ok, false);
  strictEqual(decode(message, body, people[0], { ...door, operatorKey: undefined }).ok, false);
});

Deno.test("a proposal with a bit beyond the roster, nobody active, or a half incumbent is dropped", () => {
  const wider = [...voters, { id: digestOf(11), key: digestOf(12) }];
  const signed = (bad: LeaderProposal, list = voters) =>
    encodeRosterMessage(
      { kind: "proposal", proposal: bad, vote: rules[0].signVote(7, rules[0].digest(bad)) },
      list,
    );
  const bad = [
    signed({ ...proposal, active: [digestOf(11)] }, wider),
    signed({ ...proposal, active: [] }),
    signed({ ...proposal, incumbent: undefined }),
    signed({ ...proposal, tenure: 0 }),
    signed({ ...proposal, incumbent: digestOf(12) }),
  ];
  for (const body of bad) strictEqual(decode({ kind: "proposal" }, body).ok, false);
});

Deno.test("a message about a term without a statement is dropped", () => {
  const statements = [rules[3].signGaveUp(digestOf(2), 9)];
  const body = encodeRosterMessage({ kind: "gave-up", statements }, voters);
  const [prev, term, list, last] = decodeCbor(body) as Cbor[];
  const isTaken = (list: Cbor) =>
    decode({ kind: "gave-up" }, encodeCbor([prev, term, list, last])).ok;
  strictEqual(isTaken(list), true);
  strictEqual(isTaken([]), false);
});

Deno.test("a certificate with more votes than the largest roster has voters is dropped", () => {
  const vote = [new Uint8Array(32), new Uint8Array(64)];
  const bodyOf = (count: number) => encodeCbor(["a.b.c", Array(count).fill(vote)]);
  strictEqual(decode({ kind: "certificate" }, bodyOf(ROSTER_MAX)).ok, true);
  strictEqual(decode({ kind: "certificate" }, bodyOf(ROSTER_MAX + 1)).ok, false);
});

Deno.test("a body over the limit and an unknown kind are dropped", () => {
  const long = new Uint8Array(ROSTER_BODY_BYTES_MAX + 1);
  deepStrictEqual(decode({ kind: "certificate" }, long), { ok: false, reason: "too-long" });
  const opened = { senderKey: people[0].publicKey, kind: 63, body: new Uint8Array(1) };
  deepStrictEqual(decodeRosterMessage(opened, door), { ok: false, reason: "kind" });
});

Deno.test("mutated bodies never throw, and what is signed gets through unchanged or not at all", () => {
  const prng = createPrng(20261121);
  for (let i = 0; i < 2_000; i++) {
    const message = MESSAGES[prng.below(MESSAGES.length)];
    const body = mutated(encodeRosterMessage(message, voters), prng);
    const decoded = decode(message, body);
    if (!decoded.ok || !(SIGNED as readonly string[]).includes(message.kind)) continue;
    // A shorter list of statements or votes is still a true one.
    if (message.kind === "gave-up" || message.kind === "bundle") continue;
    deepStrictEqual(decoded.message, message);
  }
});

Deno.test("the digests of the core are those of certificates", () => {
  const bitmap = base64url(bitmapOfIds(voters, proposal.active));
  const texts = { ...proposal, bitmap, incumbent: proposal.incumbent ?? "" };
  strictEqual(rules[3].digest(proposal), base64url(rosterDigestOfTexts(domain, texts)));
  strictEqual(rules[3].digest(closing), base64url(closingProposalDigest(domain, closing)));
});

Deno.test("a verified certificate becomes the proposal that was voted on", () => {
  const { incumbent = "", tenure } = proposal;
  const bitmap = base64url(bitmapOfIds(voters, proposal.active));
  const verified = {
    ...{ id: digestOf(5), term: 7, prev: proposal.prev, kid: proposal.kid, digest },
    ...{ leader: voters[4].id, tee: "simulated", leaderName: "n", active: proposal.active },
    document: { certificate: "a.b.c", bundle: votes },
  };
  const election = { kind: "election", bitmap, incumbent, tenure, leaseMs: 480 } as const;
  const taken = rosterCertificate({ ...verified, roster: election });
  deepStrictEqual([taken?.proposal, taken?.leader], [proposal, voters[4].id]);
  const closed = rosterCertificate({
    ...verified,
    ...{ term: 8, leader: "", active: [] },
    roster: { kind: "closing", successor: closing.successor },
  });
  deepStrictEqual([closed?.proposal, closed?.leader], [closing, undefined]);
  strictEqual(rosterCertificate(verified), undefined);
});
