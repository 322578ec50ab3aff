/** Election certificates: read, verify, and what is sent to get one. */
export {
  auditChain,
  type AuditOptions,
  type ChainAudit,
  type ChainBreak,
  type ChainLink,
  claimedChecksum,
  type FunctionPins,
} from "./audit.ts";
export { type ChainFile, parseChainFile } from "./chain_file.ts";
export {
  formatSuccessionOrder,
  isOrderBy,
  parseSuccessionOrder,
  signSuccessionOrder,
  type SuccessionOrderFile,
} from "./succession_order.ts";
export { type CertificateFile, parseCertificateFile } from "./certificate_document.ts";
export type { CertificateCheck } from "./findings.ts";
export type { Claims, ClosingClaims, OpenClaims, RosterClaims } from "./format.ts";
export { electRequest, proposalDigest, type ProposalTexts } from "./proposal.ts";
export { type Fence, fenceFault, readFence } from "./fence.ts";
export { type Meaning, type MeaningFacts, meaningOf } from "./meaning.ts";
export {
  CHALLENGE_BYTES,
  type PossessionChallenge,
  provePossession,
  readChallenge,
  verifyPossession,
} from "./possession.ts";
export {
  closeRequest,
  closingProposalDigest,
  type ClosingTexts,
  incumbencyOf,
  readClusterConfig,
  rosterDigest,
  rosterElectRequest,
  type RosterProposalTexts,
  rosterProposalTexts,
} from "./roster_proposal.ts";
export type {
  CertificateDocument,
  Digest,
  RosterFacts,
  VerifiedCertificate,
  Vote,
} from "./types.ts";
export {
  type CertificateFailure,
  type CertificatePins,
  type CertificateVerdict,
  verifyCertificate,
} from "./verify.ts";
