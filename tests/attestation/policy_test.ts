/** Policies: nothing is forgotten, nothing misspelt is dropped, each demand alone refuses. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import {
  encodeBound,
  type Evidence,
  parsePolicy,
  policyFromVerdict,
  reportDataOf,
  type Verdict,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { fromHex, utf8 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { MADE_AT, makeAmd, makeIntel, pemOf, type ReportChanges } from "./_makers.ts";

const amd = makeAmd();
const intel = makeIntel();
const bound = encodeBound({
  nonce: new Uint8Array(16).fill(1),
  sessionKey: new Uint8Array(32).fill(2),
  functionChecksum: new Uint8Array(32).fill(3),
});
const MEASUREMENT = "aa".repeat(48);
const TD_MEASUREMENTS = {
  mrtd: "bb".repeat(48),
  rtmr0: "c0".repeat(48),
  rtmr1: "c1".repeat(48),
  rtmr2: "c2".repeat(48),
};

function snp(changes: ReportChanges = {}): Evidence {
  const document = amd.report(reportDataOf(bound), changes);
  return { platform: "snp", document, endorsements: [amd.vcek], bound };
}

function tdx(changes: ReportChanges = {}): Evidence {
  const document = intel.quote(reportDataOf(bound), changes);
  return { platform: "tdx", document, endorsements: [], bound };
}

function judgeSnp(evidence: Evidence, fields: Record<string, unknown> = {}): Verdict {
  const policy = { platform: "snp", measurements: { measurement: MEASUREMENT } };
  return verifyEvidence(evidence, parsePolicy({ ...policy, roots: amd.rootsPem, ...fields }), {
    at: MADE_AT,
  });
}

function judgeTdx(evidence: Evidence, fields: Record<string, unknown> = {}): Verdict {
  const policy = { platform: "tdx", measurements: TD_MEASUREMENTS };
  return verifyEvidence(evidence, parsePolicy({ ...policy, roots: intel.rootPem, ...fields }), {
    at: MADE_AT,
  });
}

/** The evidence is genuine, and refused for this reason alone. */
function refusedFor(check: string, verdict: Verdict): void {
  deepStrictEqual(verdict.failures.map((failure) => failure.check), [check]);
  ok(verdict.genuine && !verdict.accepted);
  ok(verdict.checked.some((name) => name === check), `${check} is not listed as checked`);
}

function accepted(verdict: Verdict): void {
  deepStrictEqual(verdict.failures, []);
  ok(verdict.accepted);
}

Deno.test("an SNP report that meets its policy is accepted with what it binds", () => {
  const verdict = judgeSnp(snp(), {
    minimumTcb: { bootloader: 1, tee: 2, snp: 3, microcode: 4 },
    vmplMax: 0,
    hostData: "00".repeat(32),
  });
  accepted(verdict);
  deepStrictEqual(verdict.binding.functionChecksum, new Uint8Array(32).fill(3));
});

Deno.test("each demand of an SNP policy alone refuses a genuine report", () => {
  refusedFor("measurement", judgeSnp(snp({ 0x90: Uint8Array.of(0) })));
  refusedFor("debug", judgeSnp(snp({ 0x0a: Uint8Array.of(0x0b) })));
  refusedFor("migration-agent", judgeSnp(snp({ 0x0a: Uint8Array.of(0x07) })));
  refusedFor("vmpl", judgeSnp(snp({ 0x30: Uint8Array.of(2) })));
  refusedFor("vmpl", judgeSnp(snp({ 0x30: Uint8Array.of(1) }), { vmplMax: 0 }));
  refusedFor("host-data", judgeSnp(snp(), { hostData: "11".repeat(32) }));
  for (const part of ["bootloader", "tee", "snp", "microcode", "fmc"]) {
    refusedFor("tcb", judgeSnp(snp(), { minimumTcb: { [part]: 5 } }));
  }
});

Deno.test("an SNP policy may allow a migration agent and less privileged levels, never debug", () => {
  accepted(judgeSnp(snp({ 0x0a: Uint8Array.of(0x07) }), { allowMigrationAgent: true }));
  accepted(judgeSnp(snp({ 0x30: Uint8Array.of(3) }), { vmplMax: 3 }));
  throws(() => judgeSnp(snp(), { allowDebug: true }), FumataError);
});

