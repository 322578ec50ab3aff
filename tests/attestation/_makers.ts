/**
 * Self-made SNP and TDX hierarchies for tests: they sign whatever report a test wants, so that each check can be broken alone. Written
 * independently of the code that reads them.
 */
import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { base64, concat, fromHex } from "../../lib/base/bytes.ts";

/** When the self-made certificates are valid. */
export const MADE_AT = new Date("2026-01-10T12:00:00Z");
const NOT_BEFORE = new Date("2026-01-01T00:00:00Z");
const NOT_AFTER = new Date("2027-01-01T00:00:00Z");

/** `REPORT_DATA` in, report or quote out. */
export type ReportMaker = (reportData: Uint8Array, changes?: ReportChanges) => Uint8Array;

/** Bytes to put into a report before it is signed, by offset. */
export type ReportChanges = Readonly<Record<number, Uint8Array>>;

/** Extensions of a revocation list, and of each entry. */
export interface ListExtensions {
  readonly list?: readonly Uint8Array[];
  readonly entry?: readonly Uint8Array[];
}

/** A self-made AMD. */
export interface MadeAmd {
  readonly rootsPem: string;
  readonly arkPem: string;
  readonly vcek: Uint8Array;
  readonly ask: Uint8Array;
  readonly report: ReportMaker;
  /** A revocation list by the ARK. */
  revocationList(
    serials: readonly number[],
    nextUpdate?: Date,
    extensions?: ListExtensions,
  ): Uint8Array;
  readonly askSerial: number;
}

/** A self-made Intel. */
export interface MadeIntel {
  readonly rootPem: string;
  readonly quote: ReportMaker;
}

/** Makes ARK, ASK and a Milan VCEK for chip 01…01 with TCB bootloader 1, tee 2, snp 3, microcode 4. */
export function makeAmd(): MadeAmd {
  const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [arkKeys, askKeys] = [rsa(), rsa()];
  const vcekKeys = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const byArk = { issuer: "ARK-Made", issuerKey: arkKeys.privateKey, algorithm: PSS_SHA384 };
  const byAsk = { issuer: "SEV-Made", issuerKey: askKeys.privateKey, algorithm: PSS_SHA384 };
  const ark = certify(
    { ...byArk, subject: "ARK-Made", key: arkKeys.publicKey, serial: 1 },
    AUTHORITY,
  );
  const ask = certify(
    { ...byArk, subject: "SEV-Made", key: askKeys.publicKey, serial: 10 },
    AUTHORITY,
  );
  const vcek = certify({ ...byAsk, subject: "SEV-VCEK", key: vcekKeys.publicKey, serial: 11 }, [
    amdExtension([2], fromHex("16084d696c616e2d4230")!),
    amdExtension([3, 1], integer(1)),
    amdExtension([3, 2], integer(2)),
    amdExtension([3, 3], integer(3)),
    amdExtension([3, 8], integer(4)),
    amdExtension([4], new Uint8Array(64).fill(1)),
  ]);
  return {
    rootsPem: pemOf(ask) + pemOf(ark),
    arkPem: pemOf(ark),
    vcek,
    ask,
    askSerial: 10,
    report: (reportData, changes = {}) => snpReport(vcekKeys.privateKey, reportData, changes),
    revocationList: (serials, nextUpdate = NOT_AFTER, { list, entry } = {}) =>
      signed(
        PSS_SHA384,
        arkKeys.privateKey,
        integer(1),
        PSS_SHA384,
        name("ARK-Made"),
        time(NOT_BEFORE),
        time(nextUpdate),
        ...(serials.length > 0
          ? [
            sequence(
              ...serials.map((serial) =>
                sequence(integer(serial), time(NOT_BEFORE), ...(entry ? [sequence(...entry)] : []))
              ),
            ),
          ]
          : []),
        ...(list ? [der(0xa0, sequence(...list))] : []),
      ),
  };
}

/** Makes a root, a CA and a PCK, and signs quotes of version 4 by Intel's quoting enclave. */
export function makeIntel(): MadeIntel {
  const generate = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [rootKeys, caKeys, pckKeys, attestationKeys] = [
    generate(),
    generate(),
    generate(),
    generate(),
  ];
  const byRoot = { issuer: "Root", issuerKey: rootKeys.privateKey, algorithm: ECDSA_SHA256 };
  const byCa = { issuer: "CA", issuerKey: caKeys.privateKey, algorithm: ECDSA_SHA256 };
  const root = certify(
    { ...byRoot, subject: "Root", key: rootKeys.publicKey, serial: 1 },
    AUTHORITY,
  );
  const ca = certify({ ...byRoot, subject: "CA", key: caKeys.publicKey, serial: 2 }, AUTHORITY);
  const pck = certify({ ...byCa, subject: "PCK", key: pckKeys.publicKey, serial: 3 }, [
    sequence(oid(INTEL_ARC), octets(pckExtension())),
  ]);
  const chain = new TextEncoder().encode([pck, ca, root].map(pemOf).join(""));
  const key = spkiOf(attestationKeys.publicKey).subarray(-64);
  return {
    rootPem: pemOf(root),
    quote(reportData, changes = {}) {
      const body = tdBody(reportData, changes);
      const qeReport = quotingEnclaveReport(key);
      const certification = concat(
        qeReport,
        signRaw("sha256", pckKeys.privateKey, qeReport),
        u16(0),
        u16(5),
        lengthPrefixed(chain),
      );
      const signature = signRaw("sha256", attestationKeys.privateKey, body);
      const data = concat(signature, key, u16(6), lengthPrefixed(certification));
      return concat(body, lengthPrefixed(data));
    },
  };
}

