/**
 * The certificate table that an SNP host hands to its guests (configfs-tsm: `auxblob`), bytes to fields: AMD's "Guest-Hypervisor
 * Communication Block" specification (56421), section 4.1.8.1. Entries of 24 bytes (GUID as printed, offset, length), ended by one of
 * zeros; the certificates follow, in DER or, from some hosts, in PEM.
 */
import { fromUtf8, hex } from "../base/bytes.ts";
import { decodePem } from "./certificate_format.ts";
import { ByteReader, checkLength, isZero, malformed } from "./structure.ts";

/** What an entry is. */
export type TableEntryKind = "ARK" | "ASK" | "VCEK" | "VLEK";

/** One certificate of the table. */
export interface TableEntry {
  readonly kind: TableEntryKind;
  readonly der: Uint8Array;
}

const KINDS: ReadonlyMap<string, TableEntryKind> = new Map([
  ["c0b406a4a803495297433fb6014cd0ae", "ARK"],
  ["4ab7b379bbac4fe4a02f05aef327c782", "ASK"],
  ["63da758de6644564adc5f4b93be8accd", "VCEK"],
  ["a8074bc2a25a483eaae639c045a0b8a1", "VLEK"],
]);
/** Hosts offer 16 KiB at most. */
const TABLE_BYTES_MAX = 64 * 1024;
const ENTRIES_MAX = 32;
const PEM_START = 0x2d;

/** Reads a table; entries of other kinds are left out. Throws `Malformed`. */
export function parseSnpCertificateTable(bytes: Uint8Array): TableEntry[] {
  checkLength(bytes, TABLE_BYTES_MAX, "the certificate table");
  const reader = new ByteReader(bytes, "the certificate table");
  const entries: TableEntry[] = [];
  for (let count = 0;; count++) {
    if (count > ENTRIES_MAX) malformed("the certificate table has no end");
    const guid = reader.bytes(16);
    const offset = reader.uint32();
    const length = reader.uint32();
    if (isZero(guid)) return entries;
    if (offset + length > bytes.length) malformed("a certificate lies outside of its table");
    const kind = KINDS.get(hex(guid));
    if (kind) entries.push({ kind, der: toDer(bytes.subarray(offset, offset + length)) });
  }
}

function toDer(content: Uint8Array): Uint8Array {
  if (content[0] !== PEM_START) return content;
  const [der] = decodePem(fromUtf8(content) ?? "", "CERTIFICATE", 1);
  return der ?? malformed("a certificate of the table is no PEM");
}
