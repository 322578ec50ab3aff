/**
 * The rules for a chain of certificates in its one fixed order, from the key that signs evidence up to a pinned root (RFC 5280, section 6,
 * without path building: TEE makers fix the order). The root is pinned by its exact bytes, never by name. Pure: whether a signature
 * verifies is asked, because node:crypto answers at once and browsers later.
 */
import { equalBytes } from "../base/bytes.ts";
import type { Certificate } from "./certificate_format.ts";
import { failure } from "./checks.ts";
import { printable } from "./structure.ts";
import type { Failure } from "./types.ts";

/** Whether the issuer's key made the signature of the subject's certificate. */
export type SignatureOracle = (subject: Certificate, issuer: Certificate) => boolean;

/**
 * What is wrong with a chain: leaf first, root last. `anchors` are the pinned roots. Every certificate is judged, so that the
 * report is complete; signatures are verified last, and only when nothing else is wrong with their link.
 */
export function judgeChain(
  chain: readonly Certificate[],
  anchors: readonly Certificate[],
  at: Date,
  isSignedBy: SignatureOracle,
): Failure[] {
  const failures: Failure[] = [];
  const root = chain[chain.length - 1];
  if (!root) return [failure("signature", "chain", "there are no certificates")];
  if (!anchors.some((anchor) => equalBytes(anchor.der, root.der))) {
    failures.push(failure(
      "signature",
      "root",
      `the chain ends at "${printable(root.commonName)}", which is not a pinned root`,
    ));
  }
  for (const certificate of chain) failures.push(...verifyValidity(certificate, at));
  const misuse = leafProblem(chain[0]);
  if (misuse) {
    const name = printable(chain[0].commonName);
    failures.push(failure("signature", "chain", `the certificate "${name}" ${misuse}`));
  }
  for (let i = 1; i < chain.length; i++) {
    const problem = linkProblem(chain[i - 1], chain[i], i - 1, isSignedBy);
    if (problem) {
      const name = printable(chain[i - 1].commonName);
      failures.push(failure("signature", "chain", `the certificate "${name}" ${problem}`));
    }
  }
  return failures;
}

/** Whether the time lies inside the certificate's validity, both ends included (RFC 5280, section 4.1.2.5). */
function verifyValidity(certificate: Certificate, at: Date): Failure[] {
  const { notBeforeMs, notAfterMs } = certificate;
  if (at.getTime() >= notBeforeMs && at.getTime() < notAfterMs + 1000) return [];
  const from = new Date(notBeforeMs).toISOString();
  const until = new Date(notAfterMs).toISOString();
  const name = printable(certificate.commonName);
  return [failure(
    "signature",
    "validity",
    `the certificate "${name}" is valid ${from} .. ${until}, not at ${at.toISOString()}`,
  )];
}

/** The first certificate's key signs evidence: a key that is certified for other purposes, such as an authority's, may not. */
function leafProblem(leaf: Certificate): string | undefined {
  if (leaf.isAuthority) return "is an authority's, which signs certificates and no evidence";
  if (!leaf.maySignData) return "is for a key that may sign no evidence (keyUsage)";
}

function linkProblem(
  subject: Certificate,
  issuer: Certificate,
  authoritiesBelow: number,
  isSignedBy: SignatureOracle,
): string | undefined {
  if (!equalBytes(subject.issuer, issuer.subject)) {
    return `does not name "${printable(issuer.commonName)}" as its issuer`;
  }
  if (!issuer.isAuthority) return "was issued by a certificate that is not an authority";
  if (!issuer.maySignCertificates) {
    return "was issued by a key that may not sign certificates";
  }
  if (issuer.pathLength !== undefined && authoritiesBelow > issuer.pathLength) {
    return `is ${authoritiesBelow} authorities below one that allows ${issuer.pathLength}`;
  }
  for (const certificate of [subject, issuer]) {
    if (certificate.unknownCritical) {
      return `or its issuer has the unknown critical extension ${certificate.unknownCritical}`;
    }
  }
  if (!isSignedBy(subject, issuer)) return "is not signed by the issuer that it names";
}
