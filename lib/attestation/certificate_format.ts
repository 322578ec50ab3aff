/**
 * X.509 certificates, bytes to fields (RFC 5280, section 4.1), as far as TEE makers use them. Nothing is believed here.
 *
 * Keys are told apart by the exact bytes in front of them: P-256, P-384 and RSA with plain `rsaEncryption` are all that occur.
 */
import { equalBytes, fromBase64, fromHex, fromUtf8, hex } from "../base/bytes.ts";
import {
  bitStringBytes,
  childrenOf,
  type DerElement,
  expectTag,
  integerHex,
  objectIdentifier,
  readDer,
  smallInteger,
  TAG,
  timeMs,
} from "./der.ts";
import { checkLength, malformed } from "./structure.ts";

/** Signature algorithms that TEE makers use. `unknown` never verifies. */
export type SignatureAlgorithm = "ecdsa-sha256" | "ecdsa-sha384" | "rsa-pss-sha384" | "unknown";

/** Kinds of public keys. */
export type KeyKind = "p256" | "p384" | "rsa" | "unknown";

/** The fields of one certificate. */
export interface Certificate {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly serialHex: string;
  /** Issuer and subject names as DER, compared byte by byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Common name of the subject, for messages; empty when there is none. */
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly keyKind: KeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly isAuthority: boolean;
  /** CA certificates that may follow below it; `undefined` is any number. */
  readonly pathLength: number | undefined;
  /** Whether it may sign certificates: keyUsage allows it, or is absent. */
  readonly maySignCertificates: boolean;
  readonly maySignRevocationLists: boolean;
  /** Whether it may sign anything else, such as evidence. */
  readonly maySignData: boolean;
  /** Values of all extensions by object identifier. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  /** A critical extension that this verifier does not understand, if any. */
  readonly unknownCritical: string | undefined;
}

/** No certificate of any TEE comes near it. */
const CERTIFICATE_BYTES_MAX = 16 * 1024;

/** The most certificates that one PEM text may hold: three chains of three, and some. */
export const PEM_CERTIFICATES_MAX = 12;

const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const COMMON_NAME = fromHex("0603550403")!;
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;
const DIGITAL_SIGNATURE = 0x80;

/** AlgorithmIdentifiers as DER. PSS: SHA-384, MGF1 with SHA-384, salt 48, the trailer field written out or left out. */
const SIGNATURE_ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ["300a06082a8648ce3d040302", "ecdsa-sha256"],
  ["300a06082a8648ce3d040303", "ecdsa-sha384"],
  [
    "304606092a864886f70d01010a3039a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130a303020101",
    "rsa-pss-sha384",
  ],
  [
    "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130",
    "rsa-pss-sha384",
  ],
]);

const KEY_ALGORITHMS: ReadonlyMap<string, KeyKind> = new Map([
  ["301306072a8648ce3d020106082a8648ce3d030107", "p256"],
  ["301006072a8648ce3d020106052b81040022", "p384"],
  ["300d06092a864886f70d0101010500", "rsa"],
]);

/** Bytes of a public key in front of which the bit string says "uncompressed point". */
const POINT_BYTES = { p256: 65, p384: 97 } as const;

/** Reads a DER certificate. Throws `Malformed`. */
export function parseCertificate(der: Uint8Array): Certificate {
  checkLength(der, CERTIFICATE_BYTES_MAX, "a certificate");
  const outer = childrenOf(expectTag(readDer(der), TAG.sequence, "a certificate"));
  if (outer.length !== 3) malformed("a certificate does not have three parts");
  const [tbs, algorithm, signature] = outer;
  const fields = childrenOf(expectTag(tbs, TAG.sequence, "a certificate's content"));
  const version = expectTag(fields[0], TAG.contextConstructed, "a certificate's version");
  if (smallInteger(childrenOf(version)[0], "a certificate's version") !== 2) {
    malformed("a certificate is not of version 3");
  }
  const [, serial, innerAlgorithm, issuer, validity, subject, spki, ...rest] = fields;
  if (!spki) malformed("a certificate lacks fields");
  if (!equalBytes(innerAlgorithm.whole, algorithm.whole)) {
    malformed("a certificate names two signature algorithms");
  }
  const times = childrenOf(expectTag(validity, TAG.sequence, "a validity"));
  if (times.length !== 2) malformed("a validity does not have two times");
  const extensions = readExtensions(
    rest.find((field) => field.tag === (TAG.contextConstructed | 3)),
  );
  return {
    der,
    tbs: tbs.whole,
    serialHex: integerHex(serial, "a serial number"),
    issuer: expectTag(issuer, TAG.sequence, "an issuer").whole,
    subject: expectTag(subject, TAG.sequence, "a subject").whole,
    commonName: commonNameOf(subject),
    notBeforeMs: timeMs(times[0], "notBefore"),
    notAfterMs: timeMs(times[1], "notAfter"),
    keyKind: keyKindOf(spki),
    spki: spki.whole,
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature: bitStringBytes(signature, "a certificate's signature"),
    ...extensions,
  };
}

