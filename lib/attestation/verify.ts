/**
 * The verifier: evidence, policy and time in, verdict out. Synchronous, offline, without a clock, and never an exception: hostile bytes
 * are a verdict like any other.
 *
 * The layers run in order. What is malformed has no fields, so a structural failure ends it; signature and policy both run to the end,
 * so that the report names everything that is wrong. Policy findings about evidence that is not genuine are about claims, not facts.
 */
import { messageOf } from "../base/errors.ts";
import { type Check, failure } from "./checks.ts";
import { commonChecks, judgeBinding, judgeMeasurements } from "./common_policy.ts";
import { parseNitroDocument } from "./nitro_format.ts";
import {
  judgeNitro,
  NITRO_POLICY_CHECKS,
  nitroBinding,
  nitroFacts,
  nitroMeasurements,
} from "./nitro_policy.ts";
import { NITRO_SIGNATURE_CHECKS, verifyNitroSignature } from "./nitro_signature.ts";
import { trustStoreOf } from "./roots.ts";
import { Malformed, printable, structured } from "./structure.ts";
import type {
  AttestationPolicy,
  Binding,
  Evidence,
  Failure,
  Platform,
  Verdict,
  VerificationContext,
} from "./types.ts";

/** What the verifier of one platform found. */
interface Findings {
  readonly failures: readonly Failure[];
  readonly checked: readonly Check[];
  readonly binding: Binding;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly measurements: Readonly<Record<string, string>>;
}

/**
 * Judges evidence. The policy must come from `parsePolicy`. The verdict's `accepted` is the one thing to act on; `failures` says why not.
 */
export function verifyEvidence(
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
): Verdict {
  if (Number.isNaN(context.at.getTime())) return refuse(evidence.platform, "the time is invalid");
  if (evidence.platform !== policy.platform) {
    return finish(evidence.platform, nothing([platformFailure(evidence, policy)], ["platform"]));
  }
  try {
    return finish(evidence.platform, examine(evidence, policy, context));
  } catch (thrown) {
    // Nothing that a stranger sends may stop a verifier; whatever it was, the answer is no.
    return refuse(evidence.platform, printable(messageOf(thrown)));
  }
}

function examine(
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
): Findings {
  switch (evidence.platform) {
    case "simulated":
    case "nitro":
      return examineNitro(evidence, policy, context);
    default:
      return nothing([failure("structure", "platform", "not supported")], ["platform"]);
  }
}

function examineNitro(
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
): Findings {
  const document = structured(() => parseNitroDocument(evidence.document));
  if (document instanceof Malformed) return malformedFindings(document);
  const binding = nitroBinding(document);
  const measurements = nitroMeasurements(document);
  const { roots } = trustStoreOf(policy);
  return {
    failures: [
      ...verifyNitroSignature(document, roots, context.at),
      ...judgeNitro(document, policy),
      ...judgeMeasurements(measurements, policy),
      ...judgeBinding(binding, context),
    ],
    checked: [
      "format",
      ...NITRO_SIGNATURE_CHECKS,
      ...NITRO_POLICY_CHECKS,
      ...commonChecks(policy, context),
    ],
    binding,
    facts: nitroFacts(document),
    measurements,
  };
}

function platformFailure(evidence: Evidence, policy: AttestationPolicy): Failure {
  if (evidence.platform === "simulated") {
    return failure(
      "policy",
      "simulated",
      `the evidence is of a simulated TEE, which protects nothing; ${policy.platform} is wanted`,
    );
  }
  return failure(
    "policy",
    "platform",
    `the evidence is of platform ${evidence.platform}, the policy is for ${policy.platform}`,
  );
}

function malformedFindings(problem: Malformed): Findings {
  return nothing([failure("structure", "format", problem.message)], ["format"]);
}

function nothing(failures: readonly Failure[], checked: readonly Check[]): Findings {
  return { failures, checked, binding: {}, facts: {}, measurements: {} };
}

function refuse(platform: Platform, message: string): Verdict {
  return finish(platform, nothing([failure("structure", "internal", message)], ["internal"]));
}

function finish(platform: Platform, findings: Findings): Verdict {
  const platformJudged = findings.checked[0] !== "platform";
  return {
    platform,
    genuine: platformJudged && findings.failures.every((failure) => failure.layer === "policy"),
    accepted: findings.failures.length === 0,
    ...findings,
  };
}
