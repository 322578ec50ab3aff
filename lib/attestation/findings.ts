/** From findings to a verdict: the same for every platform, and wherever signatures are verified. */
import { type Check, failure } from "./checks.ts";
import type { Malformed } from "./structure.ts";
import type { AttestationPolicy, Binding, Evidence, Failure, Platform, Verdict } from "./types.ts";

/** What the verifier of one platform found. */
export interface Findings {
  readonly failures: readonly Failure[];
  readonly checked: readonly Check[];
  readonly binding: Binding;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly measurements: Readonly<Record<string, string>>;
}

const LAYERS: readonly Failure["layer"][] = ["structure", "signature", "policy"];

/** Findings of bytes that are not what they should be. */
export function malformedFindings(problem: Malformed): Findings {
  return nothing([failure("structure", "format", problem.message)], ["format"]);
}

/** Findings without anything read. */
export function nothing(failures: readonly Failure[], checked: readonly Check[]): Findings {
  return { failures, checked, binding: {}, facts: {}, measurements: {} };
}

/** The verdict of a verifier that cannot judge. */
export function refuse(platform: Platform, message: string): Verdict {
  return finish(platform, nothing([failure("structure", "internal", message)], ["internal"]));
}

/** The verdict that follows from findings. */
export function finish(platform: Platform, findings: Findings): Verdict {
  const platformJudged = findings.checked[0] !== "platform";
  const rank = (failure: Failure) => LAYERS.indexOf(failure.layer);
  return {
    ...findings,
    platform,
    genuine: platformJudged && findings.failures.every((failure) => failure.layer === "policy"),
    accepted: findings.failures.length === 0,
    failures: findings.failures.toSorted((a, b) => rank(a) - rank(b)),
  };
}

/** When the document says that it was made; a claim, until it was found genuine at that very time. */
export function statedTimeIn({ facts }: Verdict): Date | undefined {
  return typeof facts.timestamp_ms === "number" ? new Date(facts.timestamp_ms) : undefined;
}

/** Why evidence of one platform cannot satisfy a policy for another. */
export function platformFailure(evidence: Evidence, policy: AttestationPolicy): Failure {
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