/** The algorithm that an AlgorithmIdentifier names. */
export function signatureAlgorithmOf(identifier: DerElement): SignatureAlgorithm {
  return SIGNATURE_ALGORITHMS.get(hex(identifier.whole)) ?? "unknown";
}

/** The certificates of a PEM text (RFC 7468), in order. Text around them is ignored. Throws `Malformed`. */
export function parsePemCertificates(text: string): Certificate[] {
  return decodePem(text, "CERTIFICATE", PEM_CERTIFICATES_MAX).map(parseCertificate);
}

/** The contents of all PEM blocks with this label. Throws `Malformed`. */
export function decodePem(text: string, label: string, blocksMax: number): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at)) {
    if (blocks.length === blocksMax) malformed(`PEM has more than ${blocksMax} ${label} blocks`);
    const stop = text.indexOf(end, at);
    if (stop < 0) malformed(`PEM has a ${label} without an end`);
    const bytes = fromBase64(text.slice(at + begin.length, stop).replaceAll(/[\r\n\t ]/g, ""));
    if (!bytes) malformed(`PEM has a ${label} that is not base64`);
    blocks.push(bytes);
    at = stop + end.length;
  }
  return blocks;
}

/** One extension of a certificate, a revocation list or an entry of one. */
export interface Extension {
  readonly id: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

/** The extensions in a sequence of them (RFC 5280, section 4.1.2.9). Throws `Malformed`. */
export function parseExtensions(list: DerElement | undefined): Extension[] {
  return childrenOf(expectTag(list, TAG.sequence, "extensions")).map((extension) => {
    const parts = childrenOf(expectTag(extension, TAG.sequence, "an extension"));
    if (parts.length !== 2 && parts.length !== 3) {
      malformed(`an extension has ${parts.length} parts`);
    }
    const mark = parts.length === 3
      ? expectTag(parts[1], TAG.boolean, "a critical mark")
      : undefined;
    return {
      id: objectIdentifier(parts[0], "an extension"),
      isCritical: mark !== undefined && mark.content[0] !== 0,
      value: expectTag(parts[parts.length - 1], TAG.octetString, "an extension").content,
    };
  });
}

function keyKindOf(spki: DerElement): KeyKind {
  const [algorithm, key, ...more] = childrenOf(expectTag(spki, TAG.sequence, "a public key"));
  if (!key || more.length > 0) malformed("a public key does not have two parts");
  const kind = KEY_ALGORITHMS.get(hex(algorithm.whole)) ?? "unknown";
  const bytes = bitStringBytes(key, "a public key");
  if (kind === "p256" || kind === "p384") {
    if (bytes.length !== POINT_BYTES[kind] || bytes[0] !== 4) {
      malformed("a public key is not an uncompressed point");
    }
  }
  return kind;
}

function commonNameOf(name: DerElement): string {
  for (const set of childrenOf(name)) {
    for (const attribute of childrenOf(set)) {
      const [type, value] = childrenOf(attribute);
      if (type && value && equalBytes(type.whole, COMMON_NAME)) {
        return fromUtf8(value.content) ?? "";
      }
    }
  }
  return "";
}

function readExtensions(field: DerElement | undefined) {
  const values = new Map<string, Uint8Array>();
  let unknownCritical: string | undefined;
  for (const { id, isCritical, value } of field ? parseExtensions(childrenOf(field)[0]) : []) {
    if (values.has(id)) malformed(`a certificate has the extension ${id} twice`);
    values.set(id, value);
    const understood = id === BASIC_CONSTRAINTS || id === KEY_USAGE;
    if (isCritical && !understood) unknownCritical = id;
  }
  const usage = readKeyUsage(values.get(KEY_USAGE));
  return {
    extensions: values,
    unknownCritical,
    ...readBasicConstraints(values.get(BASIC_CONSTRAINTS)),
    maySignCertificates: (usage & KEY_CERT_SIGN) !== 0,
    maySignRevocationLists: (usage & CRL_SIGN) !== 0,
    maySignData: (usage & DIGITAL_SIGNATURE) !== 0,
  };
}

function readBasicConstraints(value: Uint8Array | undefined) {
  if (!value) return { isAuthority: false, pathLength: undefined };
  const parts = childrenOf(expectTag(readDer(value), TAG.sequence, "basicConstraints"));
  const isAuthority = parts[0]?.tag === TAG.boolean && parts[0].content[0] === 0xff;
  const length = parts.find((part) => part.tag === TAG.integer);
  return {
    isAuthority,
    pathLength: length && smallInteger(length, "pathLenConstraint"),
  };
}

/** First byte of the key usage bits; all allowed when the extension is absent. */
function readKeyUsage(value: Uint8Array | undefined): number {
  if (!value) return 0xff;
  const { content } = expectTag(readDer(value), TAG.bitString, "keyUsage");
  return content[1] ?? 0;
}
