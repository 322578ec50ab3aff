/** Damaged evidence: a verdict each, never an exception, never genuine, within a bounded time. All flips: `sweep.ts`. */
import { deepStrictEqual, ok } from "node:assert";
import { parsePolicy, type Platform, verifyEvidence } from "../../lib/attestation/mod.ts";
import {
  mergeResults,
  sweepEndorsementFlips,
  sweepFlips,
  type SweepResult,
  sweepSubjects,
  sweepTruncations,
} from "./_sweep.ts";
import { vectorCases, vectorTest } from "./_vectors.ts";

/** One flip in so many bytes: a prime, so that files of one format are not hit at the same fields. */
const STRIDE = 97;
const CERTIFICATE_STRIDE = 23;
/** A verdict takes a few ms; the rest is for a machine so busy that it does not get its turn. */
const VERDICT_MS_MAX = 10_000;

const subjects = sweepSubjects(vectorCases ?? []);

vectorTest("evidence cut off at any byte is refused", () => {
  check(mergeResults(subjects.map(sweepTruncations)), 300_000);
});

vectorTest("evidence with a flipped bit is refused", () => {
  check(mergeResults(subjects.map((item, index) => sweepFlips(item, STRIDE, index * 7))), 3_000);
});

vectorTest("evidence with a flipped bit in a certificate beside it is refused", () => {
  const genuine = subjects.filter((item) => item.genuine);
  const results = genuine.flatMap((item, index) =>
    sweepEndorsementFlips(item, CERTIFICATE_STRIDE, index)
  );
  check(mergeResults(results), 500);
});

Deno.test("bytes that are made to exhaust a parser are refused at once", () => {
  const bombs: readonly (readonly [Platform, Uint8Array])[] = [
    ["nitro", new Uint8Array(32_000).fill(0x81)],
    ["nitro", new Uint8Array(32_000).fill(0x9f)],
    ["nitro", new Uint8Array(32_000).fill(0xd2)],
    ["nitro", new Uint8Array(10_000_000)],
    ["nitro", Uint8Array.of(0x9b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ["nitro", Uint8Array.of(0x5b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ["snp", new Uint8Array(10_000_000)],
    ["tdx", new Uint8Array(10_000_000)],
    ["sgx", new Uint8Array(0)],
  ];
  for (const [platform, document] of bombs) {
    const policy = parsePolicy({ platform, measurements: "insecure-any-measurement" });
    const bound = new Uint8Array(100_000).fill(0x81);
    const evidence = { platform, document, endorsements: [document], bound };
    const startMs = performance.now();
    const verdict = verifyEvidence(evidence, policy, { at: new Date(0) });
    ok(performance.now() - startMs < VERDICT_MS_MAX);
    deepStrictEqual(verdict.failures.map(({ check }) => check), ["format"]);
  }
});

function check(result: SweepResult, verdictsMin: number): void {
  deepStrictEqual(result.problems, []);
  ok(result.verdicts >= verdictsMin, `only ${result.verdicts} verdicts`);
  ok(result.slowestMs < VERDICT_MS_MAX, `a verdict took ${result.slowestMs} ms`);
}
