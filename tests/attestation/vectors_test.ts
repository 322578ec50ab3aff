/** Every case of the shared vectors: real hardware evidence, tampered copies, self-made hierarchies. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { parsePolicy, verifyEvidence } from "../../lib/attestation/mod.ts";
import { vectorBytes, type VectorCase, vectorCases, vectorTest, vectorText } from "./_vectors.ts";

/** Cases whose first failing check by the vectors' order is not among ours, with the reason. */
const OTHER_CHECK: Readonly<Record<string, string>> = {
  "cape-2022-09-15-production-nonce-userdata-publickey-self-signed-leaf-empty-bundle":
    "the chain is one certificate long, so it ends at a root that is not pinned",
};

for (const vector of (vectorCases ?? []).filter((item) => item.tee === "nitro")) {
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
      deepStrictEqual(found.includes(failingCheck), true, `${failingCheck} not in ${found}`);
    }
  });
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
