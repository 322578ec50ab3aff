/** A self-made Intel for tests: it signs whatever quote and collateral a test wants, so that each check can be broken alone. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { concat, fromHex, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  apply,
  AUTHORITY,
  certify,
  ECDSA_SHA256,
  integer,
  NOT_AFTER,
  NOT_BEFORE,
  octets,
  oid,
  pemOf,
  type ReportChanges,
  type ReportMaker,
  revocationList,
  sequence,
  signRaw,
  spkiOf,
} from "./_x509_maker.ts";

/** A self-made Intel. */
export interface MadeIntel {
  readonly rootPem: string;
  /** Version 4, TDX; offsets of changes count from the start of the body. */
  readonly quote: ReportMaker;
  /** Version 3, SGX. */
  readonly sgxQuote: ReportMaker;
  /** Collateral for the TDX quotes: everything is up to date. */
  collateral(changes?: CollateralChanges): string;
}

/** What this Intel does otherwise. */
export interface IntelOptions {
  /** Bytes to put into the quoting enclave's report before it is signed. */
  readonly qeReport?: ReportChanges;
  /** Changes the text of the certificates, which nothing signs. */
  readonly pem?: (text: string) => string;
  /** Bytes behind the last part of the signature data. */
  readonly surplus?: Uint8Array;
  readonly fmspc?: Uint8Array;
}

/** What collateral has in place of the usual. */
export interface CollateralChanges {
  /** Serial numbers that the root revokes: 2 is the CA, 4 the signer of TCB info, 5 that of the QE identity. */
  readonly revokedByRoot?: readonly number[];
  /** Serial numbers that the CA revokes: 3 is the PCK. */
  readonly revokedByCa?: readonly number[];
  readonly signerName?: string;
  /** Fields of both texts. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Makes a root, a CA and a PCK. */
export function makeIntel(options: IntelOptions = {}): MadeIntel {
  const generate = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [rootKeys, caKeys, pckKeys, signerKeys, attestationKeys] = Array.from(
    { length: 5 },
    generate,
  );
  const byRoot = { issuer: "Root", issuerKey: rootKeys.privateKey, algorithm: ECDSA_SHA256 };
  const byCa = { issuer: "CA", issuerKey: caKeys.privateKey, algorithm: ECDSA_SHA256 };
  const root = certify(
    { ...byRoot, subject: "Root", key: rootKeys.publicKey, serial: 1 },
    AUTHORITY,
  );
  const ca = certify({ ...byRoot, subject: "CA", key: caKeys.publicKey, serial: 2 }, AUTHORITY);
  const pck = certify({ ...byCa, subject: "PCK", key: pckKeys.publicKey, serial: 3 }, [
    sequence(oid(INTEL_ARC), octets(pckExtension(options.fmspc ?? FMSPC))),
  ]);
  const pem = (options.pem ?? String)([pck, ca, root].map(pemOf).join(""));
  const attestationKey = spkiOf(attestationKeys.publicKey).subarray(-64);
  const signedQuote = (body: Uint8Array, qe: Uint8Array, version: 3 | 4) => {
    apply(qe, options.qeReport ?? {});
    const surplus = options.surplus ?? new Uint8Array(0);
    const certification = concat(
      qe,
      signRaw("sha256", pckKeys.privateKey, qe),
      u16(0),
      u16(5),
      lengthPrefixed(utf8(pem)),
      surplus,
    );
    const data = concat(
      signRaw("sha256", attestationKeys.privateKey, body),
      attestationKey,
      version === 3 ? certification : concat(u16(6), lengthPrefixed(certification)),
    );
    return concat(body, lengthPrefixed(data));
  };
  return {
    rootPem: pemOf(root),
    quote: (reportData, changes = {}) =>
      signedQuote(
        tdBody(reportData, changes),
        quotingEnclaveReport(attestationKey, TDX_QE_MRSIGNER, 2),
        4,
      ),
    sgxQuote: (reportData, changes = {}) =>
      signedQuote(
        sgxBody(reportData, changes),
        quotingEnclaveReport(attestationKey, SGX_QE_MRSIGNER, 1),
        3,
      ),
    collateral({ revokedByRoot = [], revokedByCa = [], signerName = SIGNER_NAME, fields } = {}) {
      const chain = (serial: number) =>
        pemOf(certify({ ...byRoot, subject: signerName, key: signerKeys.publicKey, serial }, [])) +
        pemOf(root);
      const sign = (text: string) => hex(signRaw("sha256", signerKeys.privateKey, utf8(text)));
      const info = JSON.stringify({ ...tcbInfo(), ...fields });
      const identity = JSON.stringify({ ...qeIdentity(), ...fields });
      return JSON.stringify({
        tcb_info: info,
        tcb_info_signature: sign(info),
        tcb_info_issuer_chain: chain(4),
        qe_identity: identity,
        qe_identity_signature: sign(identity),
        qe_identity_issuer_chain: chain(5),
        root_ca_crl: hex(revocationList(byRoot, revokedByRoot)),
        pck_crl: hex(revocationList(byCa, revokedByCa)),
      });
    },
  };
}

const SIGNER_NAME = "Intel SGX TCB Signing";
const TDX_QE_MRSIGNER = fromHex(
  "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5",
)!;
const SGX_QE_MRSIGNER = fromHex(
  "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff",
)!;
const FMSPC = Uint8Array.of(1, 2, 3, 4, 5, 6);
const VALIDITY = { issueDate: NOT_BEFORE.toISOString(), nextUpdate: NOT_AFTER.toISOString() };

/** Header and body of a TDX quote: module TDX_01 at version 6. */
function tdBody(reportData: Uint8Array, changes: ReportChanges): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(584);
  body.set([6, 1, 3]);
  body.fill(0xbb, 136, 184);
  for (let index = 0; index < 4; index++) {
    body.fill(0xc0 + index, 328 + 48 * index, 376 + 48 * index);
  }
  body.set(reportData, 520);
  apply(body, changes);
  return concat(header(4, 0x81), body);
}

