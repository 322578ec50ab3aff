/** Every case of the shared vectors: real hardware evidence, tampered copies, self-made hierarchies. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { parsePolicy, type Verdict, verifyEvidence } from "../../lib/attestation/mod.ts";
import { vectorBytes, type VectorCase, vectorCases, vectorTest, vectorText } from "./_vectors.ts";

/** Cases whose first failing check by the vectors' order is not among ours, with the reason. */
const OTHER_CHECK: Readonly<Record<string, string>> = {
  "cape-2022-09-15-production-nonce-userdata-publickey-self-signed-leaf-empty-bundle":
    "the chain is one certificate long, so it ends at a root that is not pinned",
};

for (const vector of vectorCases ?? []) {
  vectorTest(`vector ${vector.expect.level} ${vector.id}: ${vector.expect.why}`, () => {
    const verdict = verifyVector(vector);
    strictEqual(verdict.genuine, vector.expect.genuine, JSON.stringify(verdict.failures));
    const { acceptedByDefaultPolicy, failingCheck } = vector.expect;
    if (acceptedByDefaultPolicy !== null) {
      strictEqual(verdict.accepted, acceptedByDefaultPolicy, JSON.stringify(verdict.failures));
    }
    strictEqual(verdict.accepted, verdict.failures.length === 0);
    if (failingCheck !== null && !(vector.id in OTHER_CHECK)) {
      const found = verdict.failures.map((failure) => failure.check as string);
      ok(found.includes(failingCheck), `${failingCheck} is not among ${found}`);
    }
    for (const failure of verdict.failures) ok(failure.message && failure.attack);
    ok(!verdict.failures.some((failure) => failure.check === "internal"));
    compareFacts(vector, verdict);
  });
}

/** Every fact of the vectors that a verdict states too has to be the same; what each vector must have in common is listed. */
function compareFacts(vector: VectorCase, verdict: Verdict): void {
  if (!vector.facts || vector.expect.failingCheck === "format") return;
  const { tcbStatus, rtmr, tee: _tee, ...facts } = vector.facts;
  const stated: Record<string, unknown> = { ...verdict.facts, ...verdict.measurements };
  if (tcbStatus !== undefined) return strictEqual(stated.tcb_status, tcbStatus);
  if (Array.isArray(rtmr)) {
    deepStrictEqual([stated.rtmr0, stated.rtmr1, stated.rtmr2, stated.rtmr3], rtmr);
  }
  const common = Object.keys(facts).filter((name) => name in stated);
  ok(common.length >= COMMON_FACTS[vector.tee], `only ${common} are compared`);
  for (const name of common) {
    const expected = name === "pck" ? withoutChain(facts[name]) : facts[name];
    const actual = name === "timestamp" ? String(stated[name]).replace(/\.\d+/, "") : stated[name];
    deepStrictEqual(actual, expected, name);
  }
}

/** How many facts have to be comparable at least. */
const COMMON_FACTS: Readonly<Record<string, number>> = { nitro: 7, snp: 18, tdx: 16, sgx: 8 };

function withoutChain(pck: unknown): unknown {
  const { chain: _chain, ...rest } = pck as Record<string, unknown>;
  return rest;
}

function verifyVector(vector: VectorCase) {
  const policy = parsePolicy({
    platform: vector.tee,
    measurements: "insecure-any-measurement",
    roots: vectorText(vector.trustAnchor),
  });
  return verifyEvidence(
    {
      platform: vector.tee,
      document: vectorBytes(vector.evidence),
      endorsements: vector.endorsements.map(vectorBytes),
    },
    policy,
    {
      at: new Date(vector.verifyAt),
      collateral: vector.collateral ? vectorText(vector.collateral) : undefined,
    },
  );
}
