/** The verifier: each check has a test that breaks only that. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { base64url, fromBase64url, utf8 } from "../../lib/base/bytes.ts";
import {
  type CertificateDocument,
  type CertificatePins,
  parseCertificateFile,
  verifyCertificate,
} from "../../lib/certificate/mod.ts";
import { certificateId } from "../../function/leader-election/rules.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { NO_SIGNATURE, testNodes, votesOf } from "../function/_election.ts";
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

const key = certificateKey();
const PINS: CertificatePins = { domain: DOMAIN, keys: new Map([[key.kid, key]]) };

/** What failed, as `layer check`. */
function failuresOf(document: unknown, pins = PINS): string[] {
  const verdict = verifyCertificate(document, pins);
  return verdict.ok ? [] : verdict.failures.map(({ layer, check }) => `${layer} ${check}`);
}

function messageOf(document: unknown, pins = PINS): string {
  const verdict = verifyCertificate(document, pins);
  return verdict.ok ? "" : verdict.failures.map((failure) => failure.message).join("\n");
}

Deno.test("a good certificate is accepted, with everything that it says", () => {
  const document = issue();
  const verdict = verifyCertificate(document, PINS);
  assert(verdict.ok, JSON.stringify(verdict));
  const { id, ...rest } = verdict.certificate;
  assertEquals(rest, {
    term: 1,
    prev: PROPOSAL.prev,
    kid: key.kid,
    tee: "simulated",
    digest: verdict.certificate.digest,
    leader: NODES.find((node) => node.name === "127.0.0.1:5004")!.identity.id,
    leaderName: "127.0.0.1:5004",
    active: NODES.map((node) => node.identity.id),
    document,
  });
  assertEquals(fromBase64url(id)!.length, 32);
  assertEquals(verdict.claims.issuedAt, 1700000000);
});

Deno.test("the id does not depend on when it was issued or who voted", () => {
  const idOf = (document: CertificateDocument) => {
    const verdict = verifyCertificate(document, PINS);
    assert(verdict.ok);
    return verdict.certificate.id;
  };
  const later = issue(({ claims }) => claims.iat++);
  const others = { ...issue(), bundle: votesOf(DOMAIN, PROPOSAL, NODES.slice(2)) };
  assertEquals([idOf(later), idOf(others)], [idOf(issue()), idOf(issue())]);
});

// ---- structure

const good = issue();
const [headerPart, claimsPart, signaturePart] = good.certificate.split(".");
const withCertificate = (certificate: unknown) => ({ ...good, certificate });

const documents: [string, unknown, string][] = [
  ["nothing", undefined, "the document is not an object"],
  ["an array", [], "the document is not an object"],
  ["a document with more in it", { ...good, x: 1 }, 'the document has an unknown field "x"'],
  ["a certificate that is no text", withCertificate(5), '"certificate" is not a text'],
  ["no bundle", { certificate: good.certificate }, '"bundle" is not an array of at most 512 votes'],
  [
    "a bundle beyond measure",
    { ...good, bundle: Array(513).fill(good.bundle[0]) },
    '"bundle" is not an array of at most 512 votes',
  ],
  [
    "a vote with more in it",
    { ...good, bundle: [{ ...good.bundle[0], x: 1 }] },
    'bundle[0] is not {"key", "signature"} of two texts',
  ],
  [
    "a vote with a short key",
    { ...good, bundle: [{ ...good.bundle[0], key: "AAAA" }] },
    "bundle[0] is not a key of 32 bytes and a signature of 64",
  ],
  ["a vote with stray bits", {
    ...good,
    bundle: [{ ...good.bundle[0], signature: "A".repeat(85) + "B" }],
  }, "bundle[0] is not a key of 32 bytes and a signature of 64"],
  ["two parts", withCertificate("a.b"), "the certificate has 2 parts; a JWS has three"],
  [
    "four parts",
    withCertificate(`${good.certificate}.AA`),
    "the certificate has 4 parts; a JWS has three",
  ],
  [
    "padding",
    withCertificate(`${good.certificate}=`),
    "the certificate is not canonical base64url",
  ],
  [
    "white space",
    withCertificate(` ${good.certificate}`),
    "the certificate is not canonical base64url",
  ],
  [
    "too long a text",
    withCertificate("A".repeat(200_000)),
    "the certificate has 200000 characters; at most 131072 are allowed",
  ],
]; // deno-fmt-ignore
for (const [what, document, message] of documents) {
  Deno.test(`structure: refuses ${what}`, () => {
    assertEquals(messageOf(document), message);
  });
}

