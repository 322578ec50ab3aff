/**
 * Flips every byte of every vector once, and of the certificates beside them: some 700,000 verdicts, about ten minutes on one core. Not part
 * of the tests, which take a sample; run it after changes to a parser or a signature check:
 *
 * ```sh
 * deno run -A tests/attestation/sweep.ts
 * ```
 */
import {
  mergeResults,
  sweepEndorsementFlips,
  sweepFlips,
  sweepSubjects,
  sweepTruncations,
} from "./_sweep.ts";
import { vectorCases } from "./_vectors.ts";

if (import.meta.main) {
  const subjects = sweepSubjects(vectorCases ?? []);
  const result = mergeResults(subjects.map((subject, index) => {
    console.error(`${index + 1}/${subjects.length} ${subject.id}`);
    return mergeResults([
      sweepTruncations(subject),
      sweepFlips(subject),
      ...sweepEndorsementFlips(subject),
    ]);
  }));
  for (const problem of result.problems) console.log(problem);
  console.log(
    `${result.verdicts} verdicts, the slowest in ${result.slowestMs.toFixed(1)} ms, ` +
      `${result.problems.length} problems`,
  );
  Deno.exit(result.problems.length > 0 || subjects.length === 0 ? 1 : 0);
}
