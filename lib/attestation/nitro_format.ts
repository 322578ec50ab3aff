/**
 * AWS Nitro attestation documents, bytes to fields: COSE_Sign1 (RFC 9052, section 4.2) over a CBOR map, after AWS' document
 * "Nitro Enclaves attestation process". The simulated TEE issues the same format.
 *
 * Differences from the specification, because real hardware differs: the payload may be an indefinite-length map, optional fields may
 * be null, and `user_data` and `nonce` may exceed 512 bytes (2048 are accepted).
 */
import { decode, type DecodeOptions } from "cborg";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import { hex } from "../base/bytes.ts";
import { type Certificate, parseCertificate } from "./certificate_format.ts";
import { checkLength, malformed, printable } from "./structure.ts";

/** The fields of one document. */
export interface NitroDocument {
  readonly moduleId: string;
  readonly timestampMs: number;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** Its key signed the document. */
  readonly certificate: Certificate;
  /** Root first, as the document has it. */
  readonly authorities: readonly Certificate[];
  readonly publicKey?: Uint8Array;
  readonly userData?: Uint8Array;
  readonly nonce?: Uint8Array;
  /** Protected header as hex; ES384 alone is `a1013822`. */
  readonly protectedHeaderHex: string;
  /** What the COSE signature is over (RFC 9052, section 4.4). */
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** AWS' limit for what an enclave may receive from NSM is 0x3000; a generous bound for texts of unknown origin. */
const DOCUMENT_BYTES_MAX = 0x8000;
/** PCR indexes 0..31. */
const PCRS_MAX = 32;
const PCR_LENGTHS = [32, 48, 64];
/** Real chains have four. */
const AUTHORITIES_MAX = 8;
/** The most bytes of `user_data`, `public_key` or `nonce`: two RSA keys and two hashes in base64 fit. */
export const OPTIONAL_FIELD_BYTES_MAX = 2048;
const MODULE_ID_CHARACTERS_MAX = 256;
const COSE_SIGN1_TAG = 18;
/** The last ms that a `Date` can hold. */
const TIME_MS_MAX = 8.64e15;

const CBOR_OPTIONS: DecodeOptions = {
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: true,
  allowUndefined: false,
};

/** Reads a document. Throws `Malformed` and what the CBOR library throws. */
export function parseNitroDocument(bytes: Uint8Array): NitroDocument {
  checkLength(bytes, DOCUMENT_BYTES_MAX, "the document");
  if (bytes.length === 0) malformed("the document is empty");
  const untagged = bytes[0] === (0xc0 | COSE_SIGN1_TAG) ? bytes.subarray(1) : bytes;
  const parts: unknown = decode(untagged, CBOR_OPTIONS);
  if (!Array.isArray(parts) || parts.length !== 4) malformed("the document is not a COSE_Sign1");
  const [header, unprotected, payload, signature] = parts;
  if (!isBytes(header) || !isBytes(payload) || !isBytes(signature)) {
    malformed("the COSE_Sign1 has parts that are not byte strings");
  }
  if (!(unprotected instanceof Map)) malformed("the unprotected header is not a map");
  return {
    ...parsePayload(payload),
    protectedHeaderHex: hex(header),
    signedBytes: encodeCbor(["Signature1", header, new Uint8Array(0), payload]),
    signature,
  };
}

function parsePayload(payload: Uint8Array) {
  const fields: unknown = decode(payload, CBOR_OPTIONS);
  if (!(fields instanceof Map)) malformed("the payload is not a map");
  const moduleId = fields.get("module_id");
  if (typeof moduleId !== "string" || moduleId.length === 0) malformed("module_id is missing");
  if (moduleId.length > MODULE_ID_CHARACTERS_MAX) malformed("module_id is too long");
  const digest = fields.get("digest");
  if (digest !== "SHA384") malformed(`digest is "${printable(String(digest))}", not "SHA384"`);
  const timestampMs = fields.get("timestamp");
  if (!Number.isSafeInteger(timestampMs) || timestampMs <= 0 || timestampMs > TIME_MS_MAX) {
    malformed("timestamp is not a time");
  }
  const authorities: unknown = fields.get("cabundle");
  if (!Array.isArray(authorities) || authorities.length > AUTHORITIES_MAX) {
    malformed(`cabundle is not an array of at most ${AUTHORITIES_MAX} certificates`);
  }
  return {
    moduleId,
    timestampMs: timestampMs as number,
    pcrs: readPcrs(fields.get("pcrs")),
    certificate: readCertificate(fields.get("certificate")),
    authorities: authorities.map(readCertificate),
    publicKey: optionalBytes(fields.get("public_key"), "public_key"),
    userData: optionalBytes(fields.get("user_data"), "user_data"),
    nonce: optionalBytes(fields.get("nonce"), "nonce"),
  };
}

function readPcrs(value: unknown): ReadonlyMap<number, Uint8Array> {
  if (!(value instanceof Map) || value.size === 0 || value.size > PCRS_MAX) {
    malformed(`pcrs is not a map of 1..${PCRS_MAX} registers`);
  }
  for (const [index, register] of value) {
    if (!Number.isInteger(index) || index < 0 || index >= PCRS_MAX) {
      malformed("a PCR index is wrong");
    }
    if (!isBytes(register) || !PCR_LENGTHS.includes(register.length)) {
      malformed(`PCR${index} does not have ${PCR_LENGTHS.join(", ")} bytes`);
    }
  }
  return value;
}

function readCertificate(value: unknown): Certificate {
  return isBytes(value) ? parseCertificate(value) : malformed("a certificate is not a byte string");
}

function optionalBytes(value: unknown, name: string): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isBytes(value)) malformed(`${name} is not a byte string`);
  checkLength(value, OPTIONAL_FIELD_BYTES_MAX, name);
  return value;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