const headers: [string, unknown][] = [
  ["alg none", { alg: "none", kid: key.kid, typ: "election-open+jwt" }],
  ["alg RS512", { alg: "RS512", kid: key.kid, typ: "election-open+jwt" }],
  ["alg HS256", { alg: "HS256", kid: key.kid, typ: "election-open+jwt" }],
  ["another typ", { alg: "RS256", kid: key.kid, typ: "JWT" }],
  ["a typ that every object has", { alg: "RS256", kid: key.kid, typ: "constructor" }],
  ["a kid that is none", { alg: "RS256", kid: "x", typ: "election-open+jwt" }],
  ["another order", { kid: key.kid, alg: "RS256", typ: "election-open+jwt" }],
  ["a key of its own", { alg: "RS256", jwk: key.jwk, kid: key.kid, typ: "election-open+jwt" }],
  ["white space", `{"alg": "RS256","kid":"${key.kid}","typ":"election-open+jwt"}`],
];
for (const [what, header] of headers) {
  Deno.test(`structure: refuses a header with ${what}`, () => {
    const { claims } = claimsFor(DOMAIN, PROPOSAL, "highest");
    const document = withCertificate(signJws(header, claims));
    assertEquals(failuresOf(document), ["structure certificate"]);
    assert(messageOf(document).startsWith("the header is not"));
  });
}

Deno.test("structure: refuses claims of one kind under the typ of another", () => {
  const { claims } = claimsFor(DOMAIN, PROPOSAL, "highest");
  for (const typ of ["election+jwt", "election-closing+jwt"]) {
    const document = withCertificate(signJws({ alg: "RS256", kid: key.kid, typ }, claims));
    assertEquals(failuresOf(document), ["structure certificate"]);
  }
});

const claimFaults: [string, (claims: Unsigned["claims"]) => void, string][] = [
  ["iss of another form", (c) => c.iss = c.iss.toUpperCase(), '"iss" has a wrong'],
  ["aud as an array", (c) => c.aud = [c.aud], '"aud" has a wrong'],
  ["aud with a space", (c) => c.aud = "a b", '"aud" has a wrong'],
  ["a short sub", (c) => c.sub = "AA", '"sub" has a wrong'],
  ["a jti with stray bits", (c) => c.jti = c.jti.slice(0, 42) + "_", '"jti" has a wrong'],
  ["a name that is none", (c) => c.name = "", '"name" has a wrong'],
  ["cnf with a kid", (c) => c.cnf = { kid: "x" }, '"cnf" has a wrong'],
  ["cnf with a private key", (c) => c.cnf.jwk.d = "x", '"cnf" has a wrong'],
  ["cnf of another curve", (c) => c.cnf.jwk.crv = "X25519", '"cnf" has a wrong'],
  ["term 0", (c) => c.term = 0, '"term" has a wrong'],
  ["a term as a text", (c) => c.term = "1", '"term" has a wrong'],
  ["a term with a fraction", (c) => c.term = 1.5, '"term" has a wrong'],
  ["a term of 2^53", (c) => c.term = 2 ** 53, '"term" has a wrong'],
  ["a long prev", (c) => c.prev += "AA", '"prev" has a wrong'],
  ["nobody active", (c) => c.active = [], '"active" has a wrong'],
  [
    "more active than allowed",
    (c) => c.active = Array(513).fill(c.active[0]),
    '"active" has a wrong',
  ],
  ["an active node with a key", (c) => c.active[0].key = "x", '"active" has a wrong'],
  ["active out of order", (c) => c.active.reverse(), "not sorted by id"],
  ["a node twice", (c) => c.active[1] = c.active[0], "not sorted by id"],
  ["a digest as null", (c) => c.digest = null, '"digest" has a wrong'],
  ["an unknown policy", (c) => c.policy = "mine", '"policy" has a wrong'],
  ["an empty beacon", (c) => c.beacon = "", '"beacon" has a wrong'],
  ["a lease", (c) => c.lease = 1000, '"lease" has a wrong'],
  ["an unknown tee", (c) => c.tee = "box", '"tee" has a wrong'],
  ["a negative iat", (c) => c.iat = -1, '"iat" has a wrong'],
  ["an unknown claim", (c) => c.exp = 1, '"exp" is unknown'],
  ["no beacon", (c) => delete c.beacon, '"beacon" is missing'],
]; // deno-fmt-ignore
for (const [what, change, message] of claimFaults) {
  Deno.test(`structure: refuses ${what}`, () => {
    const document = issue(({ claims }) => change(claims));
    assertEquals(failuresOf(document), ["structure certificate"]);
    assert(messageOf(document).includes(message), messageOf(document));
  });
}

