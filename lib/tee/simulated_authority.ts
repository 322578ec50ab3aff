/**
 * The certificate authority of the simulated TEE: a root, one intermediate, and leaf certificates of three hours, shaped like those of
 * AWS Nitro and verified by the same code. Every name says `simulated`.
 *
 * Certificates are written by hand (X.509 version 3, RFC 5280; ECDSA P-384 with SHA-384), because that is a page of code, synchronous, and
 * leaves nothing else to audit. The root's private key is thrown away once it has signed the intermediate.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { base64, concat, fromHex, utf8 } from "../base/bytes.ts";

/** A certificate with its key. */
export interface Authority {
  readonly der: Uint8Array;
  readonly privateKey: KeyObject;
}

/** A fresh hierarchy. */
export interface Hierarchy {
  readonly rootDer: Uint8Array;
  readonly intermediateDer: Uint8Array;
  readonly intermediateKeyPem: string;
}

/** How long a leaf certificate lives in ms: as with AWS. */
export const LEAF_LIFETIME_MS = 3 * 3_600_000;
/** How far before now it begins in ms, for verifiers whose clock is behind. */
export const LEAF_BACKDATE_MS = 5 * 60_000;

const ROOT_NAME = "fumata simulated TEE root";
const INTERMEDIATE_NAME = "fumata simulated TEE intermediate";
const ORGANISATION = "simulated, no hardware protection";
/** Years that root and intermediate live: longer than any use of a simulated TEE. */
const AUTHORITY_YEARS = 20;

/** Makes root and intermediate. `nowMs` is wall time. */
export function createHierarchy(nowMs: number): Hierarchy {
  const root = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const intermediate = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const notBeforeMs = nowMs - LEAF_BACKDATE_MS;
  const validity = { notBeforeMs, notAfterMs: notBeforeMs + AUTHORITY_YEARS * 365 * 86_400_000 };
  const common = { issuer: ROOT_NAME, issuerKey: root.privateKey, ...validity };
  return {
    rootDer: issue({
      ...common,
      subject: ROOT_NAME,
      spki: spkiOf(root.publicKey),
      authority: {},
    }),
    intermediateDer: issue({
      ...common,
      subject: INTERMEDIATE_NAME,
      spki: spkiOf(intermediate.publicKey),
      authority: { pathLength: 0 },
    }),
    intermediateKeyPem: intermediate.privateKey.export({ format: "pem", type: "pkcs8" }) as string,
  };
}

/** Makes a key with a certificate of three hours under the intermediate. */
export function issueLeaf(issuerKeyPem: string, name: string, nowMs: number): Authority {
  const leaf = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const notBeforeMs = nowMs - LEAF_BACKDATE_MS;
  const der = issue({
    subject: name,
    issuer: INTERMEDIATE_NAME,
    issuerKey: createPrivateKey(issuerKeyPem),
    spki: spkiOf(leaf.publicKey),
    notBeforeMs,
    notAfterMs: notBeforeMs + LEAF_LIFETIME_MS,
  });
  return { der, privateKey: leaf.privateKey };
}

/** `r || s`, 96 bytes, by a P-384 key over SHA-384. */
export function signRaw(key: KeyObject, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign("sha384", message, { key, dsaEncoding: "ieee-p1363" } as never));
}

/** SubjectPublicKeyInfo of a private key, DER. */
export function publicDerOf(privateKeyPem: string): Uint8Array {
  return spkiOf(createPublicKey(privateKeyPem));
}

/** The certificate in PEM, lines of 64 characters. */
export function certificatePem(der: Uint8Array): string {
  const lines = base64(der).match(/.{1,64}/g)!.join("\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

const ECDSA_SHA384 = fromHex("300a06082a8648ce3d040303")!;
const VERSION_3 = fromHex("a003020102")!;
const OID = {
  commonName: fromHex("0603550403")!,
  organisation: fromHex("060355040a")!,
  basicConstraints: fromHex("0603551d13")!,
  keyUsage: fromHex("0603551d0f")!,
};
const TRUE = fromHex("0101ff")!;
/** keyCertSign and cRLSign; digitalSignature. */
const KEY_USAGE = { authority: fromHex("03020106")!, leaf: fromHex("03020780")! };

function issue(fields: {
  readonly subject: string;
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly spki: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly authority?: { readonly pathLength?: number };
}): Uint8Array {
  const serial = new Uint8Array(randomBytes(16));
  // Positive and of full length: the first byte is 40..7f.
  serial[0] = 0x40 | (serial[0] & 0x3f);
  const tbs = sequence(
    VERSION_3,
    element(0x02, serial),
    ECDSA_SHA384,
    name(fields.issuer),
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    name(fields.subject),
    fields.spki,
    element(0xa3, sequence(...extensions(fields.authority))),
  );
  const signature = new Uint8Array(sign("sha384", tbs, fields.issuerKey));
  return sequence(tbs, ECDSA_SHA384, element(0x03, concat(Uint8Array.of(0), signature)));
}

function extensions(authority: { readonly pathLength?: number } | undefined): Uint8Array[] {
  const constraints = !authority
    ? sequence()
    : authority.pathLength === undefined
    ? sequence(TRUE)
    : sequence(TRUE, element(0x02, Uint8Array.of(authority.pathLength)));
  const usage = authority ? KEY_USAGE.authority : KEY_USAGE.leaf;
  return [
    sequence(OID.basicConstraints, TRUE, element(0x04, constraints)),
    sequence(OID.keyUsage, TRUE, element(0x04, usage)),
  ];
}

function name(commonName: string): Uint8Array {
  const attribute = (type: Uint8Array, text: string) =>
    element(0x31, sequence(type, element(0x0c, utf8(text))));
  return sequence(
    attribute(OID.organisation, ORGANISATION),
    attribute(OID.commonName, commonName),
  );
}

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280, section 4.1.2.5). */
function time(ms: number): Uint8Array {
  const date = new Date(ms);
  const digits = date.toISOString().replace(/\.\d+/, "").replaceAll(/[-:T]/g, "");
  return date.getUTCFullYear() < 2050
    ? element(0x17, utf8(digits.slice(2)))
    : element(0x18, utf8(digits));
}

function sequence(...parts: Uint8Array[]): Uint8Array {
  return element(0x30, concat(...parts));
}

function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.from(head), content);
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: "der", type: "spki" }) as Uint8Array);
}
