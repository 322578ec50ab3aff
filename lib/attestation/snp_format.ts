/**
 * SEV-SNP attestation reports and the keys that sign them, bytes to fields: AMD's "SEV Secure Nested Paging Firmware ABI
 * Specification" (56860), section 7.3, and "Versioned Chip Endorsement Key Certificate and KDS Interface" (57230), section 3.
 *
 * All numbers are little-endian. Reports have 1184 bytes; 2, 3 and 5 are the versions in the field.
 */
import { fromUtf8, hex } from "../base/bytes.ts";
import type { Certificate } from "./certificate_format.ts";
import { readDer, smallInteger } from "./der.ts";
import { ByteReader, isZero, malformed } from "./structure.ts";

/** Lines of processors: they differ in roots, in the layout of TCB versions and in the length of chip ids. */
export type SnpProduct = "Milan" | "Genoa" | "Turin";

/** Security versions of the firmware parts. `fmc` exists from Turin on. */
export interface SnpTcb {
  readonly fmc?: number;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** The fields of a report. */
export interface SnpReport {
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  readonly isDebug: boolean;
  readonly allowsMigrationAgent: boolean;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly platformInfo: bigint;
  readonly chipKeyIsMasked: boolean;
  /** 0 VCEK, 1 VLEK, 7 none. */
  readonly signingKey: number;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly reportId: Uint8Array;
  readonly currentTcb: Uint8Array;
  readonly reportedTcb: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly launchTcb: Uint8Array;
  /** Family, model, stepping; from version 3 on. */
  readonly cpuid?: readonly [number, number, number];
  readonly chipId: Uint8Array;
  readonly signedBytes: Uint8Array;
  /** `r || s` big-endian, 96 bytes; undefined when a part exceeds 48 bytes. */
  readonly signature: Uint8Array | undefined;
}

/** What a VCEK or VLEK certificate says beside its key. */
export interface SnpEndorsement {
  readonly kind: "VCEK" | "VLEK";
  readonly product: SnpProduct;
  readonly tcb: SnpTcb;
  /** VCEK only. */
  readonly chipId?: Uint8Array;
}

/** Bytes of a report. */
export const SNP_REPORT_BYTES = 0x4a0;

const VERSIONS = [2, 3, 4, 5];
const SIGNED_BYTES = 0x2a0;
const SIGNATURE_END = 0x330;
const COMPONENT_BYTES = 72;
const P384_BYTES = 48;
const DEBUG_BIT = 1n << 19n;
const MIGRATION_AGENT_BIT = 1n << 18n;

/** Reads a report. Throws `Malformed`. */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES) {
    malformed(`the report has ${bytes.length} bytes, not ${SNP_REPORT_BYTES}`);
  }
  const at = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  const reader = new ByteReader(bytes, "the report");
  const version = reader.uint32();
  if (!VERSIONS.includes(version)) malformed(`the report is of version ${version}`);
  const guestSvn = reader.uint32();
  const policy = reader.uint64();
  reader.bytes(0x30 - 0x10);
  const vmpl = reader.uint32();
  const signatureAlgorithm = reader.uint32();
  if (signatureAlgorithm !== 1) {
    malformed(`the signature algorithm is ${signatureAlgorithm}, not 1 (ECDSA P-384 with SHA-384)`);
  }
  reader.bytes(8);
  const platformInfo = reader.uint64();
  const flags = reader.uint32();
  if (!isZero(at(SIGNATURE_END, SNP_REPORT_BYTES - SIGNATURE_END))) {
    malformed("the unsigned bytes after the signature are not zero");
  }
  return {
    version,
    guestSvn,
    policy,
    isDebug: (policy & DEBUG_BIT) !== 0n,
    allowsMigrationAgent: (policy & MIGRATION_AGENT_BIT) !== 0n,
    vmpl,
    signatureAlgorithm,
    platformInfo,
    chipKeyIsMasked: (flags & 2) !== 0,
    signingKey: (flags >> 2) & 7,
    reportData: at(0x050, 64),
    measurement: at(0x090, 48),
    hostData: at(0x0c0, 32),
    reportId: at(0x140, 32),
    currentTcb: at(0x038, 8),
    reportedTcb: at(0x180, 8),
    ...(version >= 3 && { cpuid: [bytes[0x188], bytes[0x189], bytes[0x18a]] as const }),
    chipId: at(0x1a0, 64),
    committedTcb: at(0x1e0, 8),
    launchTcb: at(0x1f0, 8),
    signedBytes: at(0, SIGNED_BYTES),
    signature: readSignature(at(SIGNED_BYTES, 2 * COMPONENT_BYTES)),
  };
}

