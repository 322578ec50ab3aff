/** Verification of TEE evidence: types, the verifier, policies, the envelope. */
export * from "./types.ts";
export { ATTACKS, type Check } from "./checks.ts";
export { verifyEvidence } from "./verify.ts";
export { insecureAnyMeasurementPolicy, parsePolicy, TCB_STATUSES } from "./policy_format.ts";
export { decodeEvidence, encodeEvidence, evidenceFromWire, evidenceToWire } from "./envelope.ts";
export { decodeUserData, encodeUserData, type UserData } from "./user_data.ts";
