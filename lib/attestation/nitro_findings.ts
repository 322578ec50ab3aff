/**
 * Everything that is judged of a document in Nitro's format: whether it is what the root's owner vouches for (ES384 under the document's
 * certificate, whose chain runs through `cabundle` from its last entry to its first, a pinned root), and what a policy has against it.
 * Pure: signatures are asked for, so that node:crypto and browsers share every rule.
 */
import type { Certificate } from "./certificate_format.ts";
import { judgeChain, type SignatureOracle } from "./chain_rules.ts";
import { type Check, failure } from "./checks.ts";
import { commonChecks, judgeBinding, judgeMeasurements } from "./common_policy.ts";
import type { Findings } from "./findings.ts";
import type { NitroDocument } from "./nitro_format.ts";
import {
  judgeNitro,
  NITRO_POLICY_CHECKS,
  nitroBinding,
  nitroFacts,
  nitroMeasurements,
} from "./nitro_policy.ts";
import { trustStoreOf } from "./roots.ts";
import type { AttestationPolicy, Failure, VerificationContext } from "./types.ts";

/** Who verifies signatures. */
export interface NitroSignatures {
  /** Whether the key in the document's certificate, of P-384, made the document's signature. */
  isDocumentSigned(document: NitroDocument): boolean;
  readonly isSignedBy: SignatureOracle;
}

/** The checks of signature and chain. */
const NITRO_SIGNATURE_CHECKS: readonly Check[] = [
  "algorithm",
  "signature",
  "root",
  "validity",
  "chain",
];

/** `{1: -35}`: ES384. */
const PROTECTED_HEADER_ES384 = "a1013822";

/** The chain of a document: its own certificate first, the root last. */
export function nitroChain(document: NitroDocument): readonly Certificate[] {
  return [document.certificate, ...document.authorities.toReversed()];
}

/** What a document says, and everything that is wrong with it. */
export function nitroFindings(
  document: NitroDocument,
  policy: AttestationPolicy,
  context: VerificationContext,
  signatures: NitroSignatures,
): Findings {
  const binding = nitroBinding(document);
  const measurements = nitroMeasurements(document);
  const { roots } = trustStoreOf(policy);
  return {
    failures: [
      ...judgeSignature(document, roots, context.at, signatures),
      ...judgeNitro(document, policy),
      ...judgeMeasurements(measurements, policy),
      ...judgeBinding(binding, policy, context),
    ],
    checked: [
      "format",
      ...NITRO_SIGNATURE_CHECKS,
      ...NITRO_POLICY_CHECKS,
      ...commonChecks(binding, policy, context),
    ],
    binding,
    facts: nitroFacts(document),
    measurements,
  };
}

/** What is wrong with signature and chain at that time under those roots. */
function judgeSignature(
  document: NitroDocument,
  anchors: readonly Certificate[],
  at: Date,
  signatures: NitroSignatures,
): Failure[] {
  const failures: Failure[] = [];
  const { certificate, protectedHeaderHex } = document;
  if (protectedHeaderHex !== PROTECTED_HEADER_ES384) {
    failures.push(failure(
      "signature",
      "algorithm",
      `the protected header is ${protectedHeaderHex.slice(0, 64) || "empty"}, ` +
        `not ${PROTECTED_HEADER_ES384} (ES384)`,
    ));
  } else if (certificate.keyKind !== "p384") {
    failures.push(failure("signature", "algorithm", "the certificate's key is not a P-384 key"));
  } else if (!signatures.isDocumentSigned(document)) {
    failures.push(failure(
      "signature",
      "signature",
      "the signature does not verify under the key in the document's certificate",
    ));
  }
  const chain = judgeChain(nitroChain(document), anchors, at, signatures.isSignedBy);
  return [...failures, ...chain];
}
