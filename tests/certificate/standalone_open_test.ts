/** The verifier without dependencies on certificates of open clusters: it agrees with the project's own, word for word, and fences nothing with them. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import {
  ACTIVE_NODES_MAX,
  certificateId,
  type Policy,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import type { CertificateDocument, ProposalTexts } from "../../lib/certificate/mod.ts";
import { verifyOpenCertificate } from "../../lib/certificate/standalone/fumata_verify.js";
import { sha256 } from "../../lib/crypto/digest.ts";
import { firstProposal, NO_SIGNATURE, testNodes, votesOf } from "../function/_election.ts";
import { certificateKey } from "../function/_world.ts";
import {
  claimsFor,
  DOMAIN,
  enclaveSign,
  issue,
  majority,
  NODES,
  PROPOSAL,
  signJws,
  type Unsigned,
} from "./_issue.ts";
import { issueClosing, issueRoster } from "./_issue_roster.ts";
import { type StandaloneCase, testAgreement } from "./_standalone.ts";

const key = certificateKey();
const good = issue();
const STRANGERS = testNodes(8).filter(({ name }) => name === "127.0.0.1:5007");

/** A certificate of an election among these nodes, with the votes of all of them. */
function elected(proposal: ProposalTexts, policy: Policy, nodes: typeof NODES) {
  const { header, claims } = claimsFor(DOMAIN, proposal, policy);
  return { certificate: signJws(header, claims), bundle: votesOf(DOMAIN, proposal, nodes) };
}

/** Changes what is said, and makes the id that of what is said then. */
function lying(change: (claims: Unsigned["claims"]) => void): CertificateDocument {
  return issue(({ claims }) => {
    change(claims);
    claims.jti = base64url(certificateId(sha256, DOMAIN, {
      term: claims.term,
      digest: fromBase64url(claims.digest)!,
      kid: fromBase64url(key.kid)!,
      beacon: sha256(fromBase64url(claims.beacon)!),
      leader: fromBase64url(claims.sub)!,
    }));
  });
}

/** Elections of all sizes, by both policies; names in whose order ports are numbers, and one name twice. */
function* elections(): Generator<[what: string, document: unknown]> {
  for (const policy of ["highest", "random"] as const) {
    for (const count of [1, 2, 3, 23, 24, ACTIVE_NODES_MAX]) {
      const nodes = testNodes(count);
      yield [`${count} by ${policy}`, elected(firstProposal(DOMAIN, nodes), policy, nodes)];
    }
  }
  for (const names of [["b:1", "a:9", "a:10"], ["a:9", "a:10", "a"], ["a:9", "a:09", "a:9"]]) {
    const nodes = testNodes(3);
    const { active, ...rest } = firstProposal(DOMAIN, nodes);
    const renamed = { ...rest, active: active.map((node, i) => ({ ...node, name: names[i] })) };
    yield [`the highest of ${names.join(", ")}`, elected(renamed, "highest", nodes)];
  }
  for (const term of [24, 2 ** 32, 2 ** 53 - 1]) {
    yield [`term ${term}`, elected({ ...PROPOSAL, term }, "random", NODES)];
  }
  yield ["another time", issue(({ claims }) => claims.iat++)];
}

/** What the last layer refuses, or the signatures do. */
const LIES: Readonly<Record<string, unknown>> = {
  "another leader": lying((c) => {
    const other = PROPOSAL.active.find((node) => node.id !== c.sub)!;
    c.sub = other.id;
    c.name = other.name;
    c.cnf.jwk.x = other.key;
  }),
  "another leader's key": lying((c) => c.cnf.jwk.x = PROPOSAL.active[0].key),
  "another name": lying((c) => c.name = "other"),
  "another policy": lying((c) => c.policy = "random"),
  "another id": issue(({ claims }) => claims.jti = claims.digest),
  "another list": lying((c) => c.active.pop()),
  "another name in the list": lying((c) => c.active[0].name = "other"),
  "another prev": lying((c) => c.prev = c.digest),
  "another term": lying((c) => c.term = 2),
  "another function": lying((c) => c.iss = `fumata:${"00".repeat(32)}`),
  "another cluster": lying((c) => c.aud = "other"),
  "another beacon": lying((c) => c.beacon = base64url(enclaveSign(utf8("x")))),
  "a short beacon": lying((c) => c.beacon = "AA"),
  "a signature of something else": {
    ...good,
    certificate: good.certificate.slice(0, -8) + "AAAAAAAA",
  },
  "a short signature": { ...good, certificate: good.certificate.slice(0, -8) },
  "a minority": { ...good, bundle: good.bundle.slice(1) },
  "no votes": { ...good, bundle: [] },
  "a vote twice": { ...good, bundle: [good.bundle[0], good.bundle[1], good.bundle[1]] },
  "a stranger's vote": {
    ...good,
    bundle: [...good.bundle, ...votesOf(DOMAIN, PROPOSAL, STRANGERS)],
  },
  "a forged vote": {
    ...good,
    bundle: [...good.bundle.slice(1), { ...good.bundle[0], signature: NO_SIGNATURE }],
  },
  "votes for another term": { ...good, bundle: majority({ ...PROPOSAL, term: 2 }) },
  "everything at once": {
    ...issue(({ claims }) => {
      claims.jti = claims.digest;
      claims.name = "other";
    }),
    bundle: [],
  },
};