/** A PEM text of a DER certificate. */
export function pemOf(certificate: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${base64(certificate)}\n-----END CERTIFICATE-----\n`;
}

function snpReport(key: KeyObject, reportData: Uint8Array, changes: ReportChanges): Uint8Array {
  const report = new Uint8Array(0x4a0);
  report[0] = 3;
  report[0x08 + 2] = 0x03;
  report[0x34] = 1;
  report.set(reportData, 0x50);
  report.fill(0xaa, 0x90, 0xc0);
  report.set([1, 2, 0, 0, 0, 0, 3, 4], 0x180);
  report.set([0x19, 0x01, 0x01], 0x188);
  report.fill(1, 0x1a0, 0x1e0);
  apply(report, changes);
  const signature = signRaw("sha384", key, report.subarray(0, 0x2a0));
  report.set(signature.slice(0, 48).reverse(), 0x2a0);
  report.set(signature.slice(48).reverse(), 0x2e8);
  return report;
}

const TDX_QE_MRSIGNER = fromHex(
  "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5",
)!;

/** Header and body; offsets of changes count from the start of the body. */
function tdBody(reportData: Uint8Array, changes: ReportChanges): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(48);
  header.set([4, 0, 2, 0, 0x81]);
  header.set(fromHex("939a7233f79c4ca9940a0db3957f0607")!, 12);
  const body = new Uint8Array(584);
  body.set([6, 1, 3]);
  body.fill(0xbb, 136, 184);
  for (let index = 0; index < 4; index++) {
    body.fill(0xc0 + index, 328 + 48 * index, 376 + 48 * index);
  }
  body.set(reportData, 520);
  apply(body, changes);
  return concat(header, body);
}

function quotingEnclaveReport(attestationKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const report = new Uint8Array(384);
  report[48] = 0x15;
  report.set(TDX_QE_MRSIGNER, 128);
  report[256] = 2;
  report.set(createHash("sha256").update(attestationKey).digest(), 320);
  return report;
}

function apply(bytes: Uint8Array, changes: ReportChanges): void {
  for (const [offset, change] of Object.entries(changes)) bytes.set(change, Number(offset));
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8);
}

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return concat(length, bytes);
}

const INTEL_ARC = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];
const AMD_ARC = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01];

/** Intel's extension with FMSPC 010203040506, PCE 0000, sixteen components 1 and PCE SVN 11. */
function pckExtension(): Uint8Array {
  const pair = (path: number[], value: Uint8Array) => sequence(oid([...INTEL_ARC, ...path]), value);
  const components = Array.from(
    { length: 17 },
    (_, index) => pair([2, index + 1], integer(index === 16 ? 11 : 1)),
  );
  return sequence(
    pair([2], sequence(...components)),
    pair([3], octets(Uint8Array.of(0, 0))),
    pair([4], octets(Uint8Array.of(1, 2, 3, 4, 5, 6))),
  );
}

const ECDSA_SHA256 = fromHex("300a06082a8648ce3d040302")!;
/** AlgorithmIdentifier of ECDSA with SHA-384. */
export const ECDSA_SHA384 = fromHex("300a06082a8648ce3d040303")!;
const PSS_SHA384 = fromHex(
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
  fields: {
    readonly subject: string;
    readonly issuer: string;
    readonly key: KeyObject;
    readonly issuerKey: KeyObject;
    readonly algorithm: Uint8Array;
    readonly serial: number;
  },
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

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: "der", type: "spki" }) as Uint8Array);
}

function amdExtension(path: number[], value: Uint8Array): Uint8Array {
  return sequence(oid([...AMD_ARC, ...path]), octets(value));
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

function oid(bytes: readonly number[]): Uint8Array {
  return der(0x06, Uint8Array.from(bytes));
}

function integer(value: number): Uint8Array {
  return der(0x02, Uint8Array.of(value));
}

function octets(content: Uint8Array): Uint8Array {
  return der(0x04, content);
}

function sequence(...parts: Uint8Array[]): Uint8Array {
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
