/**
 * The verifier without dependencies: it agrees with the project's own on everything that is accepted and everything that is refused, on Deno
 * and, where it is installed, on Node.
 */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { generateKeyPairSync } from "node:crypto";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import { provePossession, verifyCertificate } from "../../lib/certificate/mod.ts";
import {
  createChallenge,
  verifyCertificate as verifyAlone,
  verifyPossession,
} from "../../lib/certificate/standalone/fumata_verify.js";
import { sha256 } from "../../lib/crypto/digest.ts";
import { NO_SIGNATURE } from "../function/_election.ts";
import {
  type ConfigFields,
  configFields,
  configOf,
  everybody,
  rosterProposal,
  rosterVotes,
  voters,
} from "../function/_roster.ts";
import { certificateKey, testIdentity } from "../function/_world.ts";
import { enclaveSign, issue, type Unsigned } from "./_issue.ts";
import {
  DOMAIN,
  idOf,
  issueClosing,
  issueRoster,
  PROPOSAL,
  quorumVotes,
  VOTERS,
} from "./_issue_roster.ts";
import { type StandaloneCase, testAgreement } from "./_standalone.ts";

const key = certificateKey();

/** A case for a roster, told by the fields of its `cluster.json`. */
type Case = Pick<StandaloneCase, "what" | "document" | "stored" | "wanted"> & {
  readonly fields: ConfigFields;
  readonly tees?: Readonly<Record<string, string>>;
};

const good = issueRoster();
const fields = configFields(4, 1);
const lying = (change: (claims: Unsigned["claims"]) => void) =>
  issueRoster(({ claims }) => {
    change(claims);
    claims.jti = idOf(claims);
  });
const other = (index: number) => configOf(fields).roster[index];

function* drawCases(): Generator<Case> {
  for (const policy of ["highest", "random", "weighted"]) {
    for (const sticky of [false, true]) {
      const drawn = configFields(7, 2, { policy, sticky, ...(sticky ? { maxTenure: 2 } : {}) });
      drawn.roster.forEach((member: ConfigFields, i: number) => member.weight = 1 + i * 7);
      for (const tenure of [1, 2]) {
        const prev = base64url(sha256(utf8(`${policy} ${tenure}`)));
        const bitmap = base64url(Uint8Array.of(0b1011011));
        const proposal = { ...PROPOSAL, prev, bitmap, incumbent: voters(7)[3].id, tenure };
        const document = issueRoster(() => {}, proposal, configOf(drawn));
        yield { what: `${policy}, sticky ${sticky}, tenure ${tenure}`, document, fields: drawn };
      }
    }
  }
}

/** Names whose order is by host, then by port as a number, then by text. */
function* nameCases(): Generator<Case> {
  const lists = [["b:1", "a:9", "a:10"], ["a:9", "a:10", "a"], ["a:09", "a:9", "a8"], [
    "b",
    "a",
    "c",
  ]];
  for (const names of lists) {
    const fields = configFields(3, 0, { policy: "highest" });
    fields.roster.forEach((member: ConfigFields, i: number) => member.name = names[i]);
    const document = issueRoster(
      () => {},
      { ...PROPOSAL, bitmap: everybody(3) },
      configOf(fields),
    );
    yield { what: `the highest of ${names.join(", ")}`, document, fields };
  }
}

const stored = (term: number, id = PROPOSAL.prev) => ({ cluster: "test", term, id });

