/**
 * Whether a Nitro document is what the root's owner vouches for: ES384 under the document's certificate, whose chain runs through
 * `cabundle` from its last entry to its first, a pinned root.
 */
import type { Certificate } from "./certificate_format.ts";
import { verifyChain } from "./certificate_chain.ts";
import { type Check, failure } from "./checks.ts";
import type { NitroDocument } from "./nitro_format.ts";
import { verifyRawEcdsa } from "./public_key_signature.ts";
import type { Failure } from "./types.ts";

/** The checks of this layer. */
export const NITRO_SIGNATURE_CHECKS: readonly Check[] = [
  "algorithm",
  "signature",
  "root",
  "validity",
  "chain",
];

/** `{1: -35}`: ES384. */
const PROTECTED_HEADER_ES384 = "a1013822";

/** What is wrong with signature and chain at that time under those roots. */
export function verifyNitroSignature(
  document: NitroDocument,
  anchors: readonly Certificate[],
  at: Date,
): Failure[] {
  const failures: Failure[] = [];
  const { certificate, protectedHeaderHex } = document;
  if (protectedHeaderHex !== PROTECTED_HEADER_ES384) {
    failures.push(failure(
      "signature",
      "algorithm",
      `the protected header is ${protectedHeaderHex.slice(0, 64) || "empty"}, ` +
        `not ${PROTECTED_HEADER_ES384} (ES384)`,
    ));
  } else if (certificate.keyKind !== "p384") {
    failures.push(failure("signature", "algorithm", "the certificate's key is not a P-384 key"));
  } else if (
    !verifyRawEcdsa("p384", certificate.spki, document.signedBytes, document.signature)
  ) {
    failures.push(failure(
      "signature",
      "signature",
      "the signature does not verify under the key in the document's certificate",
    ));
  }
  const chain = [certificate, ...document.authorities.toReversed()];
  return [...failures, ...verifyChain(chain, anchors, at)];
}
