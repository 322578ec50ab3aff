/** A self-made AWS for tests: documents in Nitro's format with whatever payload and certificates a test wants. */
import { generateKeyPairSync } from "node:crypto";
import { encode } from "cborg";
import { fromHex } from "../../lib/base/bytes.ts";
import { AUTHORITY, certify, ECDSA_SHA384, MADE_AT, pemOf, signRaw } from "./_x509_maker.ts";

/** What a document has in place of the usual. */
export interface NitroChanges {
  /** Fields of the payload; `undefined` leaves one out. */
  readonly payload?: Readonly<Record<string, unknown>>;
  /** Changes the encoded payload before it is signed. */
  readonly content?: (encoded: Uint8Array) => Uint8Array;
  /** The authority's own key signs the document. */
  readonly signedByAuthority?: boolean;
  /** Extensions of the certificate whose key signs. */
  readonly leafExtensions?: readonly Uint8Array[];
  /** Whom that certificate names as its issuer. */
  readonly leafIssuer?: string;
  /** AlgorithmIdentifier of the authority's signature over it. */
  readonly leafAlgorithm?: Uint8Array;
  readonly leafCurve?: "P-256";
  /** Changes that certificate after it was signed. */
  readonly leaf?: (certificate: Uint8Array) => Uint8Array;
  readonly authorityExtensions?: readonly Uint8Array[];
}

/** A self-made AWS. */
export interface MadeNitro {
  readonly rootPem: string;
  document(changes?: NitroChanges): Uint8Array;
}

/** keyUsage with digitalSignature, as leaf certificates have it; and with keyEncipherment alone. */
export const SIGNING = fromHex("300e0603551d0f0101ff040403020780")!;
export const ENCIPHERING = fromHex("300e0603551d0f0101ff040403020520")!;

const PROTECTED_HEADER = fromHex("a1013822")!;

/** Makes a root and the key of an authority; every document has certificates of its own. */
export function makeNitro(): MadeNitro {
  const generate = (namedCurve = "P-384") => generateKeyPairSync("ec", { namedCurve });
  const [rootKeys, authorityKeys] = [generate(), generate()];
  const byRoot = { issuer: "Root", issuerKey: rootKeys.privateKey, algorithm: ECDSA_SHA384 };
  const root = certify(
    { ...byRoot, subject: "Root", key: rootKeys.publicKey, serial: 1 },
    AUTHORITY,
  );
  return {
    rootPem: pemOf(root),
    document(changes: NitroChanges = {}) {
      const authority = certify(
        { ...byRoot, subject: "Authority", key: authorityKeys.publicKey, serial: 2 },
        changes.authorityExtensions ?? AUTHORITY,
      );
      const keys = generate(changes.leafCurve);
      const leaf = certify({
        subject: "Leaf",
        issuer: changes.leafIssuer ?? "Authority",
        issuerKey: authorityKeys.privateKey,
        algorithm: changes.leafAlgorithm ?? ECDSA_SHA384,
        key: keys.publicKey,
        serial: 3,
      }, changes.leafExtensions ?? [SIGNING]);
      const { signedByAuthority = false } = changes;
      const encoded = encode(withoutUndefined({
        module_id: "i-1-enc1",
        digest: "SHA384",
        timestamp: MADE_AT.getTime(),
        pcrs: registers(),
        certificate: signedByAuthority ? authority : changes.leaf?.(leaf) ?? leaf,
        cabundle: signedByAuthority ? [root] : [root, authority],
        ...changes.payload,
      }));
      const content = changes.content?.(encoded) ?? encoded;
      const signed = encode(["Signature1", PROTECTED_HEADER, new Uint8Array(0), content]);
      const key = signedByAuthority ? authorityKeys.privateKey : keys.privateKey;
      return encode([PROTECTED_HEADER, new Map(), content, signRaw("sha384", key, signed)]);
    },
  };
}

/** PCR0 to PCR15; those of the image are 11…, 22… and 33…, the others zeros. */
export function registers(): Map<number, Uint8Array> {
  return new Map(
    Array.from(
      { length: 16 },
      (_, index) => [index, new Uint8Array(48).fill(index < 3 ? 0x11 * (index + 1) : 0)],
    ),
  );
}

function withoutUndefined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
