/**
 * Judging evidence that another node kept: in full, under the policy of a host that this node uses, at the document's own time, but never at one that
 * has yet to come. No nonce of this node is in it, so it says that an enclave held the key once, not that it does now.
 */
import {
  type AttestationPolicy,
  type Evidence,
  ownTimeOf,
  verifyEvidence,
} from "../attestation/mod.ts";
import { importRsaJwk, type RsaPublicKey } from "../crypto/rsa.ts";
import type { RsaJwk } from "../crypto/thumbprint.ts";

/** The key, when one of these policies accepts the evidence and it binds that key and this function's checksum; else what is wrong. */
export function keyOfKeptEvidence(
  jwk: RsaJwk,
  evidence: Evidence,
  demands: {
    readonly policies: readonly AttestationPolicy[];
    readonly functionChecksum: Uint8Array;
    readonly now: Date;
  },
): RsaPublicKey | string {
  const { policies, functionChecksum, now } = demands;
  const key = importRsaJwk(jwk);
  if (typeof key === "string") return `the key ${key}`;
  const reasons: string[] = [];
  for (const policy of policies) {
    const own = ownTimeOf(evidence, policy);
    const at = own && own < now ? own : now;
    const { accepted, binding, failures } = verifyEvidence(evidence, policy, {
      at,
      functionChecksum,
    });
    if (accepted && binding.certificateKid === key.kid) return key;
    reasons.push(accepted ? "it binds another certificate key" : failures[0].message);
  }
  return reasons[0] ?? "this node has no policy to judge it by";
}
