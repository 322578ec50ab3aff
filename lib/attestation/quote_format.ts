/**
 * Quotes of Intel TDX (versions 4 and 5) and SGX (version 3), bytes to fields: "Intel TDX DCAP Quote Generation Library and Quote
 * Verification Library", appendix 3, and "Intel SGX ECDSA Quote Library Reference", appendix 4. All numbers are little-endian.
 *
 * Bytes after a quote are padding of the transport: tolerated, never read.
 */
import { equalBytes, fromHex, fromUtf8 } from "../base/bytes.ts";
import { type Certificate, parsePemCertificates } from "./certificate_format.ts";
import { ByteReader, checkLength, malformed } from "./structure.ts";

/** The body of an SGX quote, and the quoting enclave's report: an SGX report. */
export interface SgxReport {
  readonly cpuSvn: Uint8Array;
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly isDebug: boolean;
  readonly mrenclave: Uint8Array;
  readonly mrsigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array;
}

/** The body of a TDX quote: the report of a trust domain. */
export interface TdReport {
  readonly teeTcbSvn: Uint8Array;
  readonly mrseam: Uint8Array;
  readonly mrsignerseam: Uint8Array;
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: Uint8Array;
  readonly isDebug: boolean;
  readonly isMigratable: boolean;
  readonly xfam: Uint8Array;
  readonly mrtd: Uint8Array;
  readonly mrconfigid: Uint8Array;
  readonly mrowner: Uint8Array;
  readonly mrownerconfig: Uint8Array;
  readonly rtmrs: readonly Uint8Array[];
  readonly reportData: Uint8Array;
  /** TDX 1.5 only. */
  readonly teeTcbSvn2?: Uint8Array;
  readonly mrservicetd?: Uint8Array;
}

/** What the two kinds of quotes have in common. */
export interface QuoteSignatureData {
  readonly version: number;
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** x and y, P-256. */
  readonly attestationKey: Uint8Array;
  readonly qeReportBytes: Uint8Array;
  readonly qeReport: SgxReport;
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  /** PCK certificate, CA, root, in this order. */
  readonly certificates: readonly Certificate[];
  readonly quoteBytes: number;
  readonly bytesAfterQuote: number;
}

/** A quote of either kind. */
export type Quote =
  & QuoteSignatureData
  & (
    | { readonly tee: "tdx"; readonly bodyType: number; readonly body: TdReport }
    | { readonly tee: "sgx"; readonly body: SgxReport }
  );

/** Real quotes have 5 KiB, padded to 8 KiB at most by one cloud. */
const QUOTE_BYTES_MAX = 64 * 1024;
const TEE_TYPE_SGX = 0;
const TEE_TYPE_TDX = 0x81;
const KEY_TYPE_P256 = 2;
const QE_VENDOR_INTEL = fromHex("939a7233f79c4ca9940a0db3957f0607")!;
const SGX_REPORT_BYTES = 384;
const TD_REPORT_10_BYTES = 584;
const TD_REPORT_15_BYTES = 648;
/** Body types of version 5. */
const BODY_TD_10 = 2;
const BODY_TD_15 = 3;
const CERTIFICATION_PEM_CHAIN = 5;
const CERTIFICATION_QE_REPORT = 6;
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 64;
const SGX_DEBUG_BIT = 2;
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads a quote of the wanted TEE. Throws `Malformed`. */
export function parseQuote(bytes: Uint8Array, wanted: "tdx" | "sgx"): Quote {
  checkLength(bytes, QUOTE_BYTES_MAX, "the quote");
  const reader = new ByteReader(bytes, "the quote");
  const version = readHeader(reader, wanted);
  const body = readBody(reader, version, wanted);
  const signedBytes = bytes.subarray(0, reader.offset);
  const signatureData = reader.bytes(reader.uint32());
  return {
    version,
    ...body,
    signedBytes,
    ...readSignatureData(new ByteReader(signatureData, "the signature data"), version),
    quoteBytes: reader.offset,
    bytesAfterQuote: reader.left,
  };
}

