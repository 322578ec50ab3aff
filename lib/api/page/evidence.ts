/**
 * The evidence for an enclave's key, judged in the browser under the reader's own policy, as `fumata verify` judges it offline. A script of its
 * own, fetched when a reader brings a policy: it is larger than the rest of the page, and most readers never need it.
 */
import { decodeEvidence } from "../../attestation/envelope.ts";
import { parsePolicyOrProfile } from "../../attestation/policy_format.ts";
import { fromHex, utf8 } from "../../base/bytes.ts";
import { isJudgedInBrowsers, verifyEvidenceAtItsTime } from "../../enclave/browser/verify.ts";
import { parseFile } from "./reader_file.ts";

/** A node keeps one piece of evidence for a key; more than a few are not looked at. */
const EVIDENCE_MAX = 16;

/** What is asked: whether one of these envelopes names the key of this function as the policy, a policy or a profile as text, wants it. */
export interface EvidenceQuestion {
  readonly envelopes: readonly unknown[];
  readonly kid: string;
  /** Of the function, hex. */
  readonly checksum: string;
  readonly policy: string;
}

/** The TEE of the evidence that does, or every reason why none does. Throws, in words, when that cannot be judged here. */
export async function judgeEvidence(
  { envelopes, kid, checksum, policy: text }: EvidenceQuestion,
): Promise<{ readonly platform: string } | { readonly reasons: readonly string[] }> {
  const policy = parsePolicyOrProfile(parseFile(text), "your file");
  if (!isJudgedInBrowsers(policy.platform)) {
    const { platform } = policy;
    throw new Error(`browsers do not judge evidence of platform ${platform}; "fumata verify" does`);
  }
  const functionChecksum = fromHex(checksum);
  if (!functionChecksum) throw new Error("the checksum is not hex");
  const reasons: string[] = [];
  for (const envelope of envelopes.slice(0, EVIDENCE_MAX)) {
    const evidence = decodeEvidence(utf8(JSON.stringify(envelope)));
    if (typeof evidence === "string") {
      reasons.push(evidence);
      continue;
    }
    const { accepted, binding, failures, platform } = await verifyEvidenceAtItsTime(
      evidence,
      policy,
      functionChecksum,
    );
    if (!accepted) reasons.push(...failures.map(({ message }) => message));
    else if (binding.certificateKid === kid) return { platform };
    else reasons.push("it names another key");
  }
  return { reasons: reasons.length > 0 ? reasons : ["the node has none for this key"] };
}
