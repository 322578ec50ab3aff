/** The verifier over rosters: each check has a test that breaks only that, whatever the enclave signed (I10). */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { bitmapOf } from "../../function/leader-election/roster_rules.ts";
import { base64url, fromBase64url, utf8 } from "../../lib/base/bytes.ts";
import {
  type CertificatePins,
  incumbencyOf,
  rosterProposalTexts,
  verifyCertificate,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { NO_SIGNATURE } from "../function/_election.ts";
import {
  configFields,
  configOf,
  everybody,
  orderFor,
  rosterVotes,
  voters,
} from "../function/_roster.ts";
import { certificateKey, testIdentity } from "../function/_world.ts";
import { enclaveSign, issue, signJws, type Unsigned } from "./_issue.ts";
import {
  CLOSING,
  CONFIG,
  DOMAIN,
  idOf,
  issueClosing,
  issueRoster,
  PROPOSAL,
  quorumVotes,
  rosterClaims,
  VOTERS,
} from "./_issue_roster.ts";

const key = certificateKey();
const PINS: CertificatePins = {
  domain: DOMAIN,
  keys: new Map([[key.kid, key]]),
  config: CONFIG,
  allowOpen: false,
};

/** What failed, as `layer check`. */
function failuresOf(document: unknown, pins = PINS): string[] {
  const verdict = verifyCertificate(document, pins);
  return verdict.ok ? [] : verdict.failures.map(({ layer, check }) => `${layer} ${check}`);
}

function messageOf(document: unknown, pins = PINS): string {
  const verdict = verifyCertificate(document, pins);
  return verdict.ok ? "" : verdict.failures.map((failure) => failure.message).join("\n");
}

const good = issueRoster();

Deno.test("a good certificate is accepted, with what the election goes on with", () => {
  const verdict = verifyCertificate(good, PINS);
  assert(verdict.ok, JSON.stringify(verdict));
  const { id, digest, leader, leaderName, ...rest } = verdict.certificate;
  assertEquals(rest, {
    term: 1,
    prev: PROPOSAL.prev,
    kid: key.kid,
    tee: "simulated",
    active: VOTERS.map((voter) => voter.id),
    roster: { kind: "election", bitmap: "Dw", incumbent: "", tenure: 0, leaseMs: 2000 },
    document: good,
  });
  assertEquals([id, digest].map((text) => fromBase64url(text)!.length), [32, 32]);
  assertEquals(VOTERS[Number(leaderName.slice(2)) - 1].id, leader);
  assertEquals(incumbencyOf(verdict.certificate), { incumbent: leader, tenure: 1 });
});

Deno.test("a good closing certificate is accepted and names nobody", () => {
  const document = issueClosing();
  const verdict = verifyCertificate(document, PINS);
  assert(verdict.ok, JSON.stringify(verdict));
  const { id, digest, ...rest } = verdict.certificate;
  assertEquals(rest, {
    term: 9,
    prev: CLOSING.prev,
    kid: key.kid,
    tee: "simulated",
    leader: "",
    leaderName: "",
    active: [],
    roster: { kind: "closing", successor: CLOSING.successor },
    document,
  });
  assertEquals([id, digest].map((text) => fromBase64url(text)!.length), [32, 32]);
  assertEquals(incumbencyOf(verdict.certificate), { incumbent: "", tenure: 0 });
});

Deno.test("only active voters are listed, and only they are drawn", () => {
  const proposal = rosterProposalTexts(CONFIG, { ...PROPOSAL, active: [VOTERS[2].id, "x"] });
  const verdict = verifyCertificate(issueRoster(() => {}, proposal), PINS);
  assert(verdict.ok, JSON.stringify(verdict));
  assertEquals(verdict.certificate.active, [VOTERS[2].id]);
  assertEquals(verdict.certificate.leaderName, "a:3");
});

Deno.test("rosters of 1, 2, 3, 5 and 7 with their quorums are accepted, and one vote less is not", () => {
  for (const [count, liars] of [[1, 0], [2, 0], [3, 0], [5, 0], [5, 1], [7, 2]]) {
    const config = configOf(configFields(count, liars));
    const proposal = { ...PROPOSAL, bitmap: everybody(count) };
    const document = issueRoster(() => {}, proposal, config);
    const pins = { ...PINS, config };
    assertEquals(failuresOf(document, pins), []);
    const less = { ...document, bundle: document.bundle.slice(1) };
    assertEquals(failuresOf(less, pins), ["policy quorum"]);
  }
});

// ---- structure

const claimFaults: [string, (claims: Unsigned["claims"]) => void, string][] = [
  ["active as a list", (c) => c.active = [], '"active" has a wrong'],
  ["an empty bitmap", (c) => c.active = "", '"active" has a wrong'],
  ["a bitmap beyond 64 voters", (c) => c.active = "A".repeat(12), '"active" has a wrong'],
  ["half an incumbent", (c) => c.incumbent = "AAAA", '"incumbent" has a wrong'],
  ["no tenure", (c) => delete c.tenure, '"tenure" is missing'],
  ["a negative tenure", (c) => c.tenure = -1, '"tenure" has a wrong'],
  ["no lease", (c) => c.lease = 0, '"lease" has a wrong'],
  ["a policy of nobody", (c) => c.policy = "mine", '"policy" has a wrong'],
  ["no config", (c) => delete c.config, '"config" is missing'],
  ["a claim of closings", (c) => c.successor = "x", '"successor" is unknown'],
];
for (const [what, change, message] of claimFaults) {
  Deno.test(`structure: refuses ${what}`, () => {
    const document = issueRoster(({ claims }) => change(claims));
    assertEquals(failuresOf(document), ["structure certificate"]);
    assert(messageOf(document).includes(message), messageOf(document));
  });
}

Deno.test("structure: refuses a closing certificate that names a leader", () => {
  const document = issueClosing(({ claims }) => claims.sub = VOTERS[0].id);
  assertEquals(failuresOf(document), ["structure certificate"]);
});

Deno.test("structure: a certificate cut at any character is refused, and never throws", () => {
  for (let cut = 0; cut < good.certificate.length; cut += 5) {
    const certificate = good.certificate.slice(0, cut);
    assert(failuresOf({ ...good, certificate }).length > 0);
  }
});

// ---- signature

Deno.test("signature: refuses the key of another enclave, and a beacon for another prev", () => {
  assertEquals(failuresOf(good, { ...PINS, keys: new Map() }), ["signature key"]);
  const beacon = issueRoster(({ claims }) => claims.beacon = base64url(enclaveSign(utf8("other"))));
  assertEquals(failuresOf(beacon), ["signature beacon"]);
});

Deno.test("signature: refuses a forged vote, even beside a quorum", () => {
  const forged = { key: base64url(VOTERS[3].publicKey), signature: NO_SIGNATURE };
  assertEquals(failuresOf({ ...good, bundle: [...good.bundle, forged] }), ["signature vote"]);
});

Deno.test("signature: refuses votes with each other's signatures", () => {
  const document = issueRoster();
  const [a, b, ...rest] = document.bundle;
  const bundle = [{ ...a, signature: b.signature }, { ...b, signature: a.signature }, ...rest];
  assertEquals(failuresOf({ ...document, bundle }), Array(2).fill("signature vote"));
});

Deno.test("signature: refuses votes for another term, kid, active set, incumbent, cluster or function", () => {
  for (
    const bundle of [
      quorumVotes({ ...PROPOSAL, term: 2 }),
      quorumVotes({ ...PROPOSAL, kid: PROPOSAL.prev }),
      quorumVotes({ ...PROPOSAL, bitmap: "Bw" }),
      quorumVotes({ ...PROPOSAL, incumbent: VOTERS[0].id }),
      quorumVotes({ ...PROPOSAL, tenure: 1 }),
      quorumVotes(PROPOSAL, { ...DOMAIN, cluster: "other" }),
      quorumVotes(PROPOSAL, { ...DOMAIN, checksum: new Uint8Array(32) }),
    ]
  ) assertEquals(failuresOf({ ...good, bundle }), Array(3).fill("signature vote"));
});

// ---- policy: the enclave signs anything

/** A document whose enclave says what the change makes of it, with a fitting id. */
function lying(change: (claims: Unsigned["claims"]) => void) {
  return issueRoster(({ claims }) => {
    change(claims);
    claims.jti = idOf(claims);
  });
}

Deno.test("policy: refuses any leader but the drawn one", () => {
  const { claims } = rosterClaims();
  for (const member of CONFIG.roster) {
    if (base64url(member.id) === claims.sub) continue;
    const document = lying((c) => {
      c.sub = base64url(member.id);
      c.name = member.name;
      c.cnf.jwk.x = base64url(member.key);
    });
    assertEquals(failuresOf(document), ["policy draw"]);
  }
});

Deno.test("policy: refuses a stranger as leader", () => {
  const stranger = testIdentity(77);
  const document = lying((c) => {
    c.sub = stranger.id;
    c.cnf.jwk.x = base64url(stranger.publicKey);
  });
  assertEquals(failuresOf(document), ["policy draw"]);
});

Deno.test("policy: refuses the drawn leader with another's key, or under another's name", () => {
  const stranger = base64url(testIdentity(77).publicKey);
  assertEquals(failuresOf(lying((c) => c.cnf.jwk.x = stranger)), ["policy leader"]);
  assertEquals(failuresOf(lying((c) => c.name = "a:9")), ["policy draw"]);
});

Deno.test("policy: refuses a certificate without a quorum", () => {
  for (const count of [0, 1, 2]) {
    const document = { ...good, bundle: good.bundle.slice(0, count) };
    assertEquals(failuresOf(document), ["policy quorum"]);
    assertEquals(messageOf(document), `${count} of 4 nodes voted; 3 are needed`);
  }
});

Deno.test("policy: refuses a vote that is counted twice", () => {
  const [a, b] = good.bundle;
  assertEquals(failuresOf({ ...good, bundle: [a, b, b] }), ["policy voter", "policy quorum"]);
  assertEquals(failuresOf({ ...good, bundle: [...good.bundle, a] }), ["policy voter"]);
});

Deno.test("policy: refuses votes of who is not in the roster", () => {
  const stranger = rosterVotes(DOMAIN, PROPOSAL, [testIdentity(4)]);
  assertEquals(failuresOf({ ...good, bundle: [...good.bundle, ...stranger] }), ["policy voter"]);
  assertEquals(
    failuresOf({ ...good, bundle: [...good.bundle.slice(1), ...stranger] }),
    ["policy voter", "policy quorum"],
  );
});

Deno.test("policy: refuses another kid than the one that was voted for", () => {
  const other = { ...PROPOSAL, kid: base64url(sha256(utf8("other key"))) };
  const { claims } = rosterClaims(other);
  const header = { alg: "RS256", kid: key.kid, typ: "election+jwt" };
  const document = { certificate: signJws(header, claims), bundle: quorumVotes(other) };
  assertEquals(failuresOf(document), ["policy digest", "policy id"]);
});

Deno.test("policy: refuses what was not voted for: term, active set, incumbent, tenure", () => {
  // The votes are for a proposal with an incumbent; the claims say another one.
  const proposal = {
    ...PROPOSAL,
    prev: base64url(sha256(utf8("prev"))),
    incumbent: VOTERS[1].id,
    tenure: 2,
  };
  const say = (change: (claims: Unsigned["claims"]) => void) =>
    issueRoster(({ claims }) => {
      change(claims);
      claims.jti = idOf(claims);
    }, proposal);
  assertEquals(failuresOf(say(() => {})), []);
  assertEquals(failuresOf(say((c) => c.tenure = 3)), ["policy digest"]);
  assertEquals(failuresOf(say((c) => c.incumbent = VOTERS[2].id)), ["policy digest"]);
  assertEquals(failuresOf(say((c) => c.tenure = 0)), ["policy digest", "policy incumbent"]);
  const leader = CONFIG.roster.findIndex(({ id }) =>
    base64url(id) === rosterClaims(proposal).claims.sub
  );
  const others = base64url(bitmapOf(4, [0, 1, 2, 3].filter((i) => i === leader || i < 2)));
  assertEquals(failuresOf(say((c) => c.active = others)), ["policy digest"]);
});

Deno.test("policy: refuses the lease, the policy and the cluster.json of another package", () => {
  assertEquals(
    messageOf(lying((c) => c.lease = 3000)),
    "the lease is 3000 ms; the package has 2000 ms",
  );
  assertEquals(failuresOf(lying((c) => c.policy = "highest")), ["policy policy"]);
  assertEquals(failuresOf(lying((c) => c.config = c.digest)), ["policy config"]);
});

Deno.test("policy: a weaker cluster.json does not pass for the package's", () => {
  const config = configOf(configFields(4, 0));
  const document = { ...good, bundle: good.bundle.slice(0, 2) };
  assertEquals(failuresOf(document, { ...PINS, config }), ["policy config", "policy quorum"]);
});

Deno.test("policy: refuses a bitmap that is none of the roster", () => {
  for (const bitmap of ["Hw", "DwA", "AA"]) {
    const proposal = { ...PROPOSAL, bitmap };
    assertEquals(failuresOf(issueRoster(() => {}, proposal)), ["policy active"]);
  }
});

Deno.test("policy: incumbent and tenure come together, and not at genesis", () => {
  const prev = base64url(sha256(utf8("prev")));
  const of = (change: object) => failuresOf(issueRoster(() => {}, { ...PROPOSAL, ...change }));
  assertEquals(of({ prev, incumbent: VOTERS[0].id, tenure: 1 }), []);
  assertEquals(of({ prev, incumbent: VOTERS[0].id }), ["policy incumbent"]);
  assertEquals(of({ prev, tenure: 1 }), ["policy incumbent"]);
  assertEquals(of({ prev, incumbent: testIdentity(9).id, tenure: 1 }), ["policy incumbent"]);
  assertEquals(of({ incumbent: VOTERS[0].id, tenure: 1 }), ["policy genesis"]);
});

Deno.test("policy: a successor does not begin from nothing", () => {
  const config = configOf(configFields(4, 1, { succeeds: "ab".repeat(32) }));
  assertEquals(failuresOf(issueRoster(() => {}, PROPOSAL, config), { ...PINS, config }), [
    "policy genesis",
  ]);
});

Deno.test("policy: refuses another cluster and another function", () => {
  const other = { ...DOMAIN, cluster: "other" };
  assertEquals(failuresOf(good, { ...PINS, domain: other }), ["policy cluster"]);
  const config = configOf(configFields(4, 1, { cluster: "other" }));
  assertEquals(
    failuresOf(issueRoster(() => {}, PROPOSAL, config), { ...PINS, config }),
    ["policy cluster"],
  );
  const function_ = { ...DOMAIN, checksum: new Uint8Array(32) };
  assertEquals(failuresOf(good, { ...PINS, domain: function_ }), ["policy checksum"]);
});

Deno.test("policy: without cluster.json nobody says who votes", () => {
  const { config: _, ...pins } = PINS;
  assertEquals(failuresOf(good, pins), ["policy config"]);
  assertEquals(failuresOf(issueClosing(), pins), ["policy config"]);
});

Deno.test("policy: an open certificate is none of a roster, even when open ones will do", () => {
  const open = issue();
  const pins = { ...PINS, allowOpen: true };
  assert(failuresOf(open, pins).includes("policy kind"));
});

Deno.test("policy: every fault is reported", () => {
  const document = {
    ...issueRoster(({ claims }) => {
      claims.lease = 1;
      claims.jti = claims.digest;
    }),
    bundle: [],
  };
  assertEquals(failuresOf(document, { ...PINS, domain: { ...DOMAIN, cluster: "x" } }), [
    "policy cluster",
    "policy lease",
    "policy id",
    "policy quorum",
  ]);
});

Deno.test("policy: refuses a certificate that names another TEE than its evidence", () => {
  const tees = new Map([[key.kid, "simulated"]]);
  assertEquals(failuresOf(good, { ...PINS, tees }), []);
  const boasting = issueRoster(({ claims }) => claims.tee = "nitro");
  assertEquals(failuresOf(boasting, { ...PINS, tees }), ["policy tee"]);
});

// ---- closing

Deno.test("closing: refuses an order of somebody else, or for another successor or cluster", () => {
  const successor = fromBase64url(CLOSING.successor)!;
  for (
    const order of [
      orderFor(DOMAIN, successor, VOTERS[0]),
      orderFor(DOMAIN, new Uint8Array(32)),
      orderFor({ ...DOMAIN, cluster: "x" }, successor),
    ]
  ) assertEquals(failuresOf(issueClosing(({ claims }) => claims.order = order)), ["policy order"]);
});

Deno.test("closing: refuses a package without an operator", () => {
  const { operatorKey: _, ...fields } = configFields(4, 1);
  const config = configOf(fields);
  assertEquals(failuresOf(issueClosing(() => {}, CLOSING, config), { ...PINS, config }), [
    "policy order",
  ]);
});

Deno.test("closing: refuses another successor than the one that was voted for", () => {
  const other = sha256(utf8("other successor"));
  const document = issueClosing(({ claims }) => {
    claims.successor = [...other].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    claims.order = orderFor(DOMAIN, other);
  });
  assertEquals(failuresOf(document), ["policy digest"]);
});

Deno.test("closing: refuses a function that succeeds itself", () => {
  const closing = { ...CLOSING, successor: base64url(DOMAIN.checksum) };
  assertEquals(failuresOf(issueClosing(() => {}, closing)), ["policy successor"]);
});

Deno.test("closing: refuses a wrong id, too few votes and votes for a leader", () => {
  const document = issueClosing();
  assertEquals(failuresOf(issueClosing(({ claims }) => claims.jti = claims.digest)), ["policy id"]);
  assertEquals(failuresOf({ ...document, bundle: document.bundle.slice(1) }), ["policy quorum"]);
  const bundle = rosterVotes(DOMAIN, { ...PROPOSAL, term: 9 }, voters(3));
  assertEquals(failuresOf({ ...document, bundle }), Array(3).fill("signature vote"));
});

Deno.test("closing: refuses another cluster.json than the one at hand", () => {
  const document = issueClosing(({ claims }) => claims.config = claims.digest);
  assertEquals(failuresOf(document), ["policy config"]);
});

Deno.test("closing: a successor does not close from nothing", () => {
  const config = configOf(configFields(4, 1, { succeeds: "ab".repeat(32) }));
  const document = issueClosing(() => {}, { ...CLOSING, prev: PROPOSAL.prev }, config);
  assertEquals(failuresOf(document, { ...PINS, config }), ["policy genesis"]);
});

// ---- draws

Deno.test("a sticky draw keeps the incumbent while it is active, up to the tenure, whatever the beacon", () => {
  const config = configOf(configFields(4, 1, { sticky: true, maxTenure: 3 }));
  const leaders = new Set<boolean>();
  for (let i = 0; i < 8; i++) {
    const prev = base64url(sha256(Uint8Array.of(i)));
    const incumbent = VOTERS[i % 4].id;
    for (const tenure of [1, 2, 3]) {
      const proposal = { ...PROPOSAL, prev, incumbent, tenure };
      const verdict = verifyCertificate(issueRoster(() => {}, proposal, config), {
        ...PINS,
        config,
      });
      assert(verdict.ok, JSON.stringify(verdict));
      if (tenure < 3) assertEquals(verdict.certificate.leader, incumbent);
      else leaders.add(verdict.certificate.leader === incumbent);
    }
  }
  assert(leaders.has(false));
});
