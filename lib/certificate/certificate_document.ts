/**
 * A certificate with all that a verifier may need beside it, as files hold it and as a node's HTTP interface gives it:
 * `{"certificate": JWS, "bundle": [{"key", "signature"}], "keys"?: [JWK], "evidence"?: [envelope]}`.
 *
 * `keys` and `evidence` come from whoever gave the file. Keys in it are no trust root; evidence is judged by `lib/attestation`.
 */
import { ACTIVE_NODES_MAX } from "../../function/leader-election/rules.ts";
import { isRecord, readRecord } from "../base/json.ts";
import type { CertificateDocument, Vote } from "./types.ts";

/** What a file holds. */
export interface CertificateFile {
  readonly document: CertificateDocument;
  /** JWKs as they came. */
  readonly keys: readonly unknown[];
  /** Evidence envelopes as they came. */
  readonly evidence: readonly unknown[];
}

/** Most keys and most pieces of evidence in one file: an enclave key per restart of a cluster's whole life would be fewer. */
export const EXTRAS_MAX = 256;

/** Reads the file form, or says in one line why it is none. Never throws. */
export function parseCertificateFile(text: string): CertificateFile | string {
  const value = readRecord(text);
  if (typeof value === "string") return value;
  const { keys = [], evidence = [], ...rest } = value;
  if ("chain" in rest) return "it is a chain of certificates and no single one: audit it";
  const document = readDocument(rest);
  if (typeof document === "string") return document;
  if (!Array.isArray(keys) || keys.length > EXTRAS_MAX) {
    return `"keys" is not an array of at most ${EXTRAS_MAX} keys`;
  }
  if (!Array.isArray(evidence) || evidence.length > EXTRAS_MAX) {
    return `"evidence" is not an array of at most ${EXTRAS_MAX} items`;
  }
  return { document, keys, evidence };
}

/** Reads a certificate with its bundle; nothing is verified. Gives the reason when the value is none. */
export function readDocument(value: unknown): CertificateDocument | string {
  if (!isRecord(value)) return "the document is not an object";
  const { certificate, bundle, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `the document has an unknown field "${unknown.slice(0, 40)}"`;
  if (typeof certificate !== "string") return '"certificate" is not a text';
  if (!Array.isArray(bundle) || bundle.length > ACTIVE_NODES_MAX) {
    return `"bundle" is not an array of at most ${ACTIVE_NODES_MAX} votes`;
  }
  const wrong = bundle.findIndex((vote) => !isVote(vote));
  if (wrong >= 0) return `bundle[${wrong}] is not {"key", "signature"} of two texts`;
  return { certificate, bundle };
}

function isVote(value: unknown): value is Vote {
  return isRecord(value) && Object.keys(value).length === 2 &&
    typeof value.key === "string" && typeof value.signature === "string";
}
