/** What collateral says about a platform, version by version: real collateral, changed before it is judged and without its signatures. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import {
  type Collateral,
  parseCollateral,
  type PlatformTcbLevel,
} from "../../lib/attestation/collateral_format.ts";
import { judgeCollateral } from "../../lib/attestation/collateral_policy.ts";
import { parseQuote, type Quote } from "../../lib/attestation/quote_format.ts";
import { platformOf } from "../../lib/attestation/quote_signature.ts";
import { parsePolicy } from "../../lib/attestation/mod.ts";
import { vectorBytes, vectorTest, vectorText } from "./_vectors.ts";

type Changes = {
  readonly info?: Partial<Collateral["tcbInfo"]>;
  readonly qe?: Partial<Collateral["qeIdentity"]>;
  readonly statuses?: readonly string[];
};

/** A real platform whose TDX module is of version 1, `TDX_01` in collateral. */
function realQuote(): Quote & { readonly tee: "tdx" } {
  return parseQuote(vectorBytes("tdx/v4-phala-2025.quote.bin"), "tdx") as never;
}

function realCollateral(): Collateral {
  return parseCollateral(vectorText("tdx/v4-phala-2025.collateral.json"));
}

function judge(changes: Changes) {
  const quote = realQuote();
  const real = realCollateral();
  const collateral = {
    ...real,
    tcbInfo: { ...real.tcbInfo, ...changes.info },
    qeIdentity: { ...real.qeIdentity, ...changes.qe },
  };
  const policy = parsePolicy({
    platform: "tdx",
    measurements: "insecure-any-measurement",
    ...(changes.statuses && { tcbStatuses: changes.statuses }),
  });
  return judgeCollateral(collateral, quote, platformOf(quote)!, policy);
}

function statusOf(changes: Changes): unknown {
  return judge(changes).facts.tcb_status;
}

function problemsOf(changes: Changes): string[] {
  return judge(changes).failures.map(({ message }) => message);
}

/** The level that the platform reaches exactly. */
function exactLevel(): PlatformTcbLevel {
  const quote = realQuote();
  const { tcbComponents, pceSvn } = platformOf(quote)!;
  return {
    status: "UpToDate",
    advisories: [],
    sgxComponents: tcbComponents,
    tdxComponents: [...quote.body.teeTcbSvn],
    pceSvn,
  };
}

vectorTest("a level counts only when every single version of it is reached", () => {
  const level = exactLevel();
  strictEqual(statusOf({ info: { levels: [level] } }), "UpToDate");
  const raised = (values: readonly number[], at: number) =>
    values.map((value, index) => index === at ? value + 1 : value);
  for (let at = 0; at < 16; at++) {
    const sgx = { ...level, sgxComponents: raised(level.sgxComponents, at) };
    strictEqual(statusOf({ info: { levels: [sgx] } }), "Revoked", `SGX component ${at}`);
    const tdx = { ...level, tdxComponents: raised(level.tdxComponents!, at) };
    // The first two are the module's, which is judged by levels of its own.
    strictEqual(
      statusOf({ info: { levels: [tdx] } }),
      at < 2 ? "UpToDate" : "Revoked",
      `TDX component ${at}`,
    );
  }
  strictEqual(statusOf({ info: { levels: [{ ...level, pceSvn: level.pceSvn + 1 }] } }), "Revoked");
  const { tdxComponents: _left, ...sgxOnly } = level;
  strictEqual(statusOf({ info: { levels: [sgxOnly] } }), "Revoked");
  strictEqual(statusOf({ info: { levels: [] } }), "Revoked");
});

vectorTest("the first level that is reached decides, in the order that Intel signed", () => {
  const level = exactLevel();
  const old = { ...level, status: "OutOfDate", advisories: ["INTEL-SA-1"] };
  strictEqual(statusOf({ info: { levels: [level, old] } }), "UpToDate");
  const { failures, facts } = judge({ info: { levels: [old, level] } });
  deepStrictEqual(facts, { tcb_status: "OutOfDate", advisories: ["INTEL-SA-1"] });
  match(failures[0].message, /OutOfDate \(INTEL-SA-1\), accepted are UpToDate/);
});

