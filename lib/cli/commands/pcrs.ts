/**
 * `fumata pcrs`, also called `measurements`: what the running enclave measures, for pinning. The evidence is verified under the profile's roots, but any
 * measurement is taken: compare what it prints with what the makers of the code published before you pin it.
 */
import {
  formatMeasurements,
  INSECURE_ANY_MEASUREMENT,
  measurementsToPin,
  PLATFORM_NAMES,
} from "../../attestation/mod.ts";
import { fetchAccountKey } from "../../enclave/client/mod.ts";
import type { Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";

/** The command. */
export const pcrsCommand: Command = {
  name: "pcrs",
  summary: "print the measurements of an enclave host, to pin them",
  examples: ["fumata pcrs", "fumata pcrs -o json"],
  flags: [OUTPUT_FLAG, ...PROFILE_FLAGS],
  async run(args, context) {
    const target = targetOf(await loadProfile(args, context));
    const policy = { ...target.policy, measurements: INSECURE_ANY_MEASUREMENT } as const;
    const { attested } = await fetchAccountKey({ ...target, policy });
    const { measurements, evidence: { platform } } = attested;
    const pin = measurementsToPin(platform, measurements);
    print(args, context, { platform, measurements, pin }, () =>
      [
        `platform: ${PLATFORM_NAMES[platform]}`,
        formatMeasurements(measurements),
        `to pin: ${Object.keys(pin).join(", ")}`,
      ].join("\n"));
    return 0;
  },
};

/** The same by the name that fits every TEE. */
export const measurementsCommand: Command = {
  ...pcrsCommand,
  name: "measurements",
  summary: 'the same as "pcrs", by the name that fits every TEE',
  examples: ["fumata measurements", "fumata measurements -o json"],
};
