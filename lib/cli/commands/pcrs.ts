/**
 * `fumata pcrs`, also called `measurements`: what the running enclave measures, for pinning. The evidence is verified under the profile's roots, but any
 * measurement is taken: compare what it prints with what the makers of the code published before you pin it. With a function it says what
 * isolates that function from the rest of the enclave as well, which a policy can demand (`isolation`).
 */
import {
  formatMeasurements,
  INSECURE_ANY_MEASUREMENT,
  measurementsToPin,
  PLATFORM_NAMES,
} from "../../attestation/mod.ts";
import { attestFunction, fetchAccountKey } from "../../enclave/client/mod.ts";
import type { Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { withProgress } from "../progress.ts";

/** The command. */
export const pcrsCommand: Command = {
  name: "pcrs",
  summary: "print the measurements of an enclave host, to pin them",
  positional: "[FUNCTION_ID|USER/NAME]",
  arity: [0, 1],
  examples: ["fumata pcrs", "fumata pcrs -o json", "fumata pcrs local/leader-election"],
  flags: [OUTPUT_FLAG, ...PROFILE_FLAGS],
  async run(args, context) {
    const target = targetOf(await loadProfile(args, context));
    const { isolation: _demanded, ...demands } = target.policy;
    const policy = { ...demands, measurements: INSECURE_ANY_MEASUREMENT } as const;
    const [functionId] = args.positional;
    const { measurements, binding: { isolation }, evidence: { platform } } = await withProgress(
      context,
      "verifying the enclave",
      async () =>
        functionId === undefined
          ? (await fetchAccountKey({ ...target, policy })).attested
          : await attestFunction({ ...target, policy, functionId }),
    );
    const pin = measurementsToPin(platform, measurements);
    print(args, context, { platform, measurements, pin, isolation }, () =>
      [
        `platform: ${PLATFORM_NAMES[platform]}`,
        formatMeasurements(measurements),
        `to pin: ${Object.keys(pin).join(", ")}`,
        ...(isolation ? [`isolation of the function: ${isolation}`] : []),
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
