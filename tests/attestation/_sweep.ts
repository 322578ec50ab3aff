/**
 * Damaged evidence: every vector cut off at every byte and with each byte flipped once. Shared by the test, which takes a sample of the
 * flips because each may cost some signatures, and by `sweep.ts`, which makes them all.
 */
import {
  type Evidence,
  INSECURE_ANY_MEASUREMENT,
  parsePolicy,
  type Verdict,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { vectorBytes, type VectorCase, vectorText } from "./_vectors.ts";

/** What a sweep found. */
export interface SweepResult {
  readonly verdicts: number;
  /** Longest time of one verdict, ms. */
  readonly slowestMs: number;
  /** Verdicts that should not be: a reason each. */
  readonly problems: readonly string[];
}

/** One evidence file with what its verification needs. */
export interface SweepSubject {
  readonly id: string;
  readonly evidence: Evidence;
  /** Whether the undamaged file is genuine. */
  readonly genuine: boolean;
  verify(evidence: Evidence): Verdict;
}

/** The evidence files of all cases, each once. */
export function sweepSubjects(cases: readonly VectorCase[]): SweepSubject[] {
  const byFile = new Map<string, VectorCase>();
  for (const item of cases) {
    const known = byFile.get(item.evidence);
    // Of several cases with one file the one that accepts it shows the most.
    if (!known || (!known.expect.genuine && item.expect.genuine)) byFile.set(item.evidence, item);
  }
  return [...byFile.values()].map(subjectOf);
}

/** The subject of one case. */
export function subjectOf(vector: VectorCase): SweepSubject {
  const policy = parsePolicy({
    platform: vector.tee,
    measurements: INSECURE_ANY_MEASUREMENT,
    roots: vectorText(vector.trustAnchor),
  });
  const at = new Date(vector.verifyAt);
  return {
    id: vector.id,
    evidence: {
      platform: vector.tee,
      document: vectorBytes(vector.evidence),
      endorsements: vector.endorsements.map(vectorBytes),
    },
    genuine: vector.expect.genuine,
    verify: (evidence) => verifyEvidence(evidence, policy, { at }),
  };
}

/** Cuts the document off at every byte. */
export function sweepTruncations(subject: SweepSubject): SweepResult {
  const { document } = subject.evidence;
  const end = protectedEnd(subject);
  return collect(
    subject,
    Array.from(document.keys()),
    (length) => ({ ...subject.evidence, document: document.subarray(0, length) }),
    (length) => length >= end,
  );
}

/** Flips one bit of each `stride`-th byte of the document, from `start` on; which bit depends on the place. */
export function sweepFlips(subject: SweepSubject, stride = 1, start = 0): SweepResult {
  const { document } = subject.evidence;
  const end = protectedEnd(subject);
  return collect(
    subject,
    places(document.length, stride, start),
    (at) => ({ ...subject.evidence, document: flipped(document, at) }),
    (at) => at >= end,
  );
}

/** The same with the certificates that travel beside it. */
export function sweepEndorsementFlips(subject: SweepSubject, stride = 1, start = 0): SweepResult[] {
  const { endorsements } = subject.evidence;
  return endorsements.map((endorsement, index) =>
    collect(
      subject,
      places(endorsement.length, stride, start),
      (at) => ({
        ...subject.evidence,
        endorsements: endorsements.with(index, flipped(endorsement, at)),
      }),
      () => false,
    )
  );
}

/** Several results in one. */
export function mergeResults(results: readonly SweepResult[]): SweepResult {
  return {
    verdicts: results.reduce((sum, result) => sum + result.verdicts, 0),
    slowestMs: Math.max(0, ...results.map((result) => result.slowestMs)),
    problems: results.flatMap((result) => result.problems),
  };
}

function collect(
  subject: SweepSubject,
  damages: readonly number[],
  damage: (at: number) => Evidence,
  mayBeGenuine: (at: number) => boolean,
): SweepResult {
  const problems: string[] = [];
  let slowestMs = 0;
  for (const at of damages) {
    const evidence = damage(at);
    const startMs = performance.now();
    const verdict = subject.verify(evidence);
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    const internal = verdict.failures.find((failure) => failure.check === "internal");
    if (internal) problems.push(`${subject.id} at ${at}: ${internal.message}`);
    // Damage to a file that was damaged before may mend it.
    if (subject.genuine && verdict.genuine && !mayBeGenuine(at)) {
      problems.push(`${subject.id} at ${at}: still genuine`);
    }
    if (verdict.accepted !== (verdict.failures.length === 0)) {
      problems.push(`${subject.id} at ${at}: the verdict contradicts itself`);
    }
  }
  return { verdicts: damages.length, slowestMs, problems };
}

/** Where what is protected ends: quotes may be followed by padding. */
function protectedEnd({ evidence, genuine, verify }: SweepSubject): number {
  const { document, platform } = evidence;
  if (!genuine || platform === "nitro" || platform === "snp") return document.length;
  return verify(evidence).facts.quote_bytes as number;
}

function places(length: number, stride: number, start: number): number[] {
  const list: number[] = [];
  for (let at = start % stride; at < length; at += stride) list.push(at);
  return list;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] ^= 1 << (at * 5 % 8);
  return copy;
}
