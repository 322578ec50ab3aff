/** The simulated TEE: verified by the code for real hardware, impossible to mistake for it. */
import { deepStrictEqual, match, notDeepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import {
  type AttestationPolicy,
  encodeUserData,
  insecureAnyMeasurementPolicy,
  type Isolation,
  parsePolicy,
  PLATFORMS,
  policyFromVerdict,
  type UserData,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import { SIMULATED_FILE } from "../../lib/tee/simulated_folder.ts";

const NOW_MS = Date.UTC(2026, 0, 10, 12);
const HOUR_MS = 3_600_000;
const userData = {
  functionChecksum: new Uint8Array(32).fill(7),
  certificateKid: "A".repeat(43),
  resultKey: new Uint8Array(270).fill(9),
  isolation: "bwrap",
} as const;
const request = {
  nonce: new Uint8Array(16).fill(1),
  sessionKey: new Uint8Array(32).fill(2),
  userData: encodeUserData(userData),
};

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function policyFor(tee: SimulatedTee, measurements = tee.measurements): AttestationPolicy {
  return parsePolicy({
    platform: "simulated",
    insecureSimulatedRoot: tee.rootPem,
    measurements,
  });
}

Deno.test("a simulated document is accepted by whoever pins its root, and binds what it was asked to bind", () =>
  withFolder(async (folder) => {
    const tee = await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => NOW_MS });
    const verdict = verifyEvidence(await tee.attest(request), policyFor(tee), {
      at: new Date(NOW_MS),
      nonce: request.nonce,
      functionChecksum: userData.functionChecksum,
      certificateKid: userData.certificateKid,
    });
    deepStrictEqual(verdict.failures, []);
    ok(verdict.genuine && verdict.accepted);
    deepStrictEqual(verdict.binding, {
      nonce: request.nonce,
      sessionKey: request.sessionKey,
      ...userData,
    });
    match(String(verdict.facts.module_id), /^simulated-/);
  }));

Deno.test("each thing that a verifier pins or sends is refused when it differs", () =>
  withFolder(async (folder) => {
    const tee = await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => NOW_MS });
    const evidence = await tee.attest(request);
    const at = new Date(NOW_MS);
    const other = new Uint8Array(32).fill(3);
    const cases = {
      nonce: { at, nonce: other },
      "function-checksum": { at, functionChecksum: other },
      "certificate-key": { at, certificateKid: "B".repeat(43) },
      validity: { at: new Date(NOW_MS + 4 * HOUR_MS) },
    };
    for (const [check, context] of Object.entries(cases)) {
      const verdict = verifyEvidence(evidence, policyFor(tee), context);
      strictEqual(verdict.accepted, false);
      deepStrictEqual(verdict.failures.map((failure) => failure.check), [check]);
    }
    const measured = verifyEvidence(
      evidence,
      policyFor(tee, { ...tee.measurements, pcr0: "00".repeat(48) }),
      { at },
    );
    deepStrictEqual(measured.failures.map((failure) => failure.check), ["measurement"]);
    ok(measured.genuine && !measured.accepted);
    const isolated = verifyEvidence(
      evidence,
      { ...policyFor(tee), isolation: ["quickjs", "unshare"] },
      { at },
    );
    deepStrictEqual(isolated.failures.map((failure) => failure.check), ["isolation"]);
  }));

Deno.test("a policy that demands an isolation accepts it, refuses silence, and leaves evidence about no function alone", () =>
  withFolder(async (folder) => {
    const tee = await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => NOW_MS });
    const failedChecks = async (isolation: Isolation[], bound: UserData, checksum?: Uint8Array) => {
      const evidence = await tee.attest({ ...request, userData: encodeUserData(bound) });
      const policy = parsePolicy({ ...policyFor(tee), isolation });
      const context = { at: new Date(NOW_MS), functionChecksum: checksum };
      const verdict = verifyEvidence(evidence, policy, context);
      return verdict.failures.map((failure) => failure.check);
    };
    const { functionChecksum } = userData;
    deepStrictEqual(await failedChecks(["quickjs", "bwrap"], userData), []);
    deepStrictEqual(await failedChecks(["bwrap"], { functionChecksum }), ["isolation"]);
    deepStrictEqual(await failedChecks(["bwrap"], { resultKey: userData.resultKey }), []);
    deepStrictEqual(await failedChecks(["bwrap"], {}, functionChecksum), [
      "function-checksum",
      "isolation",
    ]);
    const made = policyFromVerdict(
      verifyEvidence(await tee.attest(request), policyFor(tee), { at: new Date(NOW_MS) }),
      policyFor(tee),
    );
    deepStrictEqual(made.isolation, ["bwrap"]);
  }));

Deno.test("evidence without a session key is refused by a verifier that sent a nonce", () =>
  withFolder(async (folder) => {
    const tee = await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => NOW_MS });
    const evidence = await tee.attest({ ...request, sessionKey: new Uint8Array(0) });
    const context = { at: new Date(NOW_MS), nonce: request.nonce };
    const verdict = verifyEvidence(evidence, policyFor(tee), context);
    deepStrictEqual(verdict.failures.map((failure) => failure.check), ["binding"]);
  }));

