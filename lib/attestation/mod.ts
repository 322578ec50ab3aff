/** Verification of TEE evidence: types, the verifier, policies, the envelope, reports for people. */
export * from "./types.ts";
export { type Check, failure } from "./checks.ts";
export { ownTimeOf } from "./own_time.ts";
export { measurementsUnverified, verifyEvidence } from "./verify.ts";
export {
  insecureAnyMeasurementPolicy,
  parsePolicy,
  parsePolicyOrProfile,
} from "./policy_format.ts";
export { decodeEvidence, encodeEvidence, evidenceFromWire, evidenceToWire } from "./envelope.ts";
export { endorsementsOfTable, readEndorsementFile, readEvidenceFile } from "./evidence_file.ts";
export {
  describeBinding,
  describePolicy,
  formatMeasurements,
  formatVerdict,
  measurementsToPin,
  PLATFORM_NAMES,
  policyFromVerdict,
  uncheckedOf,
} from "./report.ts";
export { encodeBound, reportDataOf } from "./report_data.ts";
export { decodeUserData, encodeUserData, type UserData } from "./user_data.ts";
