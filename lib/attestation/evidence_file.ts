/**
 * Evidence and certificates as people have them in files: bare documents, envelopes, the base64 of either as the wire carries it; DER,
 * PEM or the certificate table of an SNP host.
 */
import { fromBase64, fromUtf8 } from "../base/bytes.ts";
import { decodePem } from "./certificate_format.ts";
import { decodeEvidence } from "./envelope.ts";
import { parseNitroDocument } from "./nitro_format.ts";
import { saysSimulated } from "./nitro_policy.ts";
import { parseSnpCertificateTable } from "./snp_certificate_table.ts";
import { parseSnpReport, signingKeyName, SNP_REPORT_BYTES } from "./snp_format.ts";
import { Malformed, structured } from "./structure.ts";
import type { Evidence, Platform } from "./types.ts";

const BRACE = 0x7b;
const DER_SEQUENCE = 0x30;
/** First bytes of a COSE_Sign1: array of four, or tag 18. */
const COSE_STARTS = [0x84, 0xd2];
const QUOTE_KEY_TYPE = 2;

/**
 * Reads a file with evidence. An envelope says what it is of; a bare document is taken for the `wanted` platform, or, without one, for
 * what the bytes look like. Gives the reason as a text when the file holds no evidence.
 */
export function readEvidenceFile(file: Uint8Array, wanted?: Platform): Evidence | string {
  const bytes = unwrapBase64(file);
  if (bytes[0] === BRACE) return decodeEvidence(bytes);
  const actual = wanted ?? guessPlatform(bytes);
  if (!actual) return "the kind of evidence cannot be told from the bytes; say it with --tee";
  return { platform: actual, document: bytes, endorsements: [] };
}

/**
 * The certificates in a file: one in DER, any number in PEM, or an SNP host's table, of which only the key that signed the report is
 * taken. Throws `Malformed`.
 */
export function readEndorsementFile(file: Uint8Array, document: Uint8Array): Uint8Array[] {
  if (file[0] === DER_SEQUENCE) return [file];
  const text = fromUtf8(file);
  if (text?.includes("-----BEGIN CERTIFICATE-----")) return decodePem(text, "CERTIFICATE", 8);
  return endorsementsOfTable(file, document);
}

/** What of a certificate table goes with a report: its signing key's certificate and the intermediate. Throws `Malformed`. */
export function endorsementsOfTable(table: Uint8Array, document: Uint8Array): Uint8Array[] {
  const signingKey = signingKeyName(parseSnpReport(document));
  return parseSnpCertificateTable(table)
    .filter(({ kind }) => kind === signingKey || kind === "ASK")
    .map(({ der }) => der);
}

function guessPlatform(bytes: Uint8Array): Platform | undefined {
  if (COSE_STARTS.includes(bytes[0])) {
    const document = structured(() => parseNitroDocument(bytes));
    return document instanceof Malformed || !saysSimulated(document) ? "nitro" : "simulated";
  }
  if (bytes.length === SNP_REPORT_BYTES) return "snp";
  if (bytes.length < 8 || bytes[2] !== QUOTE_KEY_TYPE) return undefined;
  return bytes[4] === 0 ? "sgx" : "tdx";
}

/** Base64 text, with or without line ends; anything else stays as it is. */
function unwrapBase64(bytes: Uint8Array): Uint8Array {
  const text = bytes[0] === BRACE ? undefined : fromUtf8(bytes);
  return text && fromBase64(text.replaceAll(/\s/g, "")) || bytes;
}
