/**
 * The drivers of all TEEs behind one interface, and the choice among them. `auto` takes the hardware that it finds and never falls back to
 * the simulated TEE: that has to be asked for by name.
 */
import { FumataError } from "../base/errors.ts";
import { readTsmProvider, type TsmFolder, tsmFolder } from "./configfs_tsm.ts";
import { openNitroTee } from "./nitro.ts";
import { NSM_DEVICE, nsmDevice } from "./nsm_device.ts";
import { openSimulatedTee } from "./simulated.ts";
import { openSnpTee, openTdxTee, TSM_PROVIDERS } from "./snp_tdx.ts";
import type { TeeDriver } from "./types.ts";

export type { EvidenceRequest, TeeDriver } from "./types.ts";
export { openSimulatedTee, simulatedMeasurements, type SimulatedTee } from "./simulated.ts";

/** What `--tee` may say. */
export const TEE_CHOICES = ["auto", "simulated", "nitro", "snp", "tdx"] as const;

/** One of {@linkcode TEE_CHOICES}. */
export type TeeChoice = typeof TEE_CHOICES[number];

/** Opens the TEE of this machine. Throws a `FumataError` when there is none of that kind. */
export async function openTee(
  choice: TeeChoice,
  options: {
    /** Folder of the host's data: the simulated TEE and fetched certificates have folders in it. */
    readonly dataFolder: string;
    /** Version of the program, for the simulated measurements. */
    readonly version: string;
    /** SNP: files with certificates of the chip's key. */
    readonly endorsementFiles?: readonly string[];
    readonly tsm?: TsmFolder;
    readonly nsmPath?: string;
  },
): Promise<TeeDriver> {
  const { dataFolder, endorsementFiles } = options;
  const folder = options.tsm ?? tsmFolder();
  const nsmPath = options.nsmPath ?? NSM_DEVICE;
  const tee = choice === "auto" ? await detectTee(folder, nsmPath) : choice;
  if (tee !== "snp" && endorsementFiles && endorsementFiles.length > 0) {
    throw new FumataError(
      "usage",
      `Cannot use endorsements: they are for snp, the TEE is ${tee}`,
    );
  }
  switch (tee) {
    case "simulated":
      return openSimulatedTee({ folder: `${dataFolder}/simulated_tee`, version: options.version });
    case "nitro":
      return openNitroTee(nsmDevice(nsmPath));
    case "snp":
      return openSnpTee({
        folder,
        cacheFolder: `${dataFolder}/amd_certificates`,
        endorsementFiles,
      });
    case "tdx":
      return openTdxTee({ folder });
    default:
      return tee satisfies never;
  }
}

async function detectTee(
  folder: TsmFolder,
  nsmPath: string,
): Promise<Exclude<TeeChoice, "auto" | "simulated">> {
  if (await exists(nsmPath)) return "nitro";
  const provider = await readTsmProvider(folder);
  if (provider === TSM_PROVIDERS.snp) return "snp";
  if (provider === TSM_PROVIDERS.tdx) return "tdx";
  throw new FumataError(
    "failure",
    "Cannot find a TEE on this machine: neither /dev/nsm nor configfs-tsm is there; " +
      'say "--tee simulated" to run without hardware protection',
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
