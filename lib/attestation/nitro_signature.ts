/** The signatures of documents in Nitro's format, verified with node:crypto. What follows from them is in `nitro_findings.ts`. */
import { isSignedBy } from "./certificate_chain.ts";
import type { NitroSignatures } from "./nitro_findings.ts";
import { verifyRawEcdsa } from "./public_key_signature.ts";

/** Verifies at once. */
export const NODE_SIGNATURES: NitroSignatures = {
  isDocumentSigned: ({ certificate, signedBytes, signature }) =>
    verifyRawEcdsa("p384", certificate.spki, signedBytes, signature),
  isSignedBy,
};
