/**
 * The closed set of checks, each with the attack that it stops. A verdict names them; tests and logs rely on the names.
 */
import type { Failure } from "./types.ts";

/** Check by name: the attack that it stops. */
export const ATTACKS = {
  format: "malformed or ambiguous evidence that two verifiers would read differently",
  platform: "evidence of another kind of TEE passed off as the one that is wanted",
  simulated: "a program without any hardware protection that poses as a TEE",
  algorithm: "a downgrade to a signature algorithm that nobody vouches for",
  signature: "evidence that was made up or changed after the TEE signed it",
  root: "a hierarchy of certificates that somebody made at home under the vendor's names",
  chain: "a signing key that the maker of the TEE never certified",
  validity: "use of keys whose time is over, or not yet come, such as replayed old evidence",
  revocation: "keys that the maker of the TEE has withdrawn",
  "signing-key": "one kind of endorsement key used where the report names another",
  "chip-id": "a report of one chip presented with the certificate of another",
  tcb: "firmware with known holes",
  "attestation-key": "a quote with a key that cannot be anybody's",
  "quote-signature": "a quote that was made up or changed after the quoting enclave signed it",
  "qe-report-signature": "a quoting enclave that the platform did not certify",
  "qe-binding": "an attestation key swapped for the attacker's own",
  "qe-identity": "a quoting enclave that is not Intel's, or can be debugged",
  collateral: "stale or forged statements about which firmware is safe",
  debug: "an enclave whose memory the host can read",
  "migration-agent": "a guest that its host can move elsewhere through an agent",
  vmpl: "a report asked for by less privileged code in the guest",
  "seam-attributes": "a TDX module in debug mode",
  mrsignerseam: "a TDX module that Intel did not sign",
  measurement: "other code than the one that was reviewed",
  "host-data": "a guest started with another configuration",
  nonce: "old evidence played again",
  binding: "keys that do not belong to the enclave that was attested",
  "function-checksum": "another function run in place of the one that was pinned",
  "certificate-key": "a certificate key that the enclave does not hold",
  isolation: "a function run where its neighbours or the host can be got at",
  internal: "input that makes the verifier fail; it refuses then",
} as const;

/** Name of a check. */
export type Check = keyof typeof ATTACKS;

/** A failure of a check. */
export function failure(layer: Failure["layer"], check: Check, message: string): Failure {
  return { layer, check, message, attack: ATTACKS[check] };
}
