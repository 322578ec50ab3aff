/** The policy that a host writes into its own user's profile. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { parsePolicy } from "../../lib/attestation/mod.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { ownPolicy } from "../../lib/tee/own_policy.ts";
import { openSimulatedTee } from "../../lib/tee/mod.ts";

Deno.test("the policy for a simulated TEE pins its root and its measurements", async () => {
  const folder = await Deno.makeTempDir();
  const tee = await openSimulatedTee({ folder, version: "test" });
  deepStrictEqual(parsePolicy(await ownPolicy(tee, new Date())), {
    platform: "simulated",
    insecureSimulatedRoot: tee.rootPem,
    measurements: tee.measurements,
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("hardware whose evidence does not verify gives a reason and no policy", async () => {
  for (const platform of ["nitro", "snp", "tdx"] as const) {
    const evidence = { platform, document: utf8("nonsense"), endorsements: [] };
    const policy = await ownPolicy(
      { platform, attest: () => Promise.resolve(evidence) },
      new Date(),
    );
    strictEqual(typeof policy, "string");
  }
});