Deno.test("no policy but the one that pins the simulated root accepts a simulated document, under whatever name it comes", () =>
  withFolder(async (folder) => {
    const tee = await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => NOW_MS });
    const { document } = await tee.attest(request);
    const at = new Date(NOW_MS);
    for (const wanted of PLATFORMS) {
      if (wanted === "simulated") continue;
      for (const platform of PLATFORMS) {
        for (const roots of [undefined, tee.rootPem]) {
          const policy = { ...insecureAnyMeasurementPolicy(wanted), ...(roots && { roots }) };
          const evidence = { platform, document, endorsements: [] };
          const verdict = verifyEvidence(evidence, parsePolicy(policy), { at });
          strictEqual(verdict.accepted, false, `${platform} offered to ${wanted}`);
        }
      }
    }
    const posing = verifyEvidence(
      { platform: "nitro", document, endorsements: [] },
      insecureAnyMeasurementPolicy("nitro"),
      { at },
    );
    deepStrictEqual(posing.failures.map((failure) => failure.check), ["root", "simulated"]);
    match(posing.failures[1].message, /simulated TEE/);
  }));

Deno.test("a simulated document is refused under the root of another simulated TEE", () =>
  withFolder((folder) =>
    withFolder(async (otherFolder) => {
      const options = { version: "1.2.3", wallNow: () => NOW_MS };
      const tee = await openSimulatedTee({ folder, ...options });
      const other = await openSimulatedTee({ folder: otherFolder, ...options });
      const verdict = verifyEvidence(await other.attest(request), policyFor(tee), {
        at: new Date(NOW_MS),
      });
      deepStrictEqual(verdict.failures.map((failure) => failure.check), ["root"]);
    })
  ));

Deno.test("the root, the measurements and the sealing key survive a restart, and a version changes the measurements", () =>
  withFolder(async (folder) => {
    const first = await openSimulatedTee({ folder, version: "1.2.3" });
    const sealed = await first.sealing!.seal(utf8("secret"), "label");
    const second = await openSimulatedTee({ folder, version: "1.2.3" });
    const upgraded = await openSimulatedTee({ folder, version: "1.2.4" });
    strictEqual(second.rootPem, first.rootPem);
    deepStrictEqual(second.measurements, first.measurements);
    notDeepStrictEqual(upgraded.measurements, first.measurements);
    deepStrictEqual(await second.sealing!.unseal(sealed, "label"), utf8("secret"));
    strictEqual(await second.sealing!.unseal(sealed, "other"), undefined);
    strictEqual(await upgraded.sealing!.unseal(sealed, "label"), undefined);
    for (const at of sealed.keys()) {
      const changed = sealed.slice();
      changed[at] ^= 1;
      strictEqual(await second.sealing!.unseal(changed, "label"), undefined);
      strictEqual(await second.sealing!.unseal(sealed.subarray(0, at), "label"), undefined);
    }
  }));

Deno.test("leaf certificates are renewed in time, also when the clock goes back", () =>
  withFolder(async (folder) => {
    let nowMs = NOW_MS;
    const tee = await openSimulatedTee({ folder, version: "1.2.3", wallNow: () => nowMs });
    for (const hours of [0, 1, 2, 2.4, 2.5, 5, 100, 6, -0.01]) {
      nowMs = NOW_MS + hours * HOUR_MS;
      const verdict = verifyEvidence(await tee.attest(request), policyFor(tee), {
        at: new Date(nowMs),
      });
      deepStrictEqual(verdict.failures, []);
    }
  }));

Deno.test("the folder's file is readable by its owner only and has no sibling", () =>
  withFolder(async (folder) => {
    await openSimulatedTee({ folder, version: "1.2.3" });
    deepStrictEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), [SIMULATED_FILE]);
    strictEqual((await Deno.stat(`${folder}/${SIMULATED_FILE}`)).mode! & 0o777, 0o600);
  }));

Deno.test("two processes that start in one folder at the same time get one root", () =>
  withFolder(async (folder) => {
    const tees = await Promise.all(
      [1, 2, 3, 4].map(() => openSimulatedTee({ folder, version: "1.2.3" })),
    );
    strictEqual(new Set(tees.map((tee) => tee.rootPem)).size, 1);
  }));

Deno.test("a corrupt file is an error that names it, and is left as it is", () =>
  withFolder(async (folder) => {
    await openSimulatedTee({ folder, version: "1.2.3" });
    const path = `${folder}/${SIMULATED_FILE}`;
    const whole = await Deno.readTextFile(path);
    const broken = [
      "",
      whole.slice(0, 200),
      "null",
      whole.replace('"version": 1', '"version": 9'),
      whole.replace(/"sealingKey": ".{8}/, '"sealingKey": "'),
      whole.replace(/"root": ".{8}/, '"root": "'),
      whole.replace("BEGIN PRIVATE KEY", "BEGIN NOTHING"),
    ];
    for (const text of broken) {
      await Deno.writeTextFile(path, text);
      await rejects(
        openSimulatedTee({ folder, version: "1.2.3" }),
        (thrown) => thrown instanceof FumataError && thrown.message.includes(path),
      );
      strictEqual(await Deno.readTextFile(path), text);
    }
  }));

Deno.test("a folder that cannot be made is an error that names it", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await rejects(
      openSimulatedTee({ folder: `${folder}/file`, version: "1.2.3" }),
      (thrown) => thrown instanceof FumataError && thrown.message.includes(folder),
    );
  }));

Deno.test("user data of 2048 bytes fits, a byte more is refused", () =>
  withFolder(async (folder) => {
    const tee = await openSimulatedTee({ folder, version: "1.2.3" });
    const evidence = await tee.attest({ ...request, userData: new Uint8Array(2048) });
    const verdict = verifyEvidence(evidence, policyFor(tee), { at: new Date() });
    deepStrictEqual(verdict.failures, []);
    await rejects(tee.attest({ ...request, userData: new Uint8Array(2049) }), FumataError);
  }));
