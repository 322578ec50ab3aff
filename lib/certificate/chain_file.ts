/**
 * A chain of certificates as files hold it and as a node's HTTP interface gives it: `{"chain": [document, …], "keys"?: [JWK], "evidence"?:
 * [envelope]}`, or the bare array of documents. The order does not matter: each names what it follows.
 */
import { EXTRAS_MAX, readDocument } from "./certificate_document.ts";
import type { CertificateDocument } from "./types.ts";

/** What a file holds. */
export interface ChainFile {
  readonly documents: readonly CertificateDocument[];
  /** JWKs as they came. */
  readonly keys: readonly unknown[];
  /** Evidence envelopes as they came. */
  readonly evidence: readonly unknown[];
}

/** Most certificates of one chain: a failover every hour for seven years. */
export const CHAIN_MAX = 65_536;

/** Reads the file form, or says in one line why it is none. Never throws. */
export function parseChainFile(text: string): ChainFile | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (typeof value !== "object" || value === null) return "it is neither an object nor an array";
  const { chain, keys = [], evidence = [], ...rest } = Array.isArray(value)
    ? { chain: value }
    : value as Record<string, unknown>;
  if ("certificate" in rest) return "it is a single certificate and no chain: verify it";
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `it has an unknown field "${unknown.slice(0, 40)}"`;
  if (!Array.isArray(chain) || chain.length < 1 || chain.length > CHAIN_MAX) {
    return `"chain" is not an array of 1..${CHAIN_MAX} documents`;
  }
  for (const [name, list] of Object.entries({ keys, evidence })) {
    if (!Array.isArray(list) || list.length > EXTRAS_MAX) {
      return `"${name}" is not an array of at most ${EXTRAS_MAX} items`;
    }
  }
  const documents: CertificateDocument[] = [];
  for (const [i, item] of chain.entries()) {
    const document = readDocument(item);
    if (typeof document === "string") return `document ${i}: ${document}`;
    documents.push(document);
  }
  return { documents, keys: keys as unknown[], evidence: evidence as unknown[] };
}