/** The kind of key that a report says it is signed by. */
export function signingKeyName({ signingKey }: SnpReport): "VCEK" | "VLEK" | "no key" {
  return signingKey === 0 ? "VCEK" : signingKey === 1 ? "VLEK" : "no key";
}

/** The product line that the processor's family and model belong to. */
export function productOfCpuid([family, model]: readonly [number, number, number]):
  | SnpProduct
  | undefined {
  if (family === 0x19) {
    if (model <= 0x0f) return "Milan";
    if ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf)) return "Genoa";
  }
  if (family === 0x1a && model <= 0x1f) return "Turin";
  return undefined;
}

/** The parts of an 8-byte TCB version, whose layout changed with Turin. */
export function parseSnpTcb(bytes: Uint8Array, product: SnpProduct): SnpTcb {
  return product === "Turin"
    ? { fmc: bytes[0], bootloader: bytes[1], tee: bytes[2], snp: bytes[3], microcode: bytes[7] }
    : { bootloader: bytes[0], tee: bytes[1], snp: bytes[6], microcode: bytes[7] };
}

const OID = {
  product: "1.3.6.1.4.1.3704.1.2",
  bootloader: "1.3.6.1.4.1.3704.1.3.1",
  tee: "1.3.6.1.4.1.3704.1.3.2",
  snp: "1.3.6.1.4.1.3704.1.3.3",
  microcode: "1.3.6.1.4.1.3704.1.3.8",
  fmc: "1.3.6.1.4.1.3704.1.3.9",
  chipId: "1.3.6.1.4.1.3704.1.4",
  cloud: "1.3.6.1.4.1.3704.1.5",
};

/** Reads the extensions of a VCEK or VLEK certificate. Throws `Malformed`. */
export function parseSnpEndorsement(certificate: Certificate): SnpEndorsement {
  const { extensions } = certificate;
  const name = fromUtf8(readDer(extensionOf(extensions, OID.product)).content) ?? "";
  // Steppings follow the name after a dash: "Milan-B0".
  const product = (["Milan", "Genoa", "Turin"] as const).find((item) =>
    item === name.split("-")[0]
  );
  if (!product) malformed("the endorsement is for an unknown product");
  const part = (id: string) => smallInteger(readDer(extensionOf(extensions, id)), "a TCB version");
  const chipId = extensions.get(OID.chipId);
  return {
    kind: chipId ? "VCEK" : extensions.has(OID.cloud) ? "VLEK" : malformed("no VCEK and no VLEK"),
    product,
    tcb: {
      ...(product === "Turin" && { fmc: part(OID.fmc) }),
      bootloader: part(OID.bootloader),
      tee: part(OID.tee),
      snp: part(OID.snp),
      microcode: part(OID.microcode),
    },
    ...(chipId && { chipId: readChipId(chipId, product === "Turin" ? 8 : 64) }),
  };
}

/** Raw bytes, or wrapped in an OCTET STRING as some issues have it. Turin's 8 bytes are padded as reports do. */
function readChipId(value: Uint8Array, length: number): Uint8Array {
  const wrapped = value.length === length + 2 && value[0] === 0x04 && value[1] === length;
  const raw = wrapped ? value.subarray(2) : value;
  if (raw.length !== length) {
    malformed(`the chip id ${hex(raw.subarray(0, 8))}… has a wrong length`);
  }
  const padded = new Uint8Array(64);
  padded.set(raw);
  return padded;
}

function extensionOf(extensions: ReadonlyMap<string, Uint8Array>, id: string): Uint8Array {
  return extensions.get(id) ?? malformed(`the endorsement lacks the extension ${id}`);
}

/** AMD stores r and s little-endian in 72 bytes each; what exceeds 48 bytes is no P-384 signature. */
function readSignature(bytes: Uint8Array): Uint8Array | undefined {
  const signature = new Uint8Array(2 * P384_BYTES);
  for (const [index, start] of [0, COMPONENT_BYTES].entries()) {
    if (!isZero(bytes.subarray(start + P384_BYTES, start + COMPONENT_BYTES))) return undefined;
    const component = bytes.slice(start, start + P384_BYTES).reverse();
    signature.set(component, index * P384_BYTES);
  }
  return signature;
}