Deno.test("structure: refuses claims that another text would mean the same as", () => {
  const { header, claims } = claimsFor(DOMAIN, PROPOSAL, "highest");
  const text = JSON.stringify(claims);
  for (
    const other of [
      text.replace('"term":1', '"term":1.0'),
      text.replace('"term":1', '"term":7,"term":1'),
      text.replace(":", ": "),
      `${text}\n`,
      text.replace("fumata", "\\u0066umata"),
      "[]",
      "{",
    ]
  ) {
    const document = withCertificate(signJws(header, other));
    assertEquals(failuresOf(document), ["structure certificate"], other.slice(0, 40));
    assert(messageOf(document).startsWith("the claims are not one JSON object"));
  }
});

Deno.test("a certificate cut at any character is refused, and never throws", () => {
  for (let cut = 0; cut < good.certificate.length; cut += 7) {
    assert(failuresOf(withCertificate(good.certificate.slice(0, cut))).length > 0);
  }
});

// ---- signature

Deno.test("signature: refuses a key that is not trusted", () => {
  assertEquals(failuresOf(good, { ...PINS, keys: new Map() }), ["signature key"]);
});

Deno.test("signature: refuses a trusted key under another's kid", () => {
  const other = issue(({ header }) => header.kid = base64url(new Uint8Array(32)));
  const keys = new Map([[base64url(new Uint8Array(32)), key]]);
  assertEquals(failuresOf(other, { ...PINS, keys }), ["signature key"]);
});

Deno.test("signature: refuses a changed signature, a short one and a long one", () => {
  const bytes = fromBase64url(signaturePart)!;
  const changed = bytes.slice();
  changed[100] ^= 1;
  for (const wrong of [changed, bytes.slice(1), Uint8Array.of(0, ...bytes), new Uint8Array(256)]) {
    const document = withCertificate(`${headerPart}.${claimsPart}.${base64url(wrong)}`);
    assertEquals(failuresOf(document), ["signature signature"]);
  }
});

Deno.test("signature: refuses claims that were changed after signing", () => {
  const { claims } = claimsFor(DOMAIN, PROPOSAL, "highest");
  const other = base64url(utf8(JSON.stringify({ ...claims, iat: 1 })));
  const document = withCertificate(`${headerPart}.${other}.${signaturePart}`);
  assertEquals(failuresOf(document), ["signature signature"]);
});

Deno.test("signature: refuses a beacon that the enclave did not sign for this prev", () => {
  const document = issue(({ claims }) => claims.beacon = base64url(enclaveSign(utf8("other"))));
  assertEquals(failuresOf(document), ["signature beacon"]);
});

Deno.test("signature: refuses forged votes, and names each", () => {
  const [a, b, c] = good.bundle;
  const bundle = [a, { ...b, signature: NO_SIGNATURE }, { ...c, signature: a.signature }];
  assertEquals(failuresOf({ ...good, bundle }), ["signature vote", "signature vote"]);
});

Deno.test("signature: refuses votes for another term, cluster or function", () => {
  for (
    const bundle of [
      majority({ ...PROPOSAL, term: 2 }),
      majority(PROPOSAL, { ...DOMAIN, cluster: "other" }),
      majority(PROPOSAL, { ...DOMAIN, checksum: new Uint8Array(32) }),
    ]
  ) assertEquals(failuresOf({ ...good, bundle }), Array(3).fill("signature vote"));
});

// ---- policy

Deno.test("policy: refuses another function, naming both checksums", () => {
  const pins = { ...PINS, domain: { ...DOMAIN, checksum: new Uint8Array(32) } };
  assertEquals(failuresOf(good, pins), ["policy checksum"]);
  assert(messageOf(good, pins).endsWith(`; ${"00".repeat(32)} is wanted`));
});

Deno.test("policy: refuses another cluster", () => {
  const pins = { ...PINS, domain: { ...DOMAIN, cluster: "other" } };
  assertEquals(messageOf(good, pins), 'the cluster is "test"; "other" is wanted');
});

Deno.test("policy: refuses another policy than the pinned one", () => {
  assertEquals(failuresOf(good, { ...PINS, policy: "random" }), ["policy policy"]);
  assertEquals(failuresOf(good, { ...PINS, policy: "highest" }), []);
});

