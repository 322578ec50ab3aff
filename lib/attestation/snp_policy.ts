/** What a policy has against a genuine SEV-SNP report, and what the report says. */
import { equalBytes, fromHex, hex } from "../base/bytes.ts";
import { type Check, failure } from "./checks.ts";
import {
  parseSnpTcb,
  productOfCpuid,
  signingKeyName,
  type SnpEndorsement,
  type SnpReport,
  type SnpTcb,
} from "./snp_format.ts";
import type { AttestationPolicy, Failure, SnpMinimumTcb } from "./types.ts";

/** The least privileged VMPL that is accepted unless a policy says otherwise: kernels run at 0, or at 1 below an SVSM or paravisor. */
export const VMPL_MAX_DEFAULT = 1;

/** The checks of this layer for a policy, beside the common ones. */
export function snpPolicyChecks(policy: AttestationPolicy): Check[] {
  return [
    "debug",
    ...(policy.allowMigrationAgent ? [] : ["migration-agent" as const]),
    "vmpl",
    ...(policy.minimumTcb ? ["tcb" as const] : []),
    ...(policy.hostData ? ["host-data" as const] : []),
  ];
}

/** What the policy has against the report. `listsApplied` counts the revocation lists that were for its chain. */
export function judgeSnp(
  report: SnpReport,
  endorsement: SnpEndorsement,
  policy: AttestationPolicy,
  listsApplied: number,
): Failure[] {
  const failures: Failure[] = [];
  const refuse = (check: Check, message: string) =>
    failures.push(failure("policy", check, message));
  if (report.isDebug) refuse("debug", "the guest policy allows the host to debug (bit 19)");
  if (report.allowsMigrationAgent && !policy.allowMigrationAgent) {
    refuse("migration-agent", "the guest policy allows a migration agent (bit 18)");
  }
  const vmplMax = policy.vmplMax ?? VMPL_MAX_DEFAULT;
  if (report.vmpl > vmplMax) {
    refuse(
      "vmpl",
      `the report was asked for from VMPL ${report.vmpl}, at most ${vmplMax} is wanted`,
    );
  }
  const tcb = parseSnpTcb(report.reportedTcb, endorsement.product);
  for (const part of lowParts(tcb, policy.minimumTcb)) refuse("tcb", part);
  if (policy.hostData && !equalBytes(report.hostData, fromHex(policy.hostData)!)) {
    refuse("host-data", `HOST_DATA is ${hex(report.hostData)}, expected ${policy.hostData}`);
  }
  if (policy.requireRevocationList && listsApplied === 0) {
    refuse("revocation", "no revocation list for this chain was given, one is wanted");
  }
  return failures;
}

function lowParts(tcb: SnpTcb, minimum: SnpMinimumTcb | undefined): string[] {
  const messages: string[] = [];
  for (const [name, least] of Object.entries(minimum ?? {})) {
    const actual = tcb[name as keyof SnpTcb];
    if (actual === undefined || actual < least) {
      messages.push(
        `the TCB version of ${name} is ${actual ?? "not there"}, at least ${least} is wanted`,
      );
    }
  }
  return messages;
}

/** The measurement by its name in policies. */
export function snpMeasurements(report: SnpReport): Record<string, string> {
  return { measurement: hex(report.measurement) };
}

/** What the report says, for people. Without an endorsement the line of the processor is known from reports of version 3 on. */
export function snpFacts(
  report: SnpReport,
  endorsement?: SnpEndorsement,
): Record<string, unknown> {
  const product = endorsement?.product ?? (report.cpuid && productOfCpuid(report.cpuid));
  return {
    version: report.version,
    ...(product && { product }),
    signing_key: endorsement?.kind ?? signingKeyName(report),
    chip_id: hex(report.chipId),
    guest_svn: report.guestSvn,
    policy: `0x${report.policy.toString(16)}`,
    debug: report.isDebug,
    migrate_ma: report.allowsMigrationAgent,
    vmpl: report.vmpl,
    platform_info: `0x${report.platformInfo.toString(16)}`,
    ...(product && { reported_tcb_parts: parseSnpTcb(report.reportedTcb, product) }),
    current_tcb: hex(report.currentTcb),
    reported_tcb: hex(report.reportedTcb),
    committed_tcb: hex(report.committedTcb),
    launch_tcb: hex(report.launchTcb),
    report_data: hex(report.reportData),
    host_data: hex(report.hostData),
    report_id: hex(report.reportId),
  };
}
