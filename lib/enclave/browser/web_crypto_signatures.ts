/**
 * The signatures of a document in Nitro's format, verified with WebCrypto. All of them are verified first, because WebCrypto answers
 * later; then the same rules as everywhere ask for the answers (`attestation/nitro_findings.ts`).
 *
 * ECDSA on P-256 and P-384 only: nothing else occurs in this format, and everything else is a plain no.
 */
import type { Certificate, KeyKind } from "../../attestation/certificate_format.ts";
import { childrenOf, expectTag, readDer, TAG } from "../../attestation/der.ts";
import { nitroChain, type NitroSignatures } from "../../attestation/nitro_findings.ts";
import type { NitroDocument } from "../../attestation/nitro_format.ts";
import { Malformed, structured } from "../../attestation/structure.ts";

/** The two curves: their names and hashes in WebCrypto, and the bytes of a coordinate. */
const CURVES = {
  p256: { namedCurve: "P-256", hash: "SHA-256", bytes: 32 },
  p384: { namedCurve: "P-384", hash: "SHA-384", bytes: 48 },
} as const;
type Curve = keyof typeof CURVES;

/** What kind of key each algorithm needs. */
const CURVE_OF: Readonly<Record<Certificate["signatureAlgorithm"], Curve | undefined>> = {
  "ecdsa-sha256": "p256",
  "ecdsa-sha384": "p384",
  "rsa-pss-sha384": undefined,
  unknown: undefined,
};

/** Verifies every signature of a document and its chain. Never rejects. */
export async function webCryptoSignatures(document: NitroDocument): Promise<NitroSignatures> {
  const chain = nitroChain(document);
  const issuers = new Map<Certificate, Certificate>();
  await Promise.all(
    chain.slice(1).map(async (issuer, i) => {
      if (await isCertificateSigned(chain[i], issuer)) issuers.set(chain[i], issuer);
    }),
  );
  const { certificate, signedBytes, signature } = document;
  const isSigned = await isRawSigned("p384", certificate, signedBytes, signature);
  return {
    isDocumentSigned: (asked) => asked === document && isSigned,
    isSignedBy: (subject, issuer) => issuers.get(subject) === issuer,
  };
}

async function isCertificateSigned(subject: Certificate, issuer: Certificate): Promise<boolean> {
  const curve = CURVE_OF[subject.signatureAlgorithm];
  const raw = curve && structured(() => rawSignature(subject.signature, CURVES[curve].bytes));
  if (!raw || raw instanceof Malformed) return false;
  return await isRawSigned(curve, issuer, subject.tbs, raw);
}

async function isRawSigned(
  curve: Curve,
  signer: Certificate,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { namedCurve, hash, bytes } = CURVES[curve];
  const kind: KeyKind = curve;
  if (signer.keyKind !== kind || signature.length !== 2 * bytes) return false;
  try {
    const algorithm = { name: "ECDSA", namedCurve };
    const key = await crypto.subtle.importKey("spki", signer.spki.slice(), algorithm, false, [
      "verify",
    ]);
    return await crypto.subtle.verify(
      { name: "ECDSA", hash },
      key,
      signature.slice(),
      message.slice(),
    );
  } catch {
    // A point that is not on the curve and the like.
    return false;
  }
}

/** `r || s` of fixed length, as WebCrypto wants it, from the DER that certificates have (RFC 3279, section 2.2.3). Throws `Malformed`. */
function rawSignature(der: Uint8Array, coordinateBytes: number): Uint8Array | undefined {
  const numbers = childrenOf(expectTag(readDer(der), TAG.sequence, "a signature"));
  if (numbers.length !== 2) return undefined;
  const raw = new Uint8Array(2 * coordinateBytes);
  for (const [i, number] of numbers.entries()) {
    let { content } = expectTag(number, TAG.integer, "a signature's number");
    if (content.length === 0 || content[0] >= 0x80) return undefined;
    if (content[0] === 0) content = content.subarray(1);
    if (content.length > coordinateBytes) return undefined;
    raw.set(content, (i + 1) * coordinateBytes - content.length);
  }
  return raw;
}