Deno.test("policy: refuses open certificates where they will not do", () => {
  assertEquals(failuresOf(good, { ...PINS, allowOpen: false }), ["policy kind"]);
});

Deno.test("policy: refuses a digest of something else, though it was voted for", () => {
  const other = { ...PROPOSAL, prev: base64url(sha256(utf8("other"))) };
  const { header, claims } = claimsFor(DOMAIN, other, "highest");
  const { claims: real } = claimsFor(DOMAIN, PROPOSAL, "highest");
  const signed = signJws(header, { ...real, digest: claims.digest, jti: idWith(claims.digest) });
  assertEquals(failuresOf({ certificate: signed, bundle: majority(other) }), ["policy digest"]);
});

function idWith(digest: string, leader?: string): string {
  const { claims } = claimsFor(DOMAIN, PROPOSAL, "highest");
  return base64url(certificateId(sha256, DOMAIN, {
    term: 1,
    digest: fromBase64url(digest)!,
    kid: fromBase64url(key.kid)!,
    beacon: sha256(fromBase64url(claims.beacon)!),
    leader: fromBase64url(leader ?? claims.sub)!,
  }));
}

Deno.test("policy: refuses a leader with another's key", () => {
  const document = issue(({ claims }) => claims.cnf.jwk.x = PROPOSAL.active[0].key);
  assertEquals(failuresOf(document), ["policy leader"]);
});

Deno.test("policy: refuses a leader who was not drawn", () => {
  const document = issue(({ claims }) => {
    const other = PROPOSAL.active.find((node) => node.id !== claims.sub)!;
    claims.sub = other.id;
    claims.name = other.name;
    claims.cnf.jwk.x = other.key;
    claims.jti = idWith(claims.digest, other.id);
  });
  assertEquals(failuresOf(document), ["policy draw"]);
});

Deno.test("policy: refuses another node under the name of the drawn one", () => {
  const document = issue(({ claims }) => {
    const other = PROPOSAL.active.find((node) => node.id !== claims.sub)!;
    claims.sub = other.id;
    claims.cnf.jwk.x = other.key;
    claims.jti = idWith(claims.digest, other.id);
  });
  assertEquals(failuresOf(document), ["policy draw"]);
});

Deno.test("policy: refuses another name for the leader", () => {
  assertEquals(failuresOf(issue(({ claims }) => claims.name = "other")), ["policy draw"]);
});

Deno.test("policy: refuses an id that is not the hash of what it says", () => {
  const document = issue(({ claims }) => claims.jti = claims.digest);
  assertEquals(failuresOf(document), ["policy id"]);
});

Deno.test("policy: refuses a minority", () => {
  const document = { ...good, bundle: good.bundle.slice(0, 2) };
  assertEquals(messageOf(document), "2 of 5 nodes voted; 3 are needed");
});

Deno.test("policy: refuses a vote counted twice, even when there are enough", () => {
  const all = votesOf(DOMAIN, PROPOSAL, NODES);
  assertEquals(failuresOf({ ...good, bundle: [...all, all[0]] }), ["policy voter"]);
  const twice = { ...good, bundle: [all[0], all[1], all[1]] };
  assertEquals(failuresOf(twice), ["policy voter", "policy quorum"]);
});

Deno.test("policy: refuses a voter who is not active", () => {
  const stranger = testNodes(8).find(({ name }) => name === "127.0.0.1:5007")!;
  const bundle = votesOf(DOMAIN, PROPOSAL, [...NODES.slice(0, 3), stranger]);
  assertEquals(failuresOf({ ...good, bundle }), ["policy voter"]);
});

Deno.test("policy: every fault is reported", () => {
  const pins = { ...PINS, domain: { ...DOMAIN, cluster: "x" }, allowOpen: false };
  const document = { ...issue(({ claims }) => claims.jti = claims.digest), bundle: [] };
  assertEquals(failuresOf(document, pins), [
    "policy cluster",
    "policy kind",
    "policy id",
    "policy quorum",
  ]);
});

// ---- files

Deno.test("a certificate file is read with keys and evidence, or refused with a reason", () => {
  const file = parseCertificateFile(JSON.stringify({ ...good, keys: [key.jwk], evidence: [{}] }));
  assertEquals(file, { document: good, keys: [key.jwk], evidence: [{}] });
  assertEquals(parseCertificateFile("{"), "it is not JSON");
  assertEquals(parseCertificateFile("[]"), "it is not a JSON object");
  assertEquals(
    parseCertificateFile(JSON.stringify({ ...good, keys: 5 })),
    '"keys" is not an array of at most 256 keys',
  );
});