const CASES: readonly Case[] = [
  { what: "a good certificate", document: good, fields },
  ...drawCases(),
  ...nameCases(),
  ...[1, 2, 3, 5, 8, 64].map((count): Case => ({
    what: `a roster of ${count}`,
    document: issueRoster(
      () => {},
      { ...PROPOSAL, bitmap: everybody(count) },
      configOf(configFields(count, 0)),
    ),
    fields: configFields(count, 0),
  })),
  // Each length of a number in CBOR.
  ...[23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32].map((term): Case => ({
    what: `term ${term}`,
    document: issueRoster(() => {}, { ...PROPOSAL, term }),
    fields,
  })),
  ...[[voters(3)[0].id, 3], ["", 0]].map(([incumbent, tenure]): Case => ({
    what: `the greatest term, tenure ${tenure}`,
    document: issueRoster(() => {}, {
      ...PROPOSAL,
      prev: base64url(sha256(utf8("x"))),
      term: 2 ** 53 - 1,
      incumbent: incumbent as string,
      tenure: tenure as number,
    }),
    fields,
  })),
  ...Object.entries({
    "another drawn leader": lying((c) => {
      const member = [0, 1].map(other).find(({ id }) => base64url(id) !== c.sub)!;
      c.sub = base64url(member.id);
      c.name = member.name;
      c.cnf.jwk.x = base64url(member.key);
    }),
    "another leader's key": lying((c) => c.cnf.jwk.x = base64url(testIdentity(9).publicKey)),
    "another lease": lying((c) => c.lease = 9),
    "another policy": lying((c) => c.policy = "highest"),
    "another config": lying((c) => c.config = c.digest),
    "another function": lying((c) => c.iss = `fumata:${"00".repeat(32)}`),
    "another cluster": lying((c) => c.aud = "other"),
    "another id": issueRoster(({ claims }) => claims.jti = claims.digest),
    "another tenure": lying((c) => c.tenure = 5),
    "another beacon": lying((c) => c.beacon = base64url(enclaveSign(utf8("x")))),
    "an incumbent at genesis": issueRoster(() => {}, {
      ...PROPOSAL,
      incumbent: VOTERS[0].id,
      tenure: 1,
    }),
    "a stranger as incumbent": issueRoster(() => {}, {
      ...PROPOSAL,
      prev: base64url(sha256(utf8("x"))),
      incumbent: testIdentity(9).id,
      tenure: 1,
    }),
    "nobody active": issueRoster(() => {}, { ...PROPOSAL, bitmap: "AA" }),
    "a bit beyond the roster": issueRoster(() => {}, { ...PROPOSAL, bitmap: "Hw" }),
    "a minority": { ...good, bundle: good.bundle.slice(1) },
    "no votes": { ...good, bundle: [] },
    "a vote twice": { ...good, bundle: [good.bundle[0], good.bundle[1], good.bundle[1]] },
    "a stranger's vote": {
      ...good,
      bundle: [...good.bundle, ...rosterVotes(DOMAIN, PROPOSAL, [testIdentity(9)])],
    },
    "a forged vote": {
      ...good,
      bundle: [...good.bundle.slice(1), { ...good.bundle[0], signature: NO_SIGNATURE }],
    },
    "votes with each other's signatures": {
      ...good,
      bundle: good.bundle.map(({ key }, i) => ({
        key,
        signature: good.bundle.at(i - 1)!.signature,
      })),
    },
    "votes for another term": { ...good, bundle: quorumVotes({ ...PROPOSAL, term: 2 }) },
    "a changed signature": { ...good, certificate: good.certificate.slice(0, -8) + "AAAAAAAA" },
  }).map(([what, document]) => ({ what, document, fields })),
  ...[
    { ...DOMAIN, checksum: sha256(utf8("another function")) },
    { ...DOMAIN, cluster: "other" },
  ].map((domain): Case => ({
    what: `all that is genuine in ${domain.cluster} ${hex(domain.checksum).slice(0, 8)}`,
    document: issueRoster(() => {}, rosterProposal(domain, 4), configOf(fields), domain),
    fields,
  })),
  {
    what: "a successor that begins from nothing",
    document: issueRoster(
      () => {},
      PROPOSAL,
      configOf(configFields(4, 1, { succeeds: "ab".repeat(32) })),
    ),
    fields: configFields(4, 1, { succeeds: "ab".repeat(32) }),
  },
  ...Object.entries({
    "an open certificate": issue(),
    "a closing certificate": issueClosing(),
    "nothing": undefined,
    "no bundle": { certificate: good.certificate },
    "a text": "x",
    "a cut certificate": { ...good, certificate: good.certificate.slice(0, 300) },
    "a short signature": { ...good, certificate: good.certificate.slice(0, -8) },
    "a padded certificate": { ...good, certificate: `${good.certificate}=` },
    "an unknown claim": issueRoster(({ claims }) => claims.exp = 1),
    "a missing claim": issueRoster(({ claims }) => delete claims.lease),
    "another type": issueRoster(({ header }) => header.typ = "JWT"),
    "the type of open clusters": issueRoster(({ header }) => header.typ = "election-open+jwt"),
    "the type of closings": issueRoster(({ header }) => header.typ = "election-closing+jwt"),
    "a vote that is none": { ...good, bundle: [...good.bundle, { key: "AA", signature: "AA" }] },
    "alg none": issueRoster(({ header }) => header.alg = "none"),
    "a key of its own": issueRoster(({ header }) => header.jwk = key.jwk),
  }).map(([what, document]) => ({ what, document, fields, wanted: "document" as const })),
  { what: "a key of another TEE", document: good, fields, tees: { [key.kid]: "nitro" } },
  { what: "a key of its TEE", document: good, fields, tees: { [key.kid]: "simulated" } },
  { what: "the stored certificate again", document: good, fields, stored: stored(1, idOfGood()) },
  { what: "a later certificate", document: good, fields, stored: { ...stored(1), term: 0 } },
  { what: "a fork", document: good, fields, stored: stored(1), wanted: "fence" },
  {
    what: "the term of another cluster",
    document: good,
    fields,
    stored: { ...stored(1, idOfGood()), cluster: "other" },
    wanted: "fence",
  },
  { what: "an old term", document: good, fields, stored: stored(2), wanted: "fence" },
];

