/**
 * The policy that pins a TEE as this machine finds it: what a host writes into the profile for its own user. It trusts what runs now,
 * which its operator just started; others compare the measurements with published ones before they pin them.
 */
import {
  type AttestationPolicy,
  insecureAnyMeasurementPolicy,
  type Platform,
  verifyEvidence,
} from "../attestation/mod.ts";
import { utf8 } from "../base/bytes.ts";
import type { SimulatedTee, TeeDriver } from "../tee/mod.ts";

/** The measurements that stand for the code: others name the instance, or grow while it runs. */
const CODE_MEASUREMENTS: Readonly<Record<Exclude<Platform, "simulated">, readonly string[]>> = {
  nitro: ["pcr0", "pcr1", "pcr2"],
  snp: ["measurement"],
  tdx: ["mrtd", "rtmr0", "rtmr1", "rtmr2"],
  sgx: ["mrenclave"],
};

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
  const verdict = verifyEvidence(evidence, insecureAnyMeasurementPolicy(platform), {
    at: now,
    nonce,
  });
  if (!verdict.accepted) return verdict.failures.map((failure) => failure.message).join("; ");
  const names = CODE_MEASUREMENTS[platform];
  const missing = names.filter((name) => !(name in verdict.measurements));
  if (missing.length > 0) return `the evidence has no ${missing.join(" and no ")}`;
  return {
    platform,
    measurements: Object.fromEntries(names.map((name) => [name, verdict.measurements[name]])),
  };
}
