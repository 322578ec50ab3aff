/**
 * The verifier: evidence, policy and time in, verdict out. Synchronous, offline, without a clock, and never an exception: hostile bytes
 * are a verdict like any other.
 *
 * The layers run in order. What is malformed has no fields, so a structural failure ends it; signature and policy both run to the end,
 * so that the report names everything that is wrong. Policy findings about evidence that is not genuine are about claims, not facts.
 */
import { messageOf } from "../base/errors.ts";
import type { Certificate } from "./certificate_format.ts";
import { type Check, failure } from "./checks.ts";
import { parseCollateral } from "./collateral_format.ts";
import { type CollateralFindings, judgeCollateral } from "./collateral_policy.ts";
import { verifyCollateral } from "./collateral_signature.ts";
import { commonChecks, judgeBinding, judgeMeasurements } from "./common_policy.ts";
import {
  type Findings,
  finish,
  malformedFindings,
  nothing,
  platformFailure,
  refuse,
} from "./findings.ts";
import { nitroFindings } from "./nitro_findings.ts";
import { parseNitroDocument } from "./nitro_format.ts";
import { NODE_SIGNATURES } from "./nitro_signature.ts";
import type { PckPlatform } from "./pck_format.ts";
import { parseQuote, type Quote } from "./quote_format.ts";
import { judgeQuote, quoteFacts, quoteMeasurements, quotePolicyChecks } from "./quote_policy.ts";
import { platformOf, QUOTE_SIGNATURE_CHECKS, verifyQuoteSignature } from "./quote_signature.ts";
import { verifyBound } from "./report_data_binding.ts";
import { trustStoreOf } from "./roots.ts";
import { judgeSnp, snpFacts, snpMeasurements, snpPolicyChecks } from "./snp_policy.ts";
import { parseSnpReport } from "./snp_format.ts";
import {
  parseSnpEndorsements,
  SNP_SIGNATURE_CHECKS,
  snpChain,
  verifySnpRevocations,
  verifySnpSignature,
} from "./snp_signature.ts";
import { Malformed, printable, structured } from "./structure.ts";
import {
  type AttestationPolicy,
  type Evidence,
  INSECURE_ANY_MEASUREMENT,
  type Verdict,
  type VerificationContext,
} from "./types.ts";

/** The checks that collateral adds. */
const COLLATERAL_CHECKS: readonly Check[] = ["collateral", "revocation", "tcb"];

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

/** The measurements that evidence claims, without a word about whether it is genuine: for showing what to pin, from a host one trusts. */
export function measurementsUnverified(evidence: Evidence): Readonly<Record<string, string>> {
  const policy = { platform: evidence.platform, measurements: INSECURE_ANY_MEASUREMENT } as const;
  return verifyEvidence(evidence, policy, { at: new Date(0) }).measurements;
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
    case "snp":
      return examineSnp(evidence, policy, context);
    case "tdx":
    case "sgx":
      return examineQuote(evidence, evidence.platform, policy, context);
    default:
      return evidence.platform satisfies never;
  }
}

function examineNitro(
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
): Findings {
  const document = structured(() => parseNitroDocument(evidence.document));
  if (document instanceof Malformed) return malformedFindings(document);
  return nitroFindings(document, policy, context, NODE_SIGNATURES);
}

function examineSnp(
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
): Findings {
  const report = structured(() => parseSnpReport(evidence.document));
  if (report instanceof Malformed) return malformedFindings(report);
  const measurements = snpMeasurements(report);
  const endorsements = structured(() => parseSnpEndorsements(evidence.endorsements));
  if (endorsements instanceof Malformed) {
    // What the report claims is still shown, so that one sees which certificate it needs.
    return { ...malformedFindings(endorsements), facts: snpFacts(report), measurements };
  }
  const { endorsement } = endorsements;
  const trust = trustStoreOf(policy);
  const chain = snpChain(endorsements, trust, context.at);
  const bound = verifyBound(evidence.bound, report.reportData);
  const lists = verifySnpRevocations(context.revocationLists ?? [], chain, context.at);
  return {
    failures: [
      ...bound.failures,
      ...verifySnpSignature(report, endorsements, chain, trust, context.at),
      ...lists.failures,
      ...judgeSnp(report, endorsement, policy, lists.applied),
      ...judgeMeasurements(measurements, policy),
      ...judgeBinding(bound.binding, policy, context),
    ],
    checked: [
      "format",
      ...SNP_SIGNATURE_CHECKS,
      ...(lists.applied > 0 ? ["revocation" as const] : []),
      ...snpPolicyChecks(policy),
      ...commonChecks(bound.binding, policy, context),
    ],
    binding: bound.binding,
    facts: snpFacts(report, endorsement),
    measurements,
  };
}

function examineQuote(
  evidence: Evidence,
  tee: "tdx" | "sgx",
  policy: AttestationPolicy,
  context: VerificationContext,
): Findings {
  const parts = structured(() => {
    const quote = parseQuote(evidence.document, tee);
    return { quote, platform: platformOf(quote) };
  });
  if (parts instanceof Malformed) return malformedFindings(parts);
  const { quote, platform } = parts;
  const { roots } = trustStoreOf(policy);
  const bound = verifyBound(evidence.bound, quote.body.reportData);
  const measurements = quoteMeasurements(quote);
  const collateral = examineCollateral(quote, platform, roots, policy, context);
  return {
    failures: [
      ...bound.failures,
      ...verifyQuoteSignature(quote, roots, context.at),
      ...collateral.failures,
      ...judgeQuote(quote, policy),
      ...judgeMeasurements(measurements, policy),
      ...judgeBinding(bound.binding, policy, context),
    ],
    checked: [
      "format",
      ...QUOTE_SIGNATURE_CHECKS,
      ...(context.collateral !== undefined ? COLLATERAL_CHECKS : []),
      ...quotePolicyChecks(policy),
      ...commonChecks(bound.binding, policy, context),
    ],
    binding: bound.binding,
    facts: { ...quoteFacts(quote, platform), ...collateral.facts },
    measurements,
  };
}

function examineCollateral(
  quote: Quote,
  platform: PckPlatform | undefined,
  roots: readonly Certificate[],
  policy: AttestationPolicy,
  context: VerificationContext,
): CollateralFindings {
  const text = context.collateral;
  if (text === undefined) {
    const message = "no collateral was given, the policy wants it";
    return {
      failures: policy.requireCollateral ? [failure("policy", "collateral", message)] : [],
      facts: {},
    };
  }
  const collateral = structured(() => parseCollateral(text));
  if (collateral instanceof Malformed) {
    return { failures: [failure("structure", "collateral", collateral.message)], facts: {} };
  }
  const failures = verifyCollateral(collateral, quote.certificates, roots, context.at);
  const judged = platform && judgeCollateral(collateral, quote, platform, policy);
  return { failures: [...failures, ...judged?.failures ?? []], facts: judged?.facts ?? {} };
}