function idOfGood(): string {
  const verdict = verifyCertificate(good, pinsOf(fields));
  assert(verdict.ok);
  return verdict.certificate.id;
}

/** What both kinds of pins say. */
const ALONE = { checksum: hex(DOMAIN.checksum), keys: [key.jwk] };
const PINS = { ...ALONE, clusterJson: JSON.stringify(fields) };

function pinsOf(fields: ConfigFields) {
  const config = configOf(fields);
  return { domain: DOMAIN, keys: new Map([[key.kid, key]]), config, allowOpen: false };
}

testAgreement(
  "rosters",
  CASES.map(({ fields, tees = {}, ...rest }): StandaloneCase => ({
    ...rest,
    pins: { ...pinsOf(fields), tees: new Map(Object.entries(tees)) },
    alonePins: { ...ALONE, clusterJson: JSON.stringify(fields), tees },
  })),
  36,
);

Deno.test("it refuses keys of small order and signatures with another text, as the project does", async () => {
  const pins = PINS;
  const [vote] = good.bundle;
  const signature = fromBase64url(vote.signature)!;
  // S + L is the same scalar in another text (RFC 8032, section 5.1.7).
  const order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010".match(/../g)!;
  let carry = 0;
  for (let i = 0; i < 32; i++) {
    const sum = signature[32 + i] + parseInt(order[i], 16) + carry;
    signature[32 + i] = sum & 0xff;
    carry = sum >> 8;
  }
  const malleable = { ...vote, signature: base64url(signature) };
  const smallOrder = {
    key: base64url(Uint8Array.of(1, ...new Uint8Array(31))),
    signature: base64url(Uint8Array.of(1, ...new Uint8Array(63))),
  };
  for (const wrong of [malleable, smallOrder]) {
    const document = { ...good, bundle: [...good.bundle.slice(1), wrong] };
    const verdict = await verifyAlone(document, pins);
    assert(!verdict.ok);
    assertEquals(verdict.failures.map(({ check }: { check: string }) => check), ["vote"]);
  }
});

Deno.test("it refuses keys that are no good, and trusts those that are", async () => {
  const { n } = key.jwk;
  for (const keys of [[], [{ kty: "RSA", n, e: "Aw" }], [{ kty: "oct", k: "AA" }]]) {
    const verdict = await verifyAlone(good, { ...PINS, keys });
    assert(!verdict.ok && verdict.failures[0].check === "key");
  }
});

Deno.test("it refuses a key with another exponent, also when the certificate is signed under it", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicExponent: 3,
  });
  const { kty, n, e } = publicKey.export({ format: "jwk" });
  const kid = base64url(sha256(utf8(JSON.stringify({ e, kty, n }))));
  const pem = String(privateKey.export({ format: "pem", type: "pkcs8" }));
  const proposal = { ...PROPOSAL, kid };
  const document = issueRoster(() => {}, proposal, configOf(fields), DOMAIN, pem);
  const verdict = await verifyAlone(document, { ...PINS, keys: [{ kty, n, e }] });
  assert(!verdict.ok);
  assertEquals(verdict.failures.map(({ check }: { check: string }) => check), ["key"]);
});

Deno.test("it rejects pins that make no sense", async () => {
  const pins = PINS;
  const clusterJson = (change: object) => JSON.stringify({ ...fields, ...change });
  for (
    const wrong of [
      { checksum: "xyz" },
      { clusterJson: "{" },
      { clusterJson: clusterJson({ roster: [] }) },
      { clusterJson: clusterJson({ faultBound: 2 }) },
      { clusterJson: clusterJson({ roster: Array(4).fill(fields.roster[0]) }) },
    ]
  ) await rejects(verifyAlone(good, { ...pins, ...wrong }));
});

Deno.test("it proves possession as the project's nodes do", async () => {
  const verdict = await verifyAlone(good, PINS);
  assert(verdict.ok);
  const { certificate } = verdict;
  const leader = VOTERS.find(({ id }) => id === certificate.leader)!;
  const stranger = VOTERS.find(({ id }) => id !== certificate.leader)!;
  const challenge = createChallenge();
  const answerOf = (identity: typeof leader, asked = challenge) =>
    provePossession(identity, DOMAIN, { certificate: certificate.id, challenge: asked });
  assert(await verifyPossession(certificate, challenge, answerOf(leader)));
  assert(!await verifyPossession(certificate, challenge, answerOf(stranger)));
  assert(!await verifyPossession(certificate, challenge, answerOf(leader, createChallenge())));
  assert(!await verifyPossession(certificate, challenge, 5));
});
