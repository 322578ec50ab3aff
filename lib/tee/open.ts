/** Opens the TEE of this machine by its name on the command line; where a driver is missing, an error says so. */
import type { AttestationPolicy } from "../attestation/mod.ts";
import { FumataError } from "../base/errors.ts";
import { openSimulatedTee } from "./simulated.ts";
import type { TeeDriver } from "./types.ts";

/** Names that can be chosen. `auto` takes the hardware that is there and never the simulated TEE. */
export const TEE_NAMES = ["simulated", "nitro", "snp", "tdx", "auto"] as const;

/** One of {@linkcode TEE_NAMES}. */
export type TeeName = typeof TEE_NAMES[number];

/** A TEE, and where it can be known beforehand, the policy that pins exactly it. */
export interface OpenedTee {
  readonly driver: TeeDriver;
  readonly policy?: AttestationPolicy;
}

/** Opens a TEE. What it has to remember is kept in `folder`; `version` is the program's. Throws a {@linkcode FumataError}. */
export async function openTee(name: TeeName, folder: string, version: string): Promise<OpenedTee> {
  switch (name) {
    case "simulated": {
      const driver = await openSimulatedTee({ folder, version });
      const { rootPem: insecureSimulatedRoot, measurements } = driver;
      return { driver, policy: { platform: "simulated", insecureSimulatedRoot, measurements } };
    }
    case "nitro":
    case "snp":
    case "tdx":
      throw new FumataError(
        "failure",
        `Cannot open the TEE "${name}": this version has no driver for it; --tee simulated runs everywhere`,
      );
    case "auto":
      throw new FumataError(
        "failure",
        'Cannot open the TEE "auto": no TEE of this machine has a driver in this version; ' +
          "--tee simulated runs everywhere and protects nothing",
      );
    default:
      return name satisfies never;
  }
}
