/**
 * Whether a quote is Intel's word, link by link: the attestation key signed the quote; the quoting enclave's report names that key; the
 * platform's PCK signed the report; Intel's chain certifies the PCK.
 */
import { createHash } from "node:crypto";
import { concat, equalBytes } from "../base/bytes.ts";
import type { Certificate } from "./certificate_format.ts";
import { verifyChain } from "./certificate_chain.ts";
import { type Check, failure } from "./checks.ts";
import { parsePckPlatform, type PckPlatform } from "./pck_format.ts";
import { isPublicKey, spkiOfPoint, verifyRawEcdsa } from "./public_key_signature.ts";
import type { Quote } from "./quote_format.ts";
import { isZero, malformed } from "./structure.ts";
import type { Failure } from "./types.ts";

/** The checks of this layer. */
export const QUOTE_SIGNATURE_CHECKS: readonly Check[] = [
  "attestation-key",
  "quote-signature",
  "qe-binding",
  "qe-report-signature",
  "chain",
  "root",
  "validity",
];

const HASH_BYTES = 32;

/** The platform of the quote's PCK certificate; `undefined` when there is no certificate at all. Throws `Malformed`. */
export function platformOf(quote: Quote): PckPlatform | undefined {
  const [pck] = quote.certificates;
  return pck && (parsePckPlatform(pck) ?? malformed("the first certificate is no PCK certificate"));
}

/** What is wrong with signatures, bindings and chain at that time under those roots. */
export function verifyQuoteSignature(
  quote: Quote,
  anchors: readonly Certificate[],
  at: Date,
): Failure[] {
  return [
    ...verifyAttestationKey(quote),
    ...verifyQeBinding(quote),
    ...verifyQeReport(quote),
    ...verifyChain(quote.certificates, anchors, at),
  ];
}

function verifyAttestationKey(quote: Quote): Failure[] {
  const spki = spkiOfPoint("p256", quote.attestationKey);
  if (!isPublicKey(spki)) {
    return [failure("signature", "attestation-key", "the attestation key is no point of P-256")];
  }
  if (verifyRawEcdsa("p256", spki, quote.signedBytes, quote.signature)) return [];
  return [failure(
    "signature",
    "quote-signature",
    "the quote's signature does not verify under its attestation key",
  )];
}

function verifyQeBinding(quote: Quote): Failure[] {
  const { reportData } = quote.qeReport;
  const hash = createHash("sha256").update(concat(quote.attestationKey, quote.qeAuthData)).digest();
  const named = equalBytes(reportData.subarray(0, HASH_BYTES), new Uint8Array(hash));
  if (named && isZero(reportData.subarray(HASH_BYTES))) return [];
  return [failure(
    "signature",
    "qe-binding",
    "the quoting enclave's report names another attestation key",
  )];
}

function verifyQeReport(quote: Quote): Failure[] {
  const [pck] = quote.certificates;
  const holds = pck?.keyKind === "p256" &&
    verifyRawEcdsa("p256", pck.spki, quote.qeReportBytes, quote.qeReportSignature);
  if (holds) return [];
  return [failure(
    "signature",
    "qe-report-signature",
    "the quoting enclave's report is not signed by the platform's PCK",
  )];
}
