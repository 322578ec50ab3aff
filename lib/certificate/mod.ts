/** Election certificates: read, verify, and what is sent to get one. */
export { type CertificateFile, parseCertificateFile } from "./certificate_document.ts";
export type { Claims } from "./format.ts";
export { electRequest, proposalDigest, type ProposalTexts } from "./proposal.ts";
export type { CertificateDocument, Digest, VerifiedCertificate, Vote } from "./types.ts";
export {
  type CertificateCheck,
  type CertificateFailure,
  type CertificatePins,
  type CertificateVerdict,
  verifyCertificate,
} from "./verify.ts";
