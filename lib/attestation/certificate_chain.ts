/**
 * Verifying a chain of certificates with node:crypto.
 *
 * A link (this certificate was signed by that key) never changes, so genuine links are remembered by their hash: a host that shows
 * fresh evidence under the same intermediates costs its verifier two signatures, not five.
 */
import { createHash } from "node:crypto";
import type { Certificate } from "./certificate_format.ts";
import { judgeChain } from "./chain_rules.ts";
import { verifyBy } from "./public_key_signature.ts";
import type { Failure } from "./types.ts";

/** Links remembered: some hundred hosts with all their intermediates, about 100 bytes each. */
const LINKS_MAX = 1024;
const links = new Set<string>();

/** What is wrong with a chain: leaf first, root last, `anchors` the pinned roots. See `chain_rules.ts`. */
export function verifyChain(
  chain: readonly Certificate[],
  anchors: readonly Certificate[],
  at: Date,
): Failure[] {
  return judgeChain(chain, anchors, at, isSignedBy);
}

/** Forgets which links are genuine, so that the next verification is as slow as the first: for measurements. */
export function forgetVerifiedLinks(): void {
  links.clear();
}

/** Whether the issuer's key made the signature of the subject's certificate. */
export function isSignedBy(subject: Certificate, issuer: Certificate): boolean {
  const link = createHash("sha256").update(issuer.spki).update(subject.der).digest("base64");
  if (links.has(link)) return true;
  if (!verifyBy(issuer, subject.signatureAlgorithm, subject.tbs, subject.signature)) return false;
  if (links.size >= LINKS_MAX) links.delete(links.values().next().value!);
  links.add(link);
  return true;
}