/** What is none to begin with. */
const MALFORMED: Readonly<Record<string, unknown>> = {
  "nothing": undefined,
  "a text": "x",
  "a roster's certificate": issueRoster(),
  "a closing certificate": issueClosing(),
  "another type": issue(({ header }) => header.typ = "JWT"),
  "a type that objects have": issue(({ header }) => header.typ = "constructor"),
  "the type of rosters": issue(({ header }) => header.typ = "election+jwt"),
  "alg none": issue(({ header }) => header.alg = "none"),
  "a lease": issue(({ claims }) => claims.lease = 1),
  "nobody active": issue(({ claims }) => claims.active = []),
  "too many active": issue(({ claims }) =>
    claims.active = Array(ACTIVE_NODES_MAX + 1).fill(claims.active[0])
  ),
  "active out of order": issue(({ claims }) => claims.active.reverse()),
  "a node twice": issue(({ claims }) => claims.active[1] = claims.active[0]),
  "a node with more in it": issue(({ claims }) => claims.active[0].key = "x"),
  "a node without a name": issue(({ claims }) => claims.active[0].name = ""),
  "a name with a space": issue(({ claims }) => claims.name = "a b"),
  "a cluster of two lines": issue(({ claims }) => claims.aud = "a\nb"),
  "a key with more in it": issue(({ claims }) => claims.cnf.jwk.d = "x"),
  "an unknown policy": issue(({ claims }) => claims.policy = "weighted"),
  "an unknown TEE": issue(({ claims }) => claims.tee = "box"),
  "an unknown claim": issue(({ claims }) => claims.exp = 1),
  "a missing claim": issue(({ claims }) => delete claims.digest),
  "too many votes": { ...good, bundle: Array(ACTIVE_NODES_MAX + 1).fill(good.bundle[0]) },
  "a vote that is none": { ...good, bundle: [{ key: "AA", signature: "AA" }] },
  "too long a text": { ...good, certificate: "A".repeat(200_000) },
};

const CHECKSUM = hex(DOMAIN.checksum);

/** A case under the pins that fit, or under others. */
function caseOf(
  what: string,
  document: unknown,
  { domain = DOMAIN, keys = [key], tees = {}, wanted }: {
    domain?: typeof DOMAIN;
    keys?: (typeof key)[];
    tees?: Readonly<Record<string, string>>;
    wanted?: "document";
  } = {},
): StandaloneCase {
  const { checksum, cluster } = domain;
  return {
    what,
    document,
    pins: {
      domain,
      keys: new Map(keys.map((one) => [one.kid, one])),
      tees: new Map(Object.entries(tees)),
    },
    alonePins: { checksum: hex(checksum), cluster, keys: keys.map(({ jwk }) => jwk), tees },
    ...(wanted && { wanted }),
  };
}

const accepted = [...elections(), ["a good certificate", good] as const];

testAgreement("open clusters", [
  ...accepted.map(([what, document]) => caseOf(what, document)),
  caseOf("a key of its TEE", good, { tees: { [key.kid]: "simulated" } }),
  ...Object.entries(LIES).map(([what, document]) => caseOf(what, document)),
  ...Object.entries(MALFORMED).map(([what, document]) =>
    caseOf(what, document, { wanted: "document" })
  ),
  caseOf("a key of another TEE", good, { tees: { [key.kid]: "nitro" } }),
  caseOf("no key", good, { keys: [] }),
  caseOf("another function is wanted", good, {
    domain: { ...DOMAIN, checksum: sha256(utf8("another")) },
  }),
  caseOf("another cluster is wanted", good, { domain: { ...DOMAIN, cluster: "other" } }),
], accepted.length + 1);

Deno.test("what it finds in an open certificate is told apart from what a fence takes", async () => {
  const pins = { checksum: CHECKSUM, cluster: "test", keys: [key.jwk] };
  const verdict = await verifyOpenCertificate(good, pins);
  assert(verdict.ok && !("certificate" in verdict));
  const { id, leader, ...open } = verdict.open;
  assertEquals(open, {
    cluster: "test",
    term: 1,
    leaderName: "127.0.0.1:5004",
    policy: "highest",
    checksum: CHECKSUM,
    activeNodes: NODES.length,
  });
  assertEquals([id.length, leader.length], [43, 43]);
});

Deno.test("an open certificate is not judged under a checksum that is none", async () => {
  const pins = { cluster: "test", keys: [key.jwk] };
  await rejects(verifyOpenCertificate(good, { ...pins, checksum: "xyz" }), /64 lower-case hex/);
});
