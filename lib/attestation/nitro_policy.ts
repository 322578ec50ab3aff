/**
 * What a policy has against a genuine document in Nitro's format, and what the document says. One code for `nitro` and `simulated`: each
 * refuses the documents of the other, whatever the roots are.
 */
import { hex } from "../base/bytes.ts";
import { type Check, failure } from "./checks.ts";
import type { NitroDocument } from "./nitro_format.ts";
import { isZero, printable } from "./structure.ts";
import type { AttestationPolicy, Binding, Failure } from "./types.ts";
import { decodeUserData, withoutUndefined } from "./user_data.ts";

/** The checks of this layer, beside the common ones. */
export const NITRO_POLICY_CHECKS: readonly Check[] = ["simulated", "debug"];

/** The registers of the image. A production enclave has them all, and none of them is zero. */
const IMAGE_REGISTERS = [0, 1, 2];

/** How the module ids of simulated TEEs begin. */
export const SIMULATED_MODULE_PREFIX = "simulated-";

/** Whether a document says that it comes from a simulated TEE: by its module id or by the name of any certificate. */
export function saysSimulated(document: NitroDocument): boolean {
  return [document.certificate, ...document.authorities]
    .map((certificate) => certificate.commonName)
    .concat(document.moduleId)
    .some((name) => name.toLowerCase().includes("simulated"));
}

/** What the policy has against the document. */
export function judgeNitro(document: NitroDocument, policy: AttestationPolicy): Failure[] {
  const failures: Failure[] = [];
  const simulated = saysSimulated(document);
  if (policy.platform !== "simulated" && simulated) {
    failures.push(failure(
      "policy",
      "simulated",
      `the document is of a simulated TEE ("${printable(document.moduleId)}"), ` +
        "which protects nothing; AWS Nitro is wanted",
    ));
  }
  if (policy.platform === "simulated" && !simulated) {
    failures.push(failure(
      "policy",
      "simulated",
      `the document of "${printable(document.moduleId)}" does not say that it is simulated`,
    ));
  }
  for (const index of IMAGE_REGISTERS) {
    const register = document.pcrs.get(index);
    if (register && !isZero(register)) continue;
    const state = register ? "all zero: the enclave runs in debug mode" : "not there";
    failures.push(failure("policy", "debug", `PCR${index} is ${state}`));
  }
  return failures;
}

/** What the document binds. */
export function nitroBinding(document: NitroDocument): Binding {
  return withoutUndefined({
    nonce: document.nonce,
    sessionKey: document.publicKey,
    ...decodeUserData(document.userData),
  });
}

/** Registers by name, `pcr0` …; those that are all zero were never written and are left out from the fourth on. */
export function nitroMeasurements(document: NitroDocument): Record<string, string> {
  const registers = [...document.pcrs].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    registers.filter(([index, value]) => index < 3 || !isZero(value))
      .map(([index, value]) => [`pcr${index}`, hex(value)]),
  );
}

/** What the document says, for people. */
export function nitroFacts(document: NitroDocument): Record<string, unknown> {
  const chain = [...document.authorities, document.certificate];
  return {
    module_id: document.moduleId,
    timestamp: new Date(document.timestampMs).toISOString(),
    timestamp_ms: document.timestampMs,
    pcr_count: document.pcrs.size,
    nonce: document.nonce ? hex(document.nonce) : null,
    public_key: document.publicKey ? hex(document.publicKey) : null,
    user_data_bytes: document.userData?.length ?? null,
    certificates: chain.map((certificate) =>
      `${printable(certificate.commonName)}: ` +
      `${new Date(certificate.notBeforeMs).toISOString()} .. ` +
      new Date(certificate.notAfterMs).toISOString()
    ),
  };
}
