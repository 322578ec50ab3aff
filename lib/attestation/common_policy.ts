/**
 * The demands that are the same for every TEE: measurements, nonce, function and keys.
 */
import { base64, equalBytes, hex } from "../base/bytes.ts";
import { type Check, failure } from "./checks.ts";
import {
  type AttestationPolicy,
  type Binding,
  type Failure,
  INSECURE_ANY_MEASUREMENT,
  type VerificationContext,
} from "./types.ts";

/** Bytes of an X25519 key. */
const SESSION_KEY_BYTES = 32;

/** The checks that `judgeMeasurements` and `judgeBinding` make for this policy and context. */
export function commonChecks(
  binding: Binding,
  policy: AttestationPolicy,
  context: VerificationContext,
): Check[] {
  const checks: Check[] = [];
  if (policy.measurements !== INSECURE_ANY_MEASUREMENT) checks.push("measurement");
  if (context.nonce) checks.push("nonce", "binding");
  if (context.functionChecksum) checks.push("function-checksum");
  if (context.certificateKid !== undefined) checks.push("certificate-key");
  if (policy.isolation && isAboutFunction(binding, context)) checks.push("isolation");
  return checks;
}

/** Every expected measurement that is not there or has another value. */
export function judgeMeasurements(
  measurements: Readonly<Record<string, string>>,
  policy: AttestationPolicy,
): Failure[] {
  if (policy.measurements === INSECURE_ANY_MEASUREMENT) return [];
  const failures: Failure[] = [];
  const demands = Object.entries(policy.measurements);
  // `parsePolicy` lets no such policy pass; one that was put together otherwise must not mean "any code" either.
  if (demands.length === 0) {
    failures.push(failure("policy", "measurement", "the policy expects no measurement at all"));
  }
  for (const [name, expected] of demands) {
    const values = (typeof expected === "string" ? [expected] : expected)
      .map((value) => value.toLowerCase());
    const actual = measurements[name];
    if (actual !== undefined && values.includes(actual)) continue;
    failures.push(failure(
      "policy",
      "measurement",
      `${name} is ${actual ?? "not there"}, expected ${values.join(" or ")}`,
    ));
  }
  return failures;
}

/** What the binding lacks of what this verifier sent or pinned. */
export function judgeBinding(
  binding: Binding,
  policy: AttestationPolicy,
  context: VerificationContext,
): Failure[] {
  const failures: Failure[] = [];
  const { nonce, functionChecksum, certificateKid } = context;
  if (nonce) {
    if (!binding.nonce || !equalBytes(binding.nonce, nonce)) {
      failures.push(failure(
        "policy",
        "nonce",
        `the nonce is ${binding.nonce ? base64(binding.nonce) : "not there"}, expected ${
          base64(nonce)
        }`,
      ));
    }
    if (binding.sessionKey?.length !== SESSION_KEY_BYTES) {
      failures.push(failure(
        "policy",
        "binding",
        `the session key has ${binding.sessionKey?.length ?? 0} bytes, expected 32 of X25519`,
      ));
    }
  }
  if (functionChecksum) {
    const actual = binding.functionChecksum;
    if (!actual || !equalBytes(actual, functionChecksum)) {
      failures.push(failure(
        "policy",
        "function-checksum",
        `the function is ${actual ? hex(actual) : "not named"}, expected ${hex(functionChecksum)}`,
      ));
    }
  }
  if (certificateKid !== undefined && binding.certificateKid !== certificateKid) {
    failures.push(failure(
      "policy",
      "certificate-key",
      `the certificate key is ${binding.certificateKid ?? "not named"}, expected ${certificateKid}`,
    ));
  }
  if (policy.isolation && isAboutFunction(binding, context)) {
    const actual = binding.isolation;
    if (!actual || !policy.isolation.includes(actual)) {
      failures.push(failure(
        "policy",
        "isolation",
        `the isolation is ${actual ?? "not named"}, expected ${policy.isolation.join(" or ")}`,
      ));
    }
  }
  return failures;
}

/** Evidence for deploying, testing and for keys is about the host alone: there is no function to isolate yet. */
function isAboutFunction(binding: Binding, context: VerificationContext): boolean {
  return (context.functionChecksum ?? binding.functionChecksum) !== undefined;
}
