/**
 * The verifier as it runs in a browser: the same rules, policies and verdicts as `verifyEvidence`, over WebCrypto and hence later. Of the
 * platforms it knows those whose documents have Nitro's format, real and simulated; it refuses the others, in words.
 */
import {
  finish,
  malformedFindings,
  nothing,
  platformFailure,
  refuse,
  statedTimeIn,
} from "../../attestation/findings.ts";
import { nitroFindings } from "../../attestation/nitro_findings.ts";
import { parseNitroDocument } from "../../attestation/nitro_format.ts";
import { Malformed, printable, structured } from "../../attestation/structure.ts";
import type {
  AttestationPolicy,
  Evidence,
  Platform,
  Verdict,
  VerificationContext,
} from "../../attestation/types.ts";
import { messageOf } from "../../base/errors.ts";
import { webCryptoSignatures } from "./web_crypto_signatures.ts";

/** Whether browsers can judge a platform's evidence. */
export function isJudgedInBrowsers(platform: Platform): boolean {
  return platform === "nitro" || platform === "simulated";
}

/** Judges evidence at the time that it states of itself, else now: what `fumata verify` does offline. Never rejects. */
export async function verifyEvidenceAtItsTime(
  evidence: Evidence,
  policy: AttestationPolicy,
  functionChecksum: Uint8Array,
): Promise<Verdict> {
  const stated = statedTimeIn(await verifyEvidenceInBrowser(evidence, policy, { at: new Date(0) }));
  return await verifyEvidenceInBrowser(evidence, policy, {
    at: stated ?? new Date(),
    functionChecksum,
  });
}

/** Judges evidence. The policy must come from `parsePolicy`. Never rejects: hostile bytes are a verdict like any other. */
export async function verifyEvidenceInBrowser(
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
): Promise<Verdict> {
  const { platform } = evidence;
  if (Number.isNaN(context.at.getTime())) return refuse(platform, "the time is invalid");
  if (platform !== policy.platform) {
    return finish(platform, nothing([platformFailure(evidence, policy)], ["platform"]));
  }
  if (!isJudgedInBrowsers(platform)) {
    return refuse(platform, `browsers do not verify evidence of platform ${platform} yet`);
  }
  const document = structured(() => parseNitroDocument(evidence.document));
  if (document instanceof Malformed) return finish(platform, malformedFindings(document));
  try {
    const signatures = await webCryptoSignatures(document);
    return finish(platform, nitroFindings(document, policy, context, signatures));
  } catch (thrown) {
    return refuse(platform, printable(messageOf(thrown)));
  }
}