function readHeader(reader: ByteReader, wanted: "tdx" | "sgx"): number {
  const version = reader.uint16();
  const versions = wanted === "tdx" ? [4, 5] : [3];
  const keyType = reader.uint16();
  const teeType = reader.uint32();
  reader.bytes(4);
  const vendor = reader.bytes(16);
  reader.bytes(20);
  // In version 3 the field is reserved: zero, which is the type of SGX.
  if (teeType !== (wanted === "tdx" ? TEE_TYPE_TDX : TEE_TYPE_SGX)) {
    malformed(`the TEE type is 0x${teeType.toString(16)}, a quote of ${wanted} is wanted`);
  }
  if (!versions.includes(version)) {
    malformed(`the version is ${version}, ${versions.join(" or ")} is wanted for ${wanted}`);
  }
  if (keyType !== KEY_TYPE_P256) malformed(`the attestation key is of type ${keyType}, not 2`);
  if (!equalBytes(vendor, QE_VENDOR_INTEL)) malformed("the quoting enclave is not Intel's");
  return version;
}

function readBody(reader: ByteReader, version: number, wanted: "tdx" | "sgx") {
  if (wanted === "sgx") {
    return { tee: "sgx", body: parseSgxReport(reader.bytes(SGX_REPORT_BYTES)) } as const;
  }
  const bodyType = version === 5 ? reader.uint16() : BODY_TD_10;
  const length = bodyType === BODY_TD_15 ? TD_REPORT_15_BYTES : TD_REPORT_10_BYTES;
  if (bodyType !== BODY_TD_10 && bodyType !== BODY_TD_15) malformed(`the body type is ${bodyType}`);
  if (version === 5) {
    const size = reader.uint32();
    if (size !== length) malformed(`the body has ${size} bytes, not ${length}`);
  }
  return { tee: "tdx", bodyType, body: parseTdReport(reader.bytes(length)) } as const;
}

function readSignatureData(reader: ByteReader, version: number) {
  const signature = reader.bytes(SIGNATURE_BYTES);
  const attestationKey = reader.bytes(KEY_BYTES);
  const inner = version === 3
    ? reader
    : new ByteReader(certificationData(reader, CERTIFICATION_QE_REPORT), "the QE report data");
  const qeReportBytes = inner.bytes(SGX_REPORT_BYTES);
  const qeReportSignature = inner.bytes(SIGNATURE_BYTES);
  const qeAuthData = inner.bytes(inner.uint16());
  const pem = fromUtf8(withoutZeros(certificationData(inner, CERTIFICATION_PEM_CHAIN)));
  if (pem === undefined || /[^\r\n]/.test(pem.replaceAll(PEM_BLOCK, ""))) {
    malformed("the certificates are not PEM text and nothing else");
  }
  if (inner.left > 0 || reader.left > 0) malformed("the signature data is longer than its parts");
  return {
    signature,
    attestationKey,
    qeReportBytes,
    qeReport: parseSgxReport(qeReportBytes),
    qeReportSignature,
    qeAuthData,
    certificates: parsePemCertificates(pem),
  };
}

function certificationData(reader: ByteReader, wanted: number): Uint8Array {
  const type = reader.uint16();
  if (type !== wanted) malformed(`the certification data is of type ${type}, not ${wanted}`);
  return reader.bytes(reader.uint32());
}

/** The PEM text is written as a C string. */
function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

function parseSgxReport(bytes: Uint8Array): SgxReport {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    cpuSvn: bytes.subarray(0, 16),
    miscSelect: bytes.subarray(16, 20),
    attributes: bytes.subarray(48, 64),
    isDebug: (bytes[48] & SGX_DEBUG_BIT) !== 0,
    mrenclave: bytes.subarray(64, 96),
    mrsigner: bytes.subarray(128, 160),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    reportData: bytes.subarray(320, 384),
  };
}

function parseTdReport(bytes: Uint8Array): TdReport {
  const at = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  const tdAttributes = at(120, 8);
  return {
    teeTcbSvn: at(0, 16),
    mrseam: at(16, 48),
    mrsignerseam: at(64, 48),
    seamAttributes: at(112, 8),
    tdAttributes,
    // The whole first byte is "TD under debug": bit 0 is DEBUG, the others are reserved for the like.
    isDebug: tdAttributes[0] !== 0,
    isMigratable: (tdAttributes[3] & 0x20) !== 0,
    xfam: at(128, 8),
    mrtd: at(136, 48),
    mrconfigid: at(184, 48),
    mrowner: at(232, 48),
    mrownerconfig: at(280, 48),
    rtmrs: [0, 1, 2, 3].map((index) => at(328 + 48 * index, 48)),
    reportData: at(520, 64),
    ...(bytes.length === TD_REPORT_15_BYTES &&
      { teeTcbSvn2: at(584, 16), mrservicetd: at(600, 48) }),
  };
}
