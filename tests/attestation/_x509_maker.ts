/** Self-made certificates and revocation lists for tests, written independently of the code that reads them. */
import { constants, type KeyObject, sign } from "node:crypto";
import { base64, concat, fromHex } from "../../lib/base/bytes.ts";

/** When the self-made certificates are valid. */
export const MADE_AT = new Date("2026-01-10T12:00:00Z");
export const NOT_BEFORE = new Date("2026-01-01T00:00:00Z");
export const NOT_AFTER = new Date("2027-01-01T00:00:00Z");

/** Extensions of a revocation list, and of each entry. */
export interface ListExtensions {
  readonly list?: readonly Uint8Array[];
  readonly entry?: readonly Uint8Array[];
}

/** Who issues a certificate or a list. */
export interface Issuer {
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly algorithm: Uint8Array;
}

/** Bytes to put into a report before it is signed, by offset. */
export type ReportChanges = Readonly<Record<number, Uint8Array>>;

/** `REPORT_DATA` in, report or quote out. */
export type ReportMaker = (reportData: Uint8Array, changes?: ReportChanges) => Uint8Array;

/** Puts the changes in. */
export function apply(bytes: Uint8Array, changes: ReportChanges): void {
  for (const [offset, change] of Object.entries(changes)) bytes.set(change, Number(offset));
}

/** A PEM text of a DER certificate. */
export function pemOf(certificate: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${base64(certificate)}\n-----END CERTIFICATE-----\n`;
}

/** AlgorithmIdentifier of ECDSA with SHA-256. */
export const ECDSA_SHA256 = fromHex("300a06082a8648ce3d040302")!;
/** AlgorithmIdentifier of ECDSA with SHA-384. */
export const ECDSA_SHA384 = fromHex("300a06082a8648ce3d040303")!;
/** AlgorithmIdentifier of RSASSA-PSS as AMD uses it. */
export const PSS_SHA384 = fromHex(
  "304606092a864886f70d01010a3039a00f300d06096086480165030402020500a11c301a06092a864886f70d010108" +
    "300d06096086480165030402020500a203020130a303020101",
)!;
/** basicConstraints with CA:TRUE, keyUsage with keyCertSign and cRLSign. */
export const AUTHORITY = [
  fromHex("300f0603551d130101ff040530030101ff")!,
  fromHex("300e0603551d0f0101ff040403020106")!,
];

/** A certificate with these extensions. */
export function certify(
  fields: Issuer & { readonly subject: string; readonly key: KeyObject; readonly serial: number },
  extensions: readonly Uint8Array[],
): Uint8Array {
  return signed(
    fields.algorithm,
    fields.issuerKey,
    der(0xa0, integer(2)),
    integer(fields.serial),
    fields.algorithm,
    name(fields.issuer),
    sequence(time(NOT_BEFORE), time(NOT_AFTER)),
    name(fields.subject),
    spkiOf(fields.key),
    der(0xa3, sequence(...extensions)),
  );
}

function signed(algorithm: Uint8Array, key: KeyObject, ...fields: Uint8Array[]): Uint8Array {
  const content = sequence(...fields);
  const signature = algorithm === PSS_SHA384
    ? sign("sha384", content, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 48,
    } as never)
    : sign(algorithm === ECDSA_SHA384 ? "sha384" : "sha256", content, key);
  return sequence(content, algorithm, der(0x03, concat(Uint8Array.of(0), signature)));
}

/** `r || s`. */
export function signRaw(hash: string, key: KeyObject, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(hash, message, { key, dsaEncoding: "ieee-p1363" } as never));
}

/** SubjectPublicKeyInfo. */
export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: "der", type: "spki" }) as Uint8Array);
}

/** A revocation list of version 2. */
export function revocationList(
  { issuer, issuerKey, algorithm }: Issuer,
  serials: readonly number[],
  nextUpdate: Date = NOT_AFTER,
  { list, entry }: ListExtensions = {},
): Uint8Array {
  const entries = serials.map((serial) =>
    sequence(integer(serial), time(NOT_BEFORE), ...(entry ? [sequence(...entry)] : []))
  );
  return signed(
    algorithm,
    issuerKey,
    integer(1),
    algorithm,
    name(issuer),
    time(NOT_BEFORE),
    time(nextUpdate),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(list ? [der(0xa0, sequence(...list))] : []),
  );
}

function name(commonName: string): Uint8Array {
  const attribute = sequence(
    oid([0x55, 0x04, 0x03]),
    der(0x0c, new TextEncoder().encode(commonName)),
  );
  return sequence(der(0x31, attribute));
}

function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/\.\d+/, "").replaceAll(/[-:T]/g, "");
  return der(0x18, new TextEncoder().encode(digits));
}

/** An object identifier, encoded. */
export function oid(bytes: readonly number[]): Uint8Array {
  return der(0x06, Uint8Array.from(bytes));
}

/** A number below 128. */
export function integer(value: number): Uint8Array {
  return der(0x02, Uint8Array.of(value));
}

/** An OCTET STRING. */
export function octets(content: Uint8Array): Uint8Array {
  return der(0x04, content);
}

/** A SEQUENCE. */
export function sequence(...parts: Uint8Array[]): Uint8Array {
  return der(0x30, concat(...parts));
}

function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.from(head), content);
}