Deno.test("each demand of a TDX policy alone refuses a genuine quote", () => {
  accepted(judgeTdx(tdx(), { minimumTeeTcbSvn: "06010300000000000000000000000000" }));
  refusedFor("measurement", judgeTdx(tdx({ 136: Uint8Array.of(0) })));
  for (const register of [0, 1, 2]) {
    refusedFor("measurement", judgeTdx(tdx({ [328 + 48 * register]: Uint8Array.of(0) })));
  }
  accepted(judgeTdx(tdx({ [328 + 48 * 3]: Uint8Array.of(0) })));
  // The whole byte is for debugging; bit 0 is the one that is defined.
  refusedFor("debug", judgeTdx(tdx({ 120: Uint8Array.of(1) })));
  refusedFor("debug", judgeTdx(tdx({ 120: Uint8Array.of(0x80) })));
  refusedFor("migration-agent", judgeTdx(tdx({ 123: Uint8Array.of(0x20) })));
  accepted(judgeTdx(tdx({ 123: Uint8Array.of(0x20) }), { allowMigrationAgent: true }));
  refusedFor("seam-attributes", judgeTdx(tdx({ 112: Uint8Array.of(1) })));
  refusedFor("mrsignerseam", judgeTdx(tdx({ 64: Uint8Array.of(1) })));
  refusedFor("tcb", judgeTdx(tdx(), { minimumTeeTcbSvn: "06010400000000000000000000000000" }));
});

Deno.test("a policy that requires collateral or a revocation list refuses without", () => {
  const tdxVerdict = judgeTdx(tdx(), { requireCollateral: true });
  deepStrictEqual(tdxVerdict.failures.map((failure) => failure.check), ["collateral"]);
  const snpVerdict = judgeSnp(snp(), { requireRevocationList: true });
  deepStrictEqual(snpVerdict.failures.map((failure) => failure.check), ["revocation"]);
});

Deno.test("every failure is reported, not the first, and each names the attack that it stops", () => {
  const verdict = judgeSnp(
    snp({ 0x0a: Uint8Array.of(0x0f), 0x30: Uint8Array.of(3), 0x90: Uint8Array.of(0) }),
    { hostData: "11".repeat(32), minimumTcb: { snp: 9 } },
  );
  deepStrictEqual(
    verdict.failures.map((failure) => failure.check),
    ["debug", "migration-agent", "vmpl", "tcb", "host-data", "measurement"],
  );
  const stale = verifyEvidence(
    { ...snp({ 0x90: Uint8Array.of(0) }), bound: new Uint8Array(1) },
    parsePolicy({
      platform: "snp",
      roots: amd.rootsPem,
      measurements: { measurement: MEASUREMENT },
    }),
    { at: new Date("2031-01-01T00:00:00Z"), revocationLists: [amd.revocationList([])] },
  );
  deepStrictEqual(
    [...new Set(stale.failures.map(({ layer, check }) => `${layer}: ${check}`))],
    [
      "structure: format",
      "signature: validity",
      "policy: revocation",
      "policy: measurement",
    ],
  );
  for (const { attack, message } of verdict.failures) ok(attack.length > 10 && message.length > 10);
});

Deno.test("evidence of one platform is refused by a policy for another", () => {
  const policy = parsePolicy({ platform: "nitro", measurements: "insecure-any-measurement" });
  const verdict = verifyEvidence(snp(), policy, { at: MADE_AT });
  deepStrictEqual(verdict.failures.map((failure) => failure.check), ["platform"]);
  ok(!verdict.genuine && !verdict.accepted);
});

Deno.test("a measurement may have several values, in either case of hex", () => {
  const values = ["00".repeat(48), MEASUREMENT.toUpperCase()];
  accepted(judgeSnp(snp(), { measurements: { measurement: values } }));
  refusedFor("measurement", judgeSnp(snp(), { measurements: { measurement: values[0] } }));
});

Deno.test("the policy made from evidence accepts that evidence and refuses other code", () => {
  for (const [judge, make] of [[judgeSnp, snp], [judgeTdx, tdx]] as const) {
    const any = { measurements: "insecure-any-measurement" };
    const verdict = judge(make(), any);
    const roots = make === snp ? amd.rootsPem : intel.rootPem;
    const policy = policyFromVerdict(
      verdict,
      parsePolicy({ platform: verdict.platform, ...any, roots }),
    );
    const reread = parsePolicy(JSON.parse(JSON.stringify(policy)));
    accepted(verifyEvidence(make(), reread, { at: MADE_AT }));
    const other = make({ [make === snp ? 0x90 : 136]: Uint8Array.of(0) });
    refusedFor("measurement", verifyEvidence(other, reread, { at: MADE_AT }));
  }
});