vectorTest("the worst status of platform, module and quoting enclave counts", () => {
  const level = exactLevel();
  const isvSvn = 0;
  const withStatuses = (platform: string, module: string, qe: string) => {
    const { modules } = realCollateral().tcbInfo;
    return statusOf({
      info: {
        levels: [{ ...level, status: platform }],
        modules: modules.map((item) => ({
          ...item,
          levels: [{ status: module, advisories: [], isvSvn }],
        })),
      },
      qe: { levels: [{ status: qe, advisories: [], isvSvn }] },
    });
  };
  const expected: [string, string, string, string][] = [
    ["UpToDate", "UpToDate", "UpToDate", "UpToDate"],
    ["UpToDate", "OutOfDate", "UpToDate", "OutOfDate"],
    ["UpToDate", "UpToDate", "OutOfDate", "OutOfDate"],
    ["SWHardeningNeeded", "UpToDate", "UpToDate", "SWHardeningNeeded"],
    ["SWHardeningNeeded", "OutOfDate", "UpToDate", "OutOfDate"],
    ["ConfigurationNeeded", "UpToDate", "OutOfDate", "OutOfDateConfigurationNeeded"],
    [
      "ConfigurationAndSWHardeningNeeded",
      "OutOfDate",
      "UpToDate",
      "OutOfDateConfigurationNeeded",
    ],
    ["UpToDate", "Revoked", "UpToDate", "Revoked"],
    ["UpToDate", "UpToDate", "a status of next year", "Revoked"],
  ];
  for (const [platform, module, qe, status] of expected) {
    strictEqual(withStatuses(platform, module, qe), status, `${platform}, ${module}, ${qe}`);
  }
});

vectorTest("module and quoting enclave have to reach a level of their own", () => {
  const level = { status: "UpToDate", advisories: [] };
  const { isvSvn } = realQuote().qeReport;
  strictEqual(statusOf({ qe: { levels: [{ ...level, isvSvn }] } }), "UpToDate");
  strictEqual(statusOf({ qe: { levels: [{ ...level, isvSvn: isvSvn + 1 }] } }), "Revoked");
  strictEqual(statusOf({ qe: { levels: [] } }), "Revoked");
  const { modules } = realCollateral().tcbInfo;
  const version = realQuote().body.teeTcbSvn[0];
  const moduleAt = (isvSvn: number) =>
    statusOf({
      info: { modules: modules.map((item) => ({ ...item, levels: [{ ...level, isvSvn }] })) },
    });
  strictEqual(moduleAt(version), "UpToDate");
  strictEqual(moduleAt(version + 1), "Revoked");
  deepStrictEqual(problemsOf({ info: { modules: modules.filter(({ id }) => id !== "TDX_01") } }), [
    "it has no TDX module TDX_01",
  ]);
});

vectorTest("collateral for another platform, module or quoting enclave is refused by name", () => {
  const { modules } = realCollateral().tcbInfo;
  const one = (length: number) => new Uint8Array(length).fill(1);
  const changed: [Changes, RegExp][] = [
    [{ info: { id: "SGX" } }, /it is for SGX and TD_QE/],
    [{ qe: { id: "QE" } }, /it is for TDX and QE/],
    [{ info: { fmspc: "00a067110000" } }, /FMSPC 00a067110000/],
    [{ info: { pceId: "0001" } }, /PCE 0001/],
    [{ qe: { mrsigner: one(32) } }, /signer differs/],
    [{ qe: { isvProdId: 9 } }, /product differs/],
    [{ qe: { miscSelect: one(4) } }, /MISCSELECT differs/],
    [{ qe: { attributes: one(16).fill(2) } }, /attributes differs/],
    [{ qe: { attributesMask: one(15) } }, /attributes differs/],
    [{ info: { modules: modules.map((item) => ({ ...item, mrsigner: one(48) })) } }, /signer or/],
    [{ info: { modules: modules.map((item) => ({ ...item, attributes: one(8) })) } }, /attributes/],
  ];
  for (const [change, pattern] of changed) {
    const problems = problemsOf(change);
    strictEqual(problems.length, 1, problems.join("; "));
    match(problems[0], pattern);
  }
  deepStrictEqual(problemsOf({}), []);
});
