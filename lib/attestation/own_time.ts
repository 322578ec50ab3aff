/**
 * The time that evidence states of itself. Offline, a Nitro leaf that lived three hours is judged at the document's own time (design §5); reports
 * and quotes state none, and their certificates live for years.
 */
import { statedTimeIn } from "./findings.ts";
import type { AttestationPolicy, Evidence } from "./types.ts";
import { verifyEvidence } from "./verify.ts";

/** When the document says that it was made; a claim, until the evidence was found genuine at that very time. */
export function ownTimeOf(evidence: Evidence, policy: AttestationPolicy): Date | undefined {
  return statedTimeIn(verifyEvidence(evidence, policy, { at: new Date(0) }));
}