Deno.test("the policy made from evidence keeps every demand under which it was judged", () => {
  const rtmr3 = "c3".repeat(48);
  const demands = parsePolicy({
    platform: "tdx",
    roots: intel.rootPem,
    measurements: { ...TD_MEASUREMENTS, rtmr3 },
    allowMigrationAgent: true,
    requireCollateral: true,
    tcbStatuses: ["UpToDate", "SWHardeningNeeded"],
  });
  const made = policyFromVerdict(judgeTdx(tdx()), demands);
  deepStrictEqual(made, { ...demands, minimumTeeTcbSvn: "06010300000000000000000000000000" });
  const strict = parsePolicy({
    platform: "snp",
    roots: amd.rootsPem,
    measurements: "insecure-any-measurement",
    allowMigrationAgent: true,
    requireRevocationList: true,
  });
  deepStrictEqual(policyFromVerdict(judgeSnp(snp()), strict), {
    ...strict,
    measurements: { measurement: MEASUREMENT },
    minimumTcb: { bootloader: 1, tee: 2, snp: 3, microcode: 4 },
    vmplMax: 0,
  });
});

Deno.test("a policy that lacks, misspells or confuses something is refused with the field's name", () => {
  const any = { measurements: "insecure-any-measurement" };
  const refused: [unknown, RegExp][] = [
    [null, /not a JSON object/],
    [[], /not a JSON object/],
    [{ ...any }, /"platform"/],
    [{ platform: "sev", ...any }, /"platform"/],
    [{ platform: "nitro" }, /"measurements"/],
    [{ platform: "nitro", measurements: "any" }, /"measurements"/],
    [{ platform: "nitro", measurements: {} }, /lacks pcr0 or pcr8/],
    [{ platform: "nitro", measurements: { pcr1: MEASUREMENT } }, /lacks pcr0 or pcr8/],
    [{ platform: "nitro", measurements: { pcr0: "aa" } }, /"pcr0"/],
    [{ platform: "nitro", measurements: { pcr0: [] } }, /"pcr0"/],
    [{ platform: "nitro", measurements: { pcr32: MEASUREMENT } }, /"pcr32"/],
    [{ platform: "tdx", measurements: { mrtd: MEASUREMENT } }, /lacks mrtd and rtmr0/],
    [{ platform: "nitro", ...any, vmplMax: 0 }, /"vmplMax" is not a field/],
    [{ platform: "snp", ...any, vmplmax: 0 }, /"vmplmax" is not a field/],
    [{ platform: "snp", ...any, vmplMax: 4 }, /"vmplMax" has to be/],
    [{ platform: "snp", ...any, minimumTcb: { ucode: 1 } }, /unknown part "ucode"/],
    [{ platform: "snp", ...any, minimumTcb: { snp: 256 } }, /"snp"/],
    [{ platform: "snp", ...any, hostData: "00" }, /"hostData"/],
    [{ platform: "snp", ...any, allowMigrationAgent: 1 }, /"allowMigrationAgent"/],
    [{ platform: "tdx", ...any, minimumTeeTcbSvn: "00" }, /"minimumTeeTcbSvn"/],
    [{ platform: "tdx", ...any, tcbStatuses: ["Fine"] }, /"tcbStatuses"/],
    [{ platform: "sgx", ...any, minimumIsvSvn: -1 }, /"minimumIsvSvn"/],
    [{ platform: "nitro", ...any, roots: "" }, /"roots"/],
    [{ platform: "nitro", ...any, roots: "-----BEGIN CERTIFICATE-----" }, /"roots"/],
    [{ platform: "nitro", ...any, insecureSimulatedRoot: amd.arkPem }, /not a field/],
    [{ platform: "snp", ...any, roots: pemOf(amd.ask) }, /no root in it, only intermediates/],
    [{ platform: "simulated", ...any, insecureSimulatedRoot: amd.rootsPem }, /2 certificates/],
    [{ platform: "nitro", measurements: JSON.parse('{"__proto__":{"pcr0":"aa"}}') }, /__proto__/],
    [JSON.parse('{"__proto__":{"platform":"nitro"}}'), /"platform"/],
    [{ platform: "simulated", ...any }, /"insecureSimulatedRoot" is missing/],
    [{ platform: "simulated", ...any, roots: amd.arkPem }, /"roots" is not a field/],
  ];
  for (const [value, pattern] of refused) {
    throws(() => parsePolicy(value, "p.json"), (thrown) => {
      ok(thrown instanceof FumataError && thrown.code === "usage");
      match(thrown.message, /^Cannot use policy "p.json": /);
      match(thrown.message, pattern);
      return true;
    });
  }
});

