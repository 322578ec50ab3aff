/**
 * Verdicts and policies for people: what the evidence says, what was checked, the verdict; and a policy made from evidence that one
 * trusts.
 */
import { base64, hex } from "../base/bytes.ts";
import { ATTACKS, type Check } from "./checks.ts";
import { TCB_STATUSES_DEFAULT } from "./collateral_policy.ts";
import { VMPL_MAX_DEFAULT } from "./snp_policy.ts";
import {
  type AttestationPolicy,
  type Binding,
  INSECURE_ANY_MEASUREMENT,
  type Platform,
  type SnpMinimumTcb,
  type Verdict,
} from "./types.ts";

/** Names of platforms for people. The simulated one says what it is. */
export const PLATFORM_NAMES: Readonly<Record<Platform, string>> = {
  simulated: "SIMULATED TEE (no hardware protection)",
  nitro: "AWS Nitro Enclaves",
  snp: "AMD SEV-SNP",
  tdx: "Intel TDX",
  sgx: "Intel SGX",
};

/** Measurements as lines of name and hex, aligned: what to pin. */
export function formatMeasurements(measurements: Readonly<Record<string, string>>): string {
  return alignedLines(Object.entries(measurements));
}

/** The whole report of a verdict, for a terminal. `policy` is `undefined` when the verifier was told none. */
export function formatVerdict(
  verdict: Verdict,
  policy: AttestationPolicy | undefined,
  at: Date,
): string {
  const anyCode = policy?.measurements === INSECURE_ANY_MEASUREMENT;
  const outcome = verdict.accepted
    ? `accepted${anyCode ? ", whatever code it is (insecure-any-measurement)" : ""}`
    : `${verdict.genuine ? "genuine, but refused" : "refused"}: ${
      new Set(verdict.failures.map((failure) => failure.check)).size
    } of ${new Set(verdict.checked).size} checks failed`;
  const trust = verdict.genuine ? "" : " (not genuine: claims of an unknown author)";
  return [
    `evidence: ${PLATFORM_NAMES[verdict.platform]}${trust}`,
    indented(
      alignedLines(Object.entries(verdict.facts).flatMap(([name, fact]) => factLines(name, fact))),
    ),
    `measurements`,
    indented(formatMeasurements(verdict.measurements)),
    `binds`,
    indented(alignedLines(Object.entries(describeBinding(verdict.binding)))),
    `policy`,
    indented(policy ? alignedLines(Object.entries(describePolicy(policy))) : "none was given"),
    `checks at ${at.toISOString()}`,
    indented(formatChecks(verdict)),
    `verdict: ${outcome}`,
  ].filter((part) => part !== "").join("\n") + "\n";
}

/**
 * The checks that were not made because the verifier was given nothing to compare with. Empty for malformed evidence, where nothing was
 * compared at all.
 */
export function uncheckedOf(verdict: Verdict): Check[] {
  if (verdict.failures.some(({ layer }) => layer === "structure")) return [];
  return [...ASKED_CHECKS, ...PLATFORM_ASKED_CHECKS[verdict.platform]]
    .filter((check) => !verdict.checked.includes(check));
}

/** What a verifier has to be given, whatever the TEE is. */
const ASKED_CHECKS: readonly Check[] = [
  "measurement",
  "nonce",
  "binding",
  "function-checksum",
  "certificate-key",
  "isolation",
];
const PLATFORM_ASKED_CHECKS: Readonly<Record<Platform, readonly Check[]>> = {
  simulated: [],
  nitro: [],
  snp: ["host-data", "revocation"],
  tdx: ["collateral", "revocation", "tcb"],
  sgx: ["collateral", "revocation", "tcb"],
};

/** What a binding holds, as texts. */
export function describeBinding(binding: Binding): Record<string, string> {
  const { certificateKid, isolation, ...bytes } = binding;
  const entries = Object.entries(bytes).map(([name, value]) => [
    name,
    name === "functionChecksum" ? hex(value as Uint8Array) : base64(value as Uint8Array),
  ]);
  const texts = { ...(certificateKid && { certificateKid }), ...(isolation && { isolation }) };
  return { ...Object.fromEntries(entries), ...texts };
}