/** Header and body of an SGX quote: MRENCLAVE aa…, ISVSVN 7. */
function sgxBody(reportData: Uint8Array, changes: ReportChanges): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(384);
  body[48] = 0x05;
  body.fill(0xaa, 64, 96);
  body[258] = 7;
  body.set(reportData, 320);
  apply(body, changes);
  return concat(header(3, 0), body);
}

function header(version: number, tee: number): Uint8Array {
  const bytes = new Uint8Array(48);
  bytes.set([version, 0, 2, 0, tee]);
  bytes.set(fromHex("939a7233f79c4ca9940a0db3957f0607")!, 12);
  return bytes;
}

function quotingEnclaveReport(
  attestationKey: Uint8Array,
  mrsigner: Uint8Array,
  product: number,
): Uint8Array<ArrayBuffer> {
  const report = new Uint8Array(384);
  report[48] = 0x15;
  report.set(mrsigner, 128);
  report[256] = product;
  report.set(createHash("sha256").update(attestationKey).digest(), 320);
  return report;
}

function tcbInfo(): Record<string, unknown> {
  const components = Array.from({ length: 16 }, () => ({ svn: 0 }));
  return {
    id: "TDX",
    version: 3,
    ...VALIDITY,
    fmspc: hex(FMSPC),
    pceId: "0000",
    tcbType: 0,
    tdxModuleIdentities: [{
      id: "TDX_01",
      mrsigner: "00".repeat(48),
      attributes: "00".repeat(8),
      attributesMask: "ff".repeat(8),
      tcbLevels: [{ tcb: { isvsvn: 0 }, tcbStatus: "UpToDate" }],
    }],
    tcbLevels: [{
      tcb: { sgxtcbcomponents: components, tdxtcbcomponents: components, pcesvn: 0 },
      tcbStatus: "UpToDate",
    }],
  };
}

function qeIdentity(): Record<string, unknown> {
  return {
    id: "TD_QE",
    version: 2,
    ...VALIDITY,
    miscselect: "00000000",
    miscselectMask: "ffffffff",
    attributes: `15${"00".repeat(15)}`,
    attributesMask: "ff".repeat(16),
    mrsigner: hex(TDX_QE_MRSIGNER),
    isvprodid: 2,
    tcbLevels: [{ tcb: { isvsvn: 0 }, tcbStatus: "UpToDate" }],
  };
}

const INTEL_ARC = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/** Intel's extension with PCE 0000, sixteen components 1 and PCE SVN 11. */
function pckExtension(fmspc: Uint8Array): Uint8Array {
  const pair = (path: number[], value: Uint8Array) => sequence(oid([...INTEL_ARC, ...path]), value);
  const components = Array.from(
    { length: 17 },
    (_, index) => pair([2, index + 1], integer(index === 16 ? 11 : 1)),
  );
  return sequence(
    pair([2], sequence(...components)),
    pair([3], octets(Uint8Array.of(0, 0))),
    pair([4], octets(fmspc)),
  );
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8);
}

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return concat(length, bytes);
}
