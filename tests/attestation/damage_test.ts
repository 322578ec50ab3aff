/** Damaged evidence: a verdict each, never an exception, never genuine, within a bounded time. All flips: `sweep.ts`. */
import { deepStrictEqual, ok } from "node:assert";
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
const STRIDE = 47;
const CERTIFICATE_STRIDE = 23;
/** A verdict takes a few ms; on a machine that is busy with other things it is interrupted now and then. */
const VERDICT_MS_MAX = 2_000;

const subjects = sweepSubjects(vectorCases ?? []);

vectorTest("evidence cut off at any byte is refused", () => {
  check(mergeResults(subjects.map(sweepTruncations)), 300_000);
});

vectorTest("evidence with a flipped bit is refused", () => {
  check(mergeResults(subjects.map((item, index) => sweepFlips(item, STRIDE, index * 7))), 6_000);
});

vectorTest("evidence with a flipped bit in a certificate beside it is refused", () => {
  const genuine = subjects.filter((item) => item.genuine);
  const results = genuine.flatMap((item, index) =>
    sweepEndorsementFlips(item, CERTIFICATE_STRIDE, index)
  );
  check(mergeResults(results), 500);
});

function check(result: SweepResult, verdictsMin: number): void {
  deepStrictEqual(result.problems, []);
  ok(result.verdicts >= verdictsMin, `only ${result.verdicts} verdicts`);
  ok(result.slowestMs < VERDICT_MS_MAX, `a verdict took ${result.slowestMs} ms`);
}
