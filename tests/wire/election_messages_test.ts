import { deepStrictEqual, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { generateIdentity, type Identity } from "../../lib/crypto/ed25519.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type { ElectionMessage } from "../../lib/election/types.ts";
import { openElectionRules } from "../../lib/node/election_rules.ts";
import {
  decodeElection,
  ELECTION_BODY_BYTES_MAX,
  ELECTION_KINDS,
  encodeElection,
} from "../../lib/wire/election_messages.ts";
import { digest, MESSAGES, people, proposal, rules, votes } from "./_open_samples.ts";
import { digestOf, domain } from "./_roster_samples.ts";

function decode(kind: ElectionMessage["kind"], body: Uint8Array, sender: Identity = people[0]) {
  return decodeElection({ senderKey: sender.publicKey, kind: ELECTION_KINDS[kind], body }, domain);
}

for (const message of MESSAGES) {
  Deno.test(`a ${message.kind} message survives the wire`, () => {
    deepStrictEqual(decode(message.kind, encodeElection(message)), { ok: true, message });
  });

  Deno.test(`a ${message.kind} message cut at any byte is dropped`, () => {
    const body = encodeElection(message);
    for (let length = 0; length < body.length; length++) {
      strictEqual(decode(message.kind, body.subarray(0, length)).ok, false);
    }
  });

  Deno.test(`a ${message.kind} message with a trailing byte is dropped`, () => {
    const body = encodeElection(message);
    strictEqual(decode(message.kind, Uint8Array.of(...body, 0)).ok, false);
  });
}

Deno.test("a vote counts only under the key of who sent it", () => {
  const body = encodeElection(MESSAGES[1]);
  strictEqual(decode("vote", body, people[1]).ok, false);
});

Deno.test("votes and give-ups of another cluster or function are dropped", () => {
  const elsewhere = [
    { ...domain, cluster: "other" },
    { ...domain, checksum: sha256(Uint8Array.of(9)) },
  ];
  for (const other of elsewhere) {
    for (const kind of ["vote", "gave-up", "bundle"] as const) {
      const message = MESSAGES.find((message) => message.kind === kind)!;
      const opened = {
        senderKey: people[0].publicKey,
        kind: ELECTION_KINDS[kind],
        body: encodeElection(message),
      };
      strictEqual(decodeElection(opened, other).ok, false, kind);
    }
  }
});

Deno.test("a bundle with too few, doubled, foreign or false votes is dropped", () => {
  const stranger = openElectionRules(generateIdentity(), domain).signVote(7, digest);
  const otherTerm = rules[3].signVote(8, digest);
  const bad = [
    votes.slice(0, 2),
    [votes[0], votes[0], votes[1]],
    [votes[0], votes[1], stranger],
    [votes[0], votes[1], otherTerm],
  ];
  for (const list of bad) {
    const body = encodeElection({ kind: "bundle", proposal, votes: list });
    strictEqual(decode("bundle", body).ok, false);
  }
});

Deno.test("a forged give-up among genuine ones drops the message", () => {
  const statements = rules.map((own) => own.signGaveUp(digestOf(2), 9));
  statements[2] = { ...statements[2], signature: statements[1].signature };
  strictEqual(decode("gave-up", encodeElection({ kind: "gave-up", statements })).ok, false);
});

Deno.test("a body over the limit and an unknown kind are dropped", () => {
  strictEqual(decode("certificate", new Uint8Array(ELECTION_BODY_BYTES_MAX + 1)).ok, false);
  const opened = { senderKey: people[0].publicKey, kind: 200, body: encodeElection(MESSAGES[0]) };
  deepStrictEqual(decodeElection(opened, domain), { ok: false, reason: "kind" });
});

Deno.test("random and mutated bodies never throw and never change a signed statement", () => {
  const prng = createPrng(20261121);
  for (let i = 0; i < 3_000; i++) {
    const message = MESSAGES[prng.below(MESSAGES.length)];
    const body = encodeElection(message);
    const changes = 1 + prng.below(3);
    for (let c = 0; c < changes; c++) body[prng.below(body.length)] = prng.below(256);
    const decoded = decode(message.kind, body);
    if (!decoded.ok) continue;
    if (decoded.message.kind === "vote") deepStrictEqual(decoded.message, message);
    if (decoded.message.kind === "gave-up") deepStrictEqual(decoded.message, message);
  }
  for (let i = 0; i < 3_000; i++) {
    const body = new Uint8Array(prng.below(200)).map(() => prng.below(256));
    const kind = MESSAGES[prng.below(MESSAGES.length)].kind;
    strictEqual(decode(kind, body).ok, false);
  }
});