Deno.test("an invalid time is a refusal", () => {
  const policy = parsePolicy({ platform: "snp", measurements: "insecure-any-measurement" });
  const verdict = verifyEvidence(snp(), policy, { at: new Date(NaN) });
  strictEqual(verdict.accepted, false);
  strictEqual(verdict.genuine, false);
});

Deno.test("the bound structure has the encoding and the hash that its header states", () => {
  const vector = encodeBound({
    nonce: new Uint8Array(16).fill(1),
    sessionKey: new Uint8Array(32).fill(2),
    functionChecksum: new Uint8Array(32).fill(3),
    certificateKid: "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ",
  });
  const expected = "8875" + "66756d6174612d7265706f72742d646174612d7631" + "50" + "01".repeat(16) +
    "5820" + "02".repeat(32) + "5820" + "03".repeat(32) + "5820" + "04".repeat(32) + "404040";
  deepStrictEqual(vector, fromHex(expected));
  deepStrictEqual(
    reportDataOf(vector),
    fromHex(
      "e4690fd5df1d9790d4289f25f3b3ab569e6bdd60f6e393f70901ce6354075e7f" +
        "38866afe5120be2965f772324f3d1dcb8c3960868f0fa380e1f1eb9d1d3adf64",
    ),
  );
});

Deno.test("the isolation ends the bound structure; one that nobody knows is malformed", () => {
  const before = encodeBound({ nonce: new Uint8Array(16).fill(1) });
  const vector = encodeBound({ nonce: new Uint8Array(16).fill(1), isolation: "quickjs" });
  deepStrictEqual(vector, Uint8Array.of(0x89, ...before.subarray(1), 0x67, ...utf8("quickjs")));
  const judge = (wrong: Uint8Array) =>
    judgeSnp({ ...snp(), document: amd.report(reportDataOf(wrong)), bound: wrong });
  deepStrictEqual(judge(vector).binding.isolation, "quickjs");
  const unknown = vector.slice();
  unknown[unknown.length - 1] ^= 1;
  deepStrictEqual(judge(unknown).failures.map(({ layer }) => layer), ["structure"]);
});

Deno.test("what travels beside a report counts only in its canonical form and under its hash", () => {
  const wrongs = {
    binding: encodeBound({ nonce: new Uint8Array(16).fill(9) }),
    // The same array with a two-byte head.
    format: Uint8Array.of(0x98, 8, ...bound.subarray(1)),
  };
  for (const [check, wrong] of Object.entries(wrongs)) {
    for (const document of [bound, wrong].map(reportDataOf)) {
      if (check === "binding" && document === reportDataOf(wrong)) continue;
      const report = amd.report(check === "binding" ? reportDataOf(bound) : document);
      const verdict = judgeSnp({ ...snp(), document: report, bound: wrong });
      deepStrictEqual(verdict.failures.map((failure) => failure.check), [check]);
      deepStrictEqual(verdict.binding, {});
      ok(!verdict.genuine);
    }
  }
});

Deno.test("a bound structure with a hash of another length is malformed", () => {
  for (const field of ["functionChecksum", "encryptionKeyChecksum"]) {
    const wrong = encodeBound({ [field]: new Uint8Array(31).fill(1) });
    const document = amd.report(reportDataOf(wrong));
    const verdict = judgeSnp({ ...snp(), document, bound: wrong });
    deepStrictEqual(verdict.failures.map(({ layer }) => layer), ["structure"]);
  }
});

Deno.test("a verifier that sent a nonce refuses a report without a bound structure", () => {
  const { bound: _bound, ...bare } = snp();
  const policy = parsePolicy({
    platform: "snp",
    measurements: { measurement: MEASUREMENT },
    roots: amd.rootsPem,
  });
  const verdict = verifyEvidence(bare, policy, { at: MADE_AT, nonce: new Uint8Array(16).fill(1) });
  deepStrictEqual(verdict.failures.map((failure) => failure.check), ["nonce", "binding"]);
});
