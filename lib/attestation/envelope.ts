/**
 * One envelope for the evidence of all TEEs: a JSON object with base64 fields, for files and the wire.
 *
 * ```json
 * {"platform":"snp","document":"…","endorsements":["…"],"bound":"…"}
 * ```
 *
 * On the wire, documents in Nitro's format travel bare, as the clients of the seeds' service expect; a reader tells the two apart by the
 * first byte, which is `{` here and a CBOR array or tag there.
 */
import { base64, fromBase64, utf8 } from "../base/bytes.ts";
import { parseJsonObject } from "./structure.ts";
import { type Evidence, type Platform, PLATFORMS } from "./types.ts";

/** A quote with its certificates is under 16 KiB; four times that in base64. */
const ENVELOPE_BYTES_MAX = 128 * 1024;
/** Chains have three certificates; a table of AMD has five entries. */
const ENDORSEMENTS_MAX = 8;
const BRACE = 0x7b;

/** The envelope as UTF-8 bytes. */
export function encodeEvidence(evidence: Evidence): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify({
    platform: evidence.platform,
    document: base64(evidence.document),
    ...(evidence.endorsements.length > 0 && { endorsements: evidence.endorsements.map(base64) }),
    ...(evidence.bound && { bound: base64(evidence.bound) }),
  }));
}

/** Reads an envelope, or gives the reason as a text why it is none. */
export function decodeEvidence(bytes: Uint8Array): Evidence | string {
  if (bytes.length > ENVELOPE_BYTES_MAX) {
    return `the envelope has ${bytes.length} bytes; at most ${ENVELOPE_BYTES_MAX} are allowed`;
  }
  const fields = parseJsonObject(bytes);
  if (!fields) return "the envelope is not a JSON object";
  const platform = PLATFORMS.find((name) => name === fields.platform);
  if (!platform) return "the envelope names no platform";
  const document = bytesOf(fields.document);
  if (!document) return "the envelope has no document in base64";
  const list: unknown = fields.endorsements ?? [];
  if (!Array.isArray(list) || list.length > ENDORSEMENTS_MAX) {
    return `the endorsements are not an array of at most ${ENDORSEMENTS_MAX}`;
  }
  const endorsements = list.map(bytesOf);
  if (!endorsements.every((item) => item !== undefined)) return "an endorsement is not base64";
  const bound = fields.bound === undefined ? undefined : bytesOf(fields.bound);
  if (fields.bound !== undefined && !bound) return "the bound structure is not base64";
  return { platform, document, endorsements, ...(bound && { bound }) };
}

/** What travels in the wire protocol's attestation frame, before base64. */
export function evidenceToWire(evidence: Evidence): Uint8Array {
  return isNitroFormat(evidence.platform) ? evidence.document : encodeEvidence(evidence);
}

/** Reads what travelled. A bare document is of the platform that the verifier wants, or `nitro` when that has another format. */
export function evidenceFromWire(bytes: Uint8Array, wanted: Platform): Evidence | string {
  if (bytes[0] === BRACE) return decodeEvidence(bytes);
  const platform = isNitroFormat(wanted) ? wanted : "nitro";
  return { platform, document: bytes, endorsements: [] };
}

function isNitroFormat(platform: Platform): boolean {
  return platform === "nitro" || platform === "simulated";
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return typeof value === "string" ? fromBase64(value) : undefined;
}
