/** Election certificates: read, verify, and what is sent to get one. */
export { type CertificateFile, parseCertificateFile } from "./certificate_document.ts";
export type { Claims } from "./format.ts";
export { electRequest, proposalDigest, type ProposalTexts } from "./proposal.ts";
export {
  closeRequest,
  closingProposalDigest,
  type ClosingTexts,
  incumbencyOf,
  readClusterConfig,
  rosterDigest,
  rosterElectRequest,
  type RosterProposalTexts,
} from "./roster_proposal.ts";
export type {
  CertificateDocument,
  Digest,
  RosterFacts,
  VerifiedCertificate,
  Vote,
} from "./types.ts";
export {
  type CertificateCheck,
  type CertificateFailure,
  type CertificatePins,
  type CertificateVerdict,
  verifyCertificate,
} from "./verify.ts";