/** Every demand of a policy, defaults included: a verifier is told back what it asked for. */
export function describePolicy(policy: AttestationPolicy): Record<string, string> {
  const { platform, measurements } = policy;
  const common = {
    platform: PLATFORM_NAMES[platform],
    roots: policy.insecureSimulatedRoot
      ? "the pinned simulated root (insecure)"
      : policy.roots
      ? "those that the policy brings"
      : platform === "simulated"
      ? "none"
      : "the maker's, built in",
    measurements: measurements === INSECURE_ANY_MEASUREMENT
      ? INSECURE_ANY_MEASUREMENT
      : Object.keys(measurements).join(", "),
    debug: "refused",
    isolation: policy.isolation?.join(", ") ?? "any",
  };
  switch (platform) {
    case "simulated":
    case "nitro":
      return common;
    case "snp":
      return {
        ...common,
        minimumTcb: Object.entries(policy.minimumTcb ?? {})
          .map(([part, least]) => `${part} ${least}`).join(", ") || "none",
        vmplMax: String(policy.vmplMax ?? VMPL_MAX_DEFAULT),
        migrationAgent: policy.allowMigrationAgent ? "allowed" : "refused",
        hostData: policy.hostData ?? "any",
        revocationList: policy.requireRevocationList ? "required" : "optional",
      };
    case "tdx":
      return {
        ...common,
        minimumTeeTcbSvn: policy.minimumTeeTcbSvn ?? "none",
        migration: policy.allowMigrationAgent ? "allowed" : "refused",
        ...collateralDemands(policy),
      };
    case "sgx":
      return {
        ...common,
        minimumIsvSvn: String(policy.minimumIsvSvn ?? 0),
        ...collateralDemands(policy),
      };
    default:
      return platform satisfies never;
  }
}

/**
 * The policy that demands what this evidence shows: the same code, isolated in the same way, at least the same firmware, and whatever `policy`, under which it was
 * judged, demands besides. To be made from evidence that was accepted, of an enclave that one trusts for other reasons. Registers that
 * differ between machines (PCR3, PCR4) or grow (RTMR3) are left out unless `policy` names them.
 */
export function policyFromVerdict(verdict: Verdict, policy: AttestationPolicy): AttestationPolicy {
  const { platform, facts, binding: { isolation } } = verdict;
  const named = typeof policy.measurements === "string" ? [] : Object.keys(policy.measurements);
  const measurements = measurementsToPin(platform, verdict.measurements, named);
  const demands = {
    ...policy,
    platform,
    measurements,
    ...(isolation && { isolation: [isolation] }),
  };
  switch (platform) {
    case "simulated":
    case "nitro":
      return demands;
    case "snp":
      return {
        ...demands,
        minimumTcb: facts.reported_tcb_parts as SnpMinimumTcb,
        vmplMax: facts.vmpl as number,
        ...(/[1-9a-f]/.test(String(facts.host_data)) && { hostData: String(facts.host_data) }),
      };
    case "tdx":
      return { ...demands, minimumTeeTcbSvn: String(facts.tee_tcb_svn) };
    case "sgx":
      return { ...demands, minimumIsvSvn: facts.isvsvn as number };
    default:
      return platform satisfies never;
  }
}

/** Those of the measurements that stand for the code, and those named besides: what a policy pins. */
export function measurementsToPin(
  platform: Platform,
  measurements: Readonly<Record<string, string>>,
  named: readonly string[] = [],
): Record<string, string> {
  const names = new Set([...CODE_MEASUREMENTS[platform], ...named]);
  return Object.fromEntries(Object.entries(measurements).filter(([name]) => names.has(name)));
}

/** The measurements that stand for the code; `pcr8`, the signer of an image, where there is one. */
const CODE_MEASUREMENTS: Readonly<Record<Platform, readonly string[]>> = {
  simulated: ["pcr0", "pcr1", "pcr2"],
  nitro: ["pcr0", "pcr1", "pcr2", "pcr8"],
  snp: ["measurement"],
  tdx: ["mrtd", "rtmr0", "rtmr1", "rtmr2"],
  sgx: ["mrenclave"],
};

function collateralDemands(policy: AttestationPolicy): Record<string, string> {
  return {
    collateral: policy.requireCollateral ? "required" : "optional",
    tcbStatuses: (policy.tcbStatuses ?? TCB_STATUSES_DEFAULT).join(", "),
  };
}

function formatChecks(verdict: Verdict): string {
  const checks = new Set([
    ...verdict.checked,
    ...verdict.failures.map((failure) => failure.check),
  ]);
  const lines = [...checks].flatMap((check) => {
    const failures = verdict.failures.filter((failure) => failure.check === check);
    return failures.length === 0 ? [`ok      ${check}`] : failures.flatMap((failure) => [
      `FAILED  ${check}: ${failure.message}`,
      `        stops ${failure.attack}`,
    ]);
  });
  const skipped = uncheckedOf(verdict)
    .map((check) =>
      `skipped ${check}: nothing was given to compare with; would stop ${ATTACKS[check]}`
    );
  return [...lines, ...skipped].join("\n");
}

function alignedLines(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function indented(text: string): string {
  return text === "" ? "  nothing" : text.split("\n").map((line) => `  ${line}`).join("\n");
}

/** A list of texts has a line each; everything else one line. */
function factLines(name: string, value: unknown): [string, string][] {
  if (!Array.isArray(value) || typeof value[0] !== "string") return [[name, plain(value)]];
  return value.map((item, index) => [index === 0 ? name : "", plain(item)]);
}

/** A fact in one line. Texts come from strangers: what a terminal could obey is replaced. */
function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map(plain).join(" ");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([name, item]) => `${name} ${plain(item)}`).join(", ");
  }
  return String(value).replaceAll(/[^\x20-\x7e]/g, "?");
}
