/** A simulated TEE is impossible to mistake: every surface that shows it says "simulated". Refusals are in `simulated_test.ts`. */
import { match, ok } from "node:assert";
import {
  describePolicy,
  formatVerdict,
  parsePolicy,
  type Verdict,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { parseNitroDocument } from "../../lib/attestation/nitro_format.ts";
import { fromUtf8 } from "../../lib/base/bytes.ts";
import type { Logger } from "../../lib/base/log.ts";
import { Journal } from "../../lib/node/journal.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/mod.ts";

const NOW = new Date("2026-01-10T12:00:00Z");

async function withTee(run: (tee: SimulatedTee) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => NOW.getTime() }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const request = {
  nonce: new Uint8Array(16),
  sessionKey: new Uint8Array(32),
  userData: new Uint8Array(0),
};

Deno.test("module id, every certificate and a register of a simulated document say simulated", () =>
  withTee(async (tee) => {
    const { document } = await tee.attest(request);
    const { moduleId, certificate, authorities, pcrs } = parseNitroDocument(document);
    match(moduleId, /^simulated-/);
    for (const { commonName } of [certificate, ...authorities]) match(commonName, /simulated/);
    match(fromUtf8(pcrs.get(4)!)!, /^simulated TEE: no hardware protection\0+$/);
  }));

Deno.test("an accepted simulated document is shown as such, with the insecure pin behind it", () =>
  withTee(async (tee) => {
    const policy = parsePolicy({
      platform: "simulated",
      insecureSimulatedRoot: tee.rootPem,
      measurements: tee.measurements,
    });
    const verdict: Verdict = verifyEvidence(await tee.attest(request), policy, { at: NOW });
    ok(verdict.accepted);
    const text = formatVerdict(verdict, policy, NOW);
    match(text, /^evidence: SIMULATED TEE \(no hardware protection\)\n/);
    match(text, /\n {2}platform +SIMULATED TEE \(no hardware protection\)\n/);
    match(describePolicy(policy).roots, /simulated root \(insecure\)/);
  }));

Deno.test("a node's log says simulated when it attests and when a leader is elected", () => {
  const lines: string[] = [];
  const logger: Logger = { log: (_level, event, words) => void lines.push(`${event}: ${words}`) };
  for (const platform of ["simulated", "snp"]) {
    const journal = new Journal(logger, "self");
    const description = { kind: "open", policy: "random" };
    const found = { evidence: { platform }, key: { kid: platform }, description };
    journal.attested(found as never, "aa");
    const certificate = {
      leader: "other",
      leaderName: "b",
      term: 3,
      tee: platform,
      active: [1],
      document: { bundle: [1] },
    };
    journal.leader(certificate as never, 3, 1);
  }
  match(lines[0], /^attested: enclave verified: simulated TEE \(insecure\)/);
  match(lines[1], /^leader: .*simulated TEE/);
  match(lines[2], /^attested: enclave verified: snp,/);
  ok(!lines[3].includes("simulated"));
});
