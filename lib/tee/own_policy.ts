/**
 * The policy that pins a TEE as this machine finds it: what a host writes into the profile for its own user, and gives to its pages. It
 * trusts what runs now, which its operator just started; others compare the measurements with published ones before they pin them.
 */
import {
  type AttestationPolicy,
  insecureAnyMeasurementPolicy,
  policyFromVerdict,
  verifyEvidence,
} from "../attestation/mod.ts";
import { utf8 } from "../base/bytes.ts";
import type { SimulatedTee } from "./simulated.ts";
import type { TeeDriver } from "./types.ts";

/** The policy, or the reason as a text why the TEE's evidence gives none. */
export async function ownPolicy(tee: TeeDriver, now: Date): Promise<AttestationPolicy | string> {
  const { platform } = tee;
  if (platform === "simulated") {
    const { rootPem, measurements } = tee as SimulatedTee;
    return { platform, insecureSimulatedRoot: rootPem, measurements };
  }
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const sessionKey = new Uint8Array(32);
  const evidence = await tee.attest({ nonce, sessionKey, userData: utf8("{}") });
  const policy = insecureAnyMeasurementPolicy(platform);
  const verdict = verifyEvidence(evidence, policy, { at: now, nonce });
  if (!verdict.accepted) return verdict.failures.map((failure) => failure.message).join("; ");
  return policyFromVerdict(verdict, policy);
}
