/**
 * What genuine collateral says about a quote's platform, TDX module and quoting enclave, after Intel's "Quote Verification Library": TCB
 * levels in order, the first whose versions are all reached; the worst status counts.
 */
import { equalBytes, hex } from "../base/bytes.ts";
import { failure } from "./checks.ts";
import type {
  Collateral,
  EnclaveTcbLevel,
  QeIdentity,
  TcbInfo,
  TcbLevel,
} from "./collateral_format.ts";
import type { PckPlatform } from "./pck_format.ts";
import { TCB_STATUSES } from "./policy_format.ts";
import type { Quote, SgxReport, TdReport } from "./quote_format.ts";
import type { AttestationPolicy, Failure } from "./types.ts";

/** Statuses that are accepted unless a policy says otherwise. */
export const TCB_STATUSES_DEFAULT: readonly string[] = ["UpToDate"];

/** What collateral says, and what the policy has against it. */
export interface CollateralFindings {
  readonly failures: readonly Failure[];
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Judges a quote by collateral that has been verified. */
export function judgeCollateral(
  collateral: Collateral,
  quote: Quote,
  platform: PckPlatform,
  policy: AttestationPolicy,
): CollateralFindings {
  const failures: Failure[] = [];
  const refuse = (message: string) => failures.push(failure("policy", "collateral", message));
  const { tcbInfo, qeIdentity } = collateral;
  const wanted = quote.tee === "tdx" ? { info: "TDX", qe: "TD_QE" } : { info: "SGX", qe: "QE" };
  if (tcbInfo.id !== wanted.info || qeIdentity.id !== wanted.qe) {
    refuse(`it is for ${tcbInfo.id} and ${qeIdentity.id}, not for ${wanted.info} and ${wanted.qe}`);
  }
  if (tcbInfo.fmspc !== platform.fmspc || tcbInfo.pceId !== platform.pceId) {
    refuse(
      `it is for FMSPC ${tcbInfo.fmspc} and PCE ${tcbInfo.pceId}, ` +
        `the platform has ${platform.fmspc} and ${platform.pceId}`,
    );
  }
  for (const problem of quotingEnclaveProblems(quote.qeReport, qeIdentity)) refuse(problem);
  const levels: (TcbLevel | undefined)[] = [
    platformLevel(tcbInfo, platform, quote),
    enclaveLevel(qeIdentity.levels, quote.qeReport.isvSvn),
  ];
  if (quote.tee === "tdx") {
    const module = moduleFindings(tcbInfo, quote.body);
    if (module.problem) refuse(module.problem);
    if (module.levels) levels.push(enclaveLevel(module.levels, quote.body.teeTcbSvn[0]));
  }
  const status = worstStatus(levels.map((level) => level?.status));
  const advisories = [...new Set(levels.flatMap((level) => level?.advisories ?? []))];
  const accepted = policy.tcbStatuses ?? TCB_STATUSES_DEFAULT;
  if (!accepted.includes(status)) {
    const why = advisories.length > 0 ? ` (${advisories.join(", ")})` : "";
    failures.push(failure(
      "policy",
      "tcb",
      `the TCB status is ${status}${why}, accepted are ${accepted.join(", ") || "none"}`,
    ));
  }
  return { failures, facts: { tcb_status: status, advisories } };
}

function platformLevel(info: TcbInfo, platform: PckPlatform, quote: Quote): TcbLevel | undefined {
  const tdSvn = quote.tee === "tdx" ? quote.body.teeTcbSvn : undefined;
  // From module version 1 on, the first two components are the module's, which has levels of its own.
  const tdStart = tdSvn && tdSvn[1] > 0 ? 2 : 0;
  return info.levels.find((level) =>
    level.sgxComponents.every((svn, index) => platform.tcbComponents[index] >= svn) &&
    platform.pceSvn >= level.pceSvn &&
    (!tdSvn ||
      (level.tdxComponents !== undefined &&
        level.tdxComponents.every((svn, index) => index < tdStart || tdSvn[index] >= svn)))
  );
}

function enclaveLevel(
  levels: readonly EnclaveTcbLevel[],
  isvSvn: number,
): EnclaveTcbLevel | undefined {
  return levels.find((level) => isvSvn >= level.isvSvn);
}

function moduleFindings(
  info: TcbInfo,
  td: TdReport,
): { readonly problem?: string; readonly levels?: readonly EnclaveTcbLevel[] } {
  const version = td.teeTcbSvn[1];
  const id = version === 0 ? undefined : `TDX_${hex(Uint8Array.of(version)).toUpperCase()}`;
  const module = info.modules.find((item) => item.id === id);
  if (!module) return { problem: `it has no TDX module ${id ?? "of version 0"}` };
  const matches = equalBytes(module.mrsigner, td.mrsignerseam) &&
    equalsMasked(td.seamAttributes, module.attributes, module.attributesMask);
  return {
    ...(!matches && { problem: "signer or attributes of the TDX module are others" }),
    ...(id !== undefined && { levels: module.levels }),
  };
}

function quotingEnclaveProblems(report: SgxReport, identity: QeIdentity): string[] {
  const matches: readonly (readonly [string, boolean])[] = [
    ["signer", equalBytes(report.mrsigner, identity.mrsigner)],
    ["product", report.isvProdId === identity.isvProdId],
    [
      "MISCSELECT",
      // Numbers, written in hex with the highest byte first; reports have the lowest first.
      equalsMasked(
        report.miscSelect,
        identity.miscSelect.toReversed(),
        identity.miscSelectMask.toReversed(),
      ),
    ],
    ["attributes", equalsMasked(report.attributes, identity.attributes, identity.attributesMask)],
  ];
  return matches.filter(([, holds]) => !holds)
    .map(([name]) => `the quoting enclave's ${name} differs`);
}

function equalsMasked(actual: Uint8Array, expected: Uint8Array, mask: Uint8Array): boolean {
  return actual.length === expected.length && actual.length === mask.length &&
    actual.every((byte, index) => (byte & mask[index]) === (expected[index] & mask[index]));
}

/** The worst of several; out of date and in need of configuration add up. What matches no level is revoked. */
function worstStatus(statuses: readonly (string | undefined)[]): string {
  const ranks = statuses.map((status) => TCB_STATUSES.indexOf(status ?? "Revoked"));
  if (ranks.includes(-1)) return "Revoked";
  const worst = TCB_STATUSES[Math.max(...ranks)];
  const needsConfiguration = statuses.some((status) => status?.startsWith("Configuration"));
  return worst === "OutOfDate" && needsConfiguration ? "OutOfDateConfigurationNeeded" : worst;
}
