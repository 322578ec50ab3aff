/** TDX and SGX quotes and their collateral, by a self-made Intel: wrong in one thing alone. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  parsePolicy,
  type Platform,
  type Verdict,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { MADE_AT, type MadeIntel, makeIntel, type ReportChanges } from "./_makers.ts";
import { type CollateralChanges, type IntelOptions } from "./_intel_maker.ts";
import { vectorBytes, vectorTest } from "./_vectors.ts";

const intel = makeIntel();

function judge(
  platform: "tdx" | "sgx",
  document: Uint8Array,
  maker: MadeIntel = intel,
  fields: Record<string, unknown> = {},
  collateral?: string,
): Verdict {
  const policy = parsePolicy({
    platform,
    roots: maker.rootPem,
    measurements: "insecure-any-measurement",
    ...fields,
  });
  return verifyEvidence({ platform, document, endorsements: [] }, policy, {
    at: MADE_AT,
    collateral,
  });
}

function checksOf(verdict: Verdict): string[] {
  return verdict.failures.map(({ layer, check }) => `${layer}: ${check}`);
}

function madeWith(options: IntelOptions): string[] {
  const maker = makeIntel(options);
  return checksOf(judge("tdx", maker.quote(new Uint8Array(64)), maker));
}

function sgx(changes: ReportChanges = {}, fields: Record<string, unknown> = {}): string[] {
  return checksOf(judge("sgx", intel.sgxQuote(new Uint8Array(64), changes), intel, fields));
}

function collateral(changes: CollateralChanges = {}, fields: Record<string, unknown> = {}) {
  const document = intel.quote(new Uint8Array(64));
  return judge("tdx", document, intel, fields, intel.collateral(changes));
}

Deno.test("what nothing signs in a quote has one form only", () => {
  deepStrictEqual(madeWith({}), []);
  deepStrictEqual(madeWith({ pem: (text) => `${text}\0` }), []);
  deepStrictEqual(madeWith({ pem: (text) => `passenger${text}` }), ["structure: format"]);
  deepStrictEqual(madeWith({ pem: (text) => text.replace("-----\n-----", "-----\nx\n-----") }), [
    "structure: format",
  ]);
  deepStrictEqual(madeWith({ surplus: Uint8Array.of(0) }), ["structure: format"]);
  deepStrictEqual(madeWith({ fmspc: new Uint8Array(5) }), ["structure: format"]);
});

Deno.test("the quoting enclave has to be Intel's, of the right product, and not in debug mode", () => {
  deepStrictEqual(madeWith({ qeReport: { 128: Uint8Array.of(0) } }), ["policy: qe-identity"]);
  deepStrictEqual(madeWith({ qeReport: { 256: Uint8Array.of(1) } }), ["policy: qe-identity"]);
  deepStrictEqual(madeWith({ qeReport: { 48: Uint8Array.of(0x17) } }), ["policy: qe-identity"]);
  deepStrictEqual(madeWith({ qeReport: { 352: Uint8Array.of(1) } }), ["signature: qe-binding"]);
});

Deno.test("each demand of an SGX policy alone refuses a genuine quote", () => {
  const measurements = { mrenclave: "aa".repeat(32) };
  deepStrictEqual(sgx({}, { measurements, minimumIsvSvn: 7 }), []);
  deepStrictEqual(sgx({ 48: Uint8Array.of(7) }), ["policy: debug"]);
  deepStrictEqual(sgx({}, { minimumIsvSvn: 8 }), ["policy: tcb"]);
  deepStrictEqual(sgx({ 64: Uint8Array.of(0) }, { measurements }), ["policy: measurement"]);
  deepStrictEqual(sgx({}, { measurements: { mrsigner: "bb".repeat(32) } }), [
    "policy: measurement",
  ]);
});

vectorTest("a header or body descriptor that nobody specified is malformed", () => {
  const v5 = vectorBytes("tdx/v5-google-td15-2026.quote.bin");
  const broken = {
    "version 3": 0,
    "key type": 2,
    "TEE type": 4,
    vendor: 12,
    "body type": 48,
    size: 50,
  };
  for (const [what, at] of Object.entries(broken)) {
    const document = v5.with(at, v5[at] ^ (at === 0 ? 6 : 1));
    deepStrictEqual(checksOf(judge("tdx", document)), ["structure: format"], what);
  }
  for (const platform of ["nitro", "snp", "sgx"] as Platform[]) {
    const policy = parsePolicy({ platform, measurements: "insecure-any-measurement" });
    const evidence = { platform, document: v5, endorsements: [] };
    strictEqual(verifyEvidence(evidence, policy, { at: MADE_AT }).genuine, false);
  }
});

Deno.test("self-made collateral that says that all is well is accepted under its own root", () => {
  const verdict = collateral({}, { requireCollateral: true });
  deepStrictEqual(checksOf(verdict), []);
  strictEqual(verdict.facts.tcb_status, "UpToDate");
});

Deno.test("a certificate that any of Intel's lists names is refused, wherever it is used", () => {
  deepStrictEqual(checksOf(collateral({ revokedByCa: [3] })), ["signature: revocation"]);
  deepStrictEqual(checksOf(collateral({ revokedByRoot: [2] })), ["signature: revocation"]);
  // The signers of the collateral itself.
  deepStrictEqual(checksOf(collateral({ revokedByRoot: [4] })), ["signature: revocation"]);
  deepStrictEqual(checksOf(collateral({ revokedByRoot: [5] })), ["signature: revocation"]);
  deepStrictEqual(checksOf(collateral({ revokedByRoot: [99], revokedByCa: [2] })), []);
});

Deno.test("collateral is refused when another of Intel's certificates signed it", () => {
  const { failures } = collateral({ signerName: "Intel SGX PCK Certificate" });
  strictEqual(failures.length, 2);
  for (const { check, message } of failures) {
    strictEqual(check, "collateral");
    match(message, /is not signed by "Intel SGX TCB Signing"/);
  }
});

Deno.test("collateral counts from its issue to its next update, whatever its certificates say", () => {
  for (
    const fields of [
      { nextUpdate: "2026-01-10T11:59:59Z" },
      { issueDate: "2026-01-10T12:00:01Z" },
    ]
  ) {
    const verdict = collateral({ fields });
    deepStrictEqual(checksOf(verdict), ["policy: collateral", "policy: collateral"]);
    ok(verdict.genuine);
  }
  const bounds = { issueDate: MADE_AT.toISOString(), nextUpdate: MADE_AT.toISOString() };
  deepStrictEqual(checksOf(collateral({ fields: bounds })), []);
});
