/**
 * AMD SEV-SNP and Intel TDX guests: reports and quotes through configfs-tsm, bound to session and keys by the structure of
 * `attestation/report_data.ts`. Neither can seal through this interface.
 *
 * An SNP report needs the certificate of the key that signed it. It comes, in this order, from files that the operator names, from the
 * table that the host handed to the guest (`auxblob`), or from AMD's key service. A TDX quote carries its own.
 */
import {
  type Binding,
  decodeUserData,
  encodeBound,
  endorsementsOfTable,
  type Evidence,
  readEndorsementFile,
  reportDataOf,
} from "../attestation/mod.ts";
import { Malformed, structured } from "../attestation/structure.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import { type FetchBytes, vcekFor } from "./amd_key_service.ts";
import { readTsmReport, type TsmFolder, tsmFolder, type TsmReport } from "./configfs_tsm.ts";
import type { EvidenceRequest, TeeDriver } from "./types.ts";

/** What the kernel calls the two. */
export const TSM_PROVIDERS = { snp: "sev_guest", tdx: "tdx_guest" } as const;

/** What both drivers take; everything has a default for a real machine. */
export interface TsmDriverOptions {
  readonly folder?: TsmFolder;
  readonly wait?: (ms: number) => Promise<void>;
}

/** What the SNP driver takes besides. */
export interface SnpDriverOptions extends TsmDriverOptions {
  /** Where fetched certificates are kept. */
  readonly cacheFolder: string;
  /** Files with the certificates of this chip's key: DER, PEM or a table. */
  readonly endorsementFiles?: readonly string[];
  readonly fetchBytes?: FetchBytes;
}

/** The driver of an SEV-SNP guest. */
export function openSnpTee(options: SnpDriverOptions): TeeDriver {
  const folder = options.folder ?? tsmFolder();
  return {
    platform: "snp",
    async attest(request) {
      const bound = boundOf(request);
      const report = await readTsmReport(folder, reportDataOf(bound), options.wait ?? pause);
      expectProvider(report, "snp");
      const endorsements = await endorsementsFor(report, options);
      return { platform: "snp", document: report.outblob, endorsements, bound };
    },
  };
}

/** The driver of a TDX guest. */
export function openTdxTee(options: TsmDriverOptions = {}): TeeDriver {
  const folder = options.folder ?? tsmFolder();
  return {
    platform: "tdx",
    async attest(request): Promise<Evidence> {
      const bound = boundOf(request);
      const report = await readTsmReport(folder, reportDataOf(bound), options.wait ?? pause);
      expectProvider(report, "tdx");
      return { platform: "tdx", document: report.outblob, endorsements: [], bound };
    },
  };
}

function boundOf(request: EvidenceRequest): Uint8Array {
  const binding: Binding = {
    nonce: request.nonce,
    sessionKey: request.sessionKey,
    ...decodeUserData(request.userData),
  };
  return encodeBound(binding);
}

function expectProvider(report: TsmReport, tee: "snp" | "tdx"): void {
  if (report.provider === TSM_PROVIDERS[tee]) return;
  throw new FumataError(
    "failure",
    `Cannot attest as ${tee}: the kernel's provider is "${report.provider.slice(0, 40)}", ` +
      `${TSM_PROVIDERS[tee]} is wanted`,
  );
}

async function endorsementsFor(
  report: TsmReport,
  options: SnpDriverOptions,
): Promise<readonly Uint8Array[]> {
  const fromFiles = await readFiles(options.endorsementFiles ?? [], report.outblob);
  if (fromFiles.length > 0) return fromFiles;
  if (report.auxblob.length > 0) {
    const fromHost = structured(() => endorsementsOfTable(report.auxblob, report.outblob));
    if (!(fromHost instanceof Malformed) && fromHost.length > 0) return fromHost;
  }
  const { cacheFolder, fetchBytes } = options;
  return [await vcekFor(report.outblob, { folder: cacheFolder, fetchBytes })];
}

async function readFiles(
  paths: readonly string[],
  document: Uint8Array,
): Promise<Uint8Array[]> {
  const endorsements: Uint8Array[] = [];
  for (const path of paths) {
    try {
      endorsements.push(...readEndorsementFile(await Deno.readFile(path), document));
    } catch (thrown) {
      throw new FumataError("failure", `Cannot use endorsement "${path}": ${messageOf(thrown)}`);
    }
  }
  return endorsements;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
