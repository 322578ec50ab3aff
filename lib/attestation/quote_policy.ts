/** What a policy has against a genuine TDX or SGX quote, and what the quote says. */
import { equalBytes, fromHex, hex } from "../base/bytes.ts";
import { type Check, failure } from "./checks.ts";
import type { PckPlatform } from "./pck_format.ts";
import type { Quote, SgxReport, TdReport } from "./quote_format.ts";
import { isZero } from "./structure.ts";
import type { AttestationPolicy, Failure } from "./types.ts";

/** Who signed Intel's quoting enclaves, and which of the signer's enclaves they are. Pinned, so that it holds without collateral too. */
const QUOTING_ENCLAVES = {
  tdx: {
    mrsigner: fromHex("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5")!,
    isvProdId: 2,
  },
  sgx: {
    mrsigner: fromHex("8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff")!,
    isvProdId: 1,
  },
};

/** The checks of this layer for a policy, beside the common ones. */
export function quotePolicyChecks(policy: AttestationPolicy): Check[] {
  const common: Check[] = ["qe-identity", "debug"];
  if (policy.platform === "sgx") {
    return policy.minimumIsvSvn === undefined ? common : [...common, "tcb"];
  }
  return [
    ...common,
    "seam-attributes",
    "mrsignerseam",
    ...(policy.allowMigrationAgent ? [] : ["migration-agent" as const]),
    ...(policy.minimumTeeTcbSvn ? ["tcb" as const] : []),
  ];
}

/** What the policy has against the quote. */
export function judgeQuote(quote: Quote, policy: AttestationPolicy): Failure[] {
  return [
    ...judgeQuotingEnclave(quote),
    ...(quote.tee === "tdx" ? judgeTd(quote.body, policy) : judgeSgx(quote.body, policy)),
  ];
}

function judgeQuotingEnclave({ qeReport, tee }: Quote): Failure[] {
  const failures: Failure[] = [];
  const expected = QUOTING_ENCLAVES[tee];
  if (!equalBytes(qeReport.mrsigner, expected.mrsigner)) {
    failures.push(failure(
      "policy",
      "qe-identity",
      `the quoting enclave's signer is ${hex(qeReport.mrsigner)}, expected ${
        hex(expected.mrsigner)
      }`,
    ));
  }
  if (qeReport.isvProdId !== expected.isvProdId) {
    failures.push(failure(
      "policy",
      "qe-identity",
      `the quoting enclave is product ${qeReport.isvProdId}, expected ${expected.isvProdId}`,
    ));
  }
  if (qeReport.isDebug) {
    failures.push(failure("policy", "qe-identity", "the quoting enclave is in debug mode"));
  }
  return failures;
}

function judgeTd(td: TdReport, policy: AttestationPolicy): Failure[] {
  const failures: Failure[] = [];
  const refuse = (check: Check, message: string) =>
    failures.push(failure("policy", check, message));
  if (td.isDebug) refuse("debug", `the TD attributes are ${hex(td.tdAttributes)}: debug mode`);
  if (!isZero(td.seamAttributes)) {
    refuse("seam-attributes", `SEAMATTRIBUTES is ${hex(td.seamAttributes)}, expected zeros`);
  }
  if (!isZero(td.mrsignerseam)) {
    refuse("mrsignerseam", `MRSIGNERSEAM is ${hex(td.mrsignerseam)}, expected zeros`);
  }
  if (td.isMigratable && !policy.allowMigrationAgent) {
    refuse("migration-agent", "the TD attributes allow a migration (bit 29)");
  }
  const { minimumTeeTcbSvn } = policy;
  const least = minimumTeeTcbSvn === undefined ? undefined : fromHex(minimumTeeTcbSvn)!;
  if (least?.some((version, index) => td.teeTcbSvn[index] < version)) {
    refuse("tcb", `TEE_TCB_SVN is ${hex(td.teeTcbSvn)}, at least ${hex(least)} is wanted`);
  }
  return failures;
}

function judgeSgx(enclave: SgxReport, policy: AttestationPolicy): Failure[] {
  const failures: Failure[] = [];
  if (enclave.isDebug) {
    failures.push(failure("policy", "debug", "the enclave's attributes say debug mode"));
  }
  const least = policy.minimumIsvSvn ?? 0;
  if (enclave.isvSvn < least) {
    const message = `ISVSVN is ${enclave.isvSvn}, at least ${least} is wanted`;
    failures.push(failure("policy", "tcb", message));
  }
  return failures;
}

/** Measurements by their names in policies. */
export function quoteMeasurements(quote: Quote): Record<string, string> {
  if (quote.tee === "sgx") {
    return { mrenclave: hex(quote.body.mrenclave), mrsigner: hex(quote.body.mrsigner) };
  }
  const { mrtd, rtmrs, mrseam } = quote.body;
  return {
    mrtd: hex(mrtd),
    ...Object.fromEntries(rtmrs.map((register, index) => [`rtmr${index}`, hex(register)])),
    mrseam: hex(mrseam),
  };
}

/** What the quote says, for people. */
export function quoteFacts(
  quote: Quote,
  platform: PckPlatform | undefined,
): Record<string, unknown> {
  const { qeReport } = quote;
  return {
    version: quote.version,
    ...(quote.tee === "tdx" ? tdFacts(quote.body, quote) : sgxFacts(quote.body)),
    report_data: hex(quote.body.reportData),
    quote_bytes: quote.quoteBytes,
    bytes_after_quote: quote.bytesAfterQuote,
    qe: {
      mrsigner: hex(qeReport.mrsigner),
      isvprodid: qeReport.isvProdId,
      isvsvn: qeReport.isvSvn,
      attributes: hex(qeReport.attributes),
      auth_data_bytes: quote.qeAuthData.length,
    },
    pck: platform && {
      fmspc: platform.fmspc,
      pceid: platform.pceId,
      pcesvn: platform.pceSvn,
      sgx_tcb_components: platform.tcbComponents,
    },
  };
}

function tdFacts(td: TdReport, quote: Quote & { readonly tee: "tdx" }): Record<string, unknown> {
  return {
    ...(quote.version === 5 && { body_type: quote.bodyType }),
    tee_tcb_svn: hex(td.teeTcbSvn),
    mrseam: hex(td.mrseam),
    mrsignerseam: hex(td.mrsignerseam),
    seam_attr: hex(td.seamAttributes),
    td_attr: hex(td.tdAttributes),
    xfam: hex(td.xfam),
    mrconfigid: hex(td.mrconfigid),
    mrowner: hex(td.mrowner),
    mrownerconfig: hex(td.mrownerconfig),
    ...(td.teeTcbSvn2 && { tee_tcb_svn2: hex(td.teeTcbSvn2) }),
    ...(td.mrservicetd && { mrservicetd: hex(td.mrservicetd) }),
  };
}

function sgxFacts(enclave: SgxReport): Record<string, unknown> {
  return {
    attr: hex(enclave.attributes),
    isvprodid: enclave.isvProdId,
    isvsvn: enclave.isvSvn,
  };
}
