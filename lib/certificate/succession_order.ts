/**
 * The operator's order that a cluster goes on as another function (design §4.11), as a file: `{"cluster", "checksum", "successor", "signature"}`, the
 * checksums in hex, the signature base64url. It can be passed on by anyone: the electorate obeys the signature.
 */
import { successionMessage } from "../../function/leader-election/roster_rules.ts";
import { type Domain, isName } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, fromHex, hex } from "../base/bytes.ts";
import { readRecord } from "../base/json.ts";
import { type Identity, verifyEd25519 } from "../crypto/ed25519.ts";

/** A signed order. */
export interface SuccessionOrderFile {
  /** Who is to close. */
  readonly domain: Domain;
  /** Checksum of the function that goes on, 32 bytes. */
  readonly successor: Uint8Array;
  /** 64 bytes, by the key `operatorKey` of the cluster that closes. */
  readonly signature: Uint8Array;
}

/** Signs an order. */
export function signSuccessionOrder(
  operator: Identity,
  domain: Domain,
  successor: Uint8Array,
): SuccessionOrderFile {
  const signature = operator.sign(successionMessage(domain, successor));
  return { domain, successor, signature };
}

/** Whether an order is by this operator (raw Ed25519 key). */
export function isOrderBy(operatorKey: Uint8Array, order: SuccessionOrderFile): boolean {
  const { domain, successor, signature } = order;
  return verifyEd25519(operatorKey, successionMessage(domain, successor), signature);
}

/** The file form. */
export function formatSuccessionOrder(
  { domain, successor, signature }: SuccessionOrderFile,
): string {
  return JSON.stringify(
    {
      cluster: domain.cluster,
      checksum: hex(domain.checksum),
      successor: hex(successor),
      signature: base64url(signature),
    },
    null,
    2,
  ) + "\n";
}

/** Reads the file form, or says in one line why it is none. The signature is not looked at. Never throws. */
export function parseSuccessionOrder(text: string): SuccessionOrderFile | string {
  const value = readRecord(text);
  if (typeof value === "string") return value;
  const { cluster, checksum, successor, signature, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `it has an unknown field "${unknown.slice(0, 40)}"`;
  if (!isName(cluster)) return '"cluster" is no name of 1..64 printable ASCII characters';
  const [old, next] = [checksum, successor].map(checksumIn);
  if (!old) return '"checksum" is not 64 hex digits';
  if (!next) return '"successor" is not 64 hex digits';
  const signed = typeof signature === "string" ? fromBase64url(signature) : undefined;
  if (signed?.length !== 64) return '"signature" is not 64 bytes in base64url';
  return { domain: { checksum: old, cluster }, successor: next, signature: signed };
}

function checksumIn(value: unknown): Uint8Array | undefined {
  const bytes = typeof value === "string" ? fromHex(value) : undefined;
  return bytes?.length === 32 ? bytes : undefined;
}
