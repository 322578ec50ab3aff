/**
 * Signatures by keys of TEE makers: ECDSA (FIPS 186-5) with raw or DER signatures and RSASSA-PSS (RFC 8017, section 8.1), through
 * node:crypto, synchronous and without exceptions. `X509Certificate.verify` of Deno answers false for genuine PSS certificates,
 * hence the signed bytes are verified by hand.
 */
import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import { concat, fromHex } from "../base/bytes.ts";
import type { Certificate, KeyKind, SignatureAlgorithm } from "./certificate_format.ts";

/** SubjectPublicKeyInfo of an uncompressed point up to its byte 04. */
const SPKI_PREFIX = {
  p256: fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200")!,
  p384: fromHex("3076301006072a8648ce3d020106052b81040022036200")!,
};

const HASH_OF = { p256: "sha256", p384: "sha384" } as const;

/** What kind of key each algorithm needs. */
const KEY_OF: Readonly<Record<SignatureAlgorithm, KeyKind | undefined>> = {
  "ecdsa-sha256": "p256",
  "ecdsa-sha384": "p384",
  "rsa-pss-sha384": "rsa",
  unknown: undefined,
};

const PSS_SALT_BYTES = 48;

/** The SubjectPublicKeyInfo of a point given as x and y, one after the other. */
export function spkiOfPoint(curve: "p256" | "p384", xy: Uint8Array): Uint8Array {
  return concat(SPKI_PREFIX[curve], Uint8Array.of(4), xy);
}

/** Whether these bytes are a public key at all, such as a point on its curve. */
export function isPublicKey(spki: Uint8Array): boolean {
  return importSpki(spki) !== undefined;
}

/** Whether `r || s` is the signature of the message: P-256 with SHA-256 or P-384 with SHA-384. */
export function verifyRawEcdsa(
  curve: "p256" | "p384",
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== (curve === "p256" ? 64 : 96)) return false;
  const key = importSpki(spki);
  if (!key) return false;
  return guarded(() =>
    verify(HASH_OF[curve], message, { key, dsaEncoding: "ieee-p1363" } as never, signature)
  );
}

/** Whether the issuer's key made the signature over the message by that algorithm. */
export function verifyBy(
  issuer: Certificate,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (KEY_OF[algorithm] !== issuer.keyKind) return false;
  const key = importSpki(issuer.spki);
  if (!key) return false;
  switch (algorithm) {
    case "ecdsa-sha256":
      return guarded(() => verify("sha256", message, key, signature));
    case "ecdsa-sha384":
      return guarded(() => verify("sha384", message, key, signature));
    case "rsa-pss-sha384":
      return guarded(() =>
        verify("sha384", message, {
          key,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: PSS_SALT_BYTES,
        } as never, signature)
      );
    case "unknown":
      return false;
    default:
      return algorithm satisfies never;
  }
}

/** The library throws for points off the curve and the like; to a verifier that is a plain no. */
function importSpki(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki as never, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

function guarded(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
