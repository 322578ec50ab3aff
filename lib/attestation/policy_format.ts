/**
 * Policies as JSON: what a verifier has to be told about one TEE. Unknown fields and fields of another platform are refused, so that a
 * misspelt demand is never silently dropped; `measurements` is mandatory and has to be complete.
 *
 * | platform | measurements | of which mandatory | other fields |
 * |---|---|---|---|
 * | nitro | `pcr0` … `pcr31` | `pcr0` or `pcr8` | `roots` |
 * | simulated | `pcr0` … `pcr31` | `pcr0` | `insecureSimulatedRoot` (mandatory) |
 * | snp | `measurement` | `measurement` | `roots`, `minimumTcb`, `vmplMax`, `allowMigrationAgent`, `hostData`, `requireRevocationList` |
 * | tdx | `mrtd`, `rtmr0` … `rtmr3`, `mrseam` | `mrtd`, `rtmr0`, `rtmr1`, `rtmr2` | `roots`, `minimumTeeTcbSvn`, `allowMigrationAgent`, `requireCollateral`, `tcbStatuses` |
 * | sgx | `mrenclave`, `mrsigner` | one of them | `roots`, `minimumIsvSvn`, `requireCollateral`, `tcbStatuses` |
 *
 * `isolation`, for every platform, lists what may keep a function from the rest of the enclave (see `types.ts`).
 *
 * Each measurement is a hex text or an array of several. In place of all of them the text `insecure-any-measurement` accepts any code.
 * Debug mode cannot be allowed. `rtmr3` grows while a guest runs, which is why it is optional.
 *
 * @example
 * ```json
 * { "platform": "snp", "measurements": { "measurement": "a1f3…" }, "minimumTcb": { "snp": 23, "microcode": 213 }, "vmplMax": 0 }
 * ```
 */
import { fromHex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import { parsePemCertificates, PEM_CERTIFICATES_MAX } from "./certificate_format.ts";
import { isSelfIssued } from "./roots.ts";
import { Malformed, structured } from "./structure.ts";
import {
  type AttestationPolicy,
  INSECURE_ANY_MEASUREMENT,
  ISOLATIONS,
  type Platform,
  PLATFORMS,
} from "./types.ts";

/** Values that one measurement may list: versions in service at one time. */
const VALUES_MAX = 64;

const PCR_BYTES = [32, 48, 64];
const PCR_NAMES = Array.from({ length: 32 }, (_, index) => `pcr${index}`);
const COMMON_FIELDS = ["platform", "measurements", "isolation"];

/** What a policy for each platform may and must say. */
const RULES: Readonly<
  Record<Platform, {
    readonly fields: readonly string[];
    readonly names: readonly string[];
    /** Sets of names of which one has to be there in full. */
    readonly mandatory: readonly (readonly string[])[];
    readonly bytes: readonly number[];
  }>
> = {
  simulated: {
    fields: ["insecureSimulatedRoot"],
    names: PCR_NAMES,
    mandatory: [["pcr0"]],
    bytes: PCR_BYTES,
  },
  nitro: {
    fields: ["roots"],
    names: PCR_NAMES,
    mandatory: [["pcr0"], ["pcr8"]],
    bytes: PCR_BYTES,
  },
  snp: {
    fields: [
      "roots",
      "minimumTcb",
      "vmplMax",
      "allowMigrationAgent",
      "hostData",
      "requireRevocationList",
    ],
    names: ["measurement"],
    mandatory: [["measurement"]],
    bytes: [48],
  },
  tdx: {
    fields: [
      "roots",
      "minimumTeeTcbSvn",
      "allowMigrationAgent",
      "requireCollateral",
      "tcbStatuses",
    ],
    names: ["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "mrseam"],
    mandatory: [["mrtd", "rtmr0", "rtmr1", "rtmr2"]],
    bytes: [48],
  },
  sgx: {
    fields: ["roots", "minimumIsvSvn", "requireCollateral", "tcbStatuses"],
    names: ["mrenclave", "mrsigner"],
    mandatory: [["mrenclave"], ["mrsigner"]],
    bytes: [32],
  },
};

const SNP_TCB_PARTS = ["fmc", "bootloader", "tee", "snp", "microcode"];

/** TCB statuses that Intel's collateral gives, best first. */
export const TCB_STATUSES: readonly string[] = [
  "UpToDate",
  "SWHardeningNeeded",
  "ConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
  "OutOfDate",
  "OutOfDateConfigurationNeeded",
  "Revoked",
];

/**
 * Reads a policy, as `JSON.parse` gives it. Throws a usage error that names the field; `source` says where the policy came from.
 */
export function parsePolicy(value: unknown, source = "attestation policy"): AttestationPolicy {
  const problem = problemOf(value);
  if (problem === undefined) return value as AttestationPolicy;
  throw new FumataError("usage", `Cannot use policy "${source}": ${problem}`);
}

/** Reads a policy, or a profile, which holds the one that its enclave has to meet; the rest of a profile is not looked at. Throws as above. */
export function parsePolicyOrProfile(value: unknown, source: string): AttestationPolicy {
  const isProfile = isRecord(value) && Object.hasOwn(value, "attestation");
  return parsePolicy(isProfile ? value.attestation : value, source);
}

/** The policy that accepts any code of one platform; for looking at evidence, never for trusting it. */
export function insecureAnyMeasurementPolicy(
  platform: Exclude<Platform, "simulated">,
): AttestationPolicy {
  return { platform, measurements: INSECURE_ANY_MEASUREMENT };
}

function problemOf(value: unknown): string | undefined {
  if (!isRecord(value)) return "it is not a JSON object";
  const platform = PLATFORMS.find((name) => name === value.platform);
  if (!platform) return `"platform" has to be one of ${PLATFORMS.join(", ")}`;
  const rules = RULES[platform];
  for (const field of Object.keys(value)) {
    if (!COMMON_FIELDS.includes(field) && !rules.fields.includes(field)) {
      return `"${field}" is not a field of a policy for ${platform}; these are: ` +
        [...COMMON_FIELDS, ...rules.fields].join(", ");
    }
    const problem = problemOfField(field, value[field]);
    if (problem) return `"${field}" ${problem}`;
  }
  if (platform === "simulated" && value.insecureSimulatedRoot === undefined) {
    return `"insecureSimulatedRoot" is missing: a simulated TEE is accepted only under its own root, in PEM`;
  }
  return problemOfMeasurements(platform, value.measurements);
}

function problemOfField(field: string, value: unknown): string | undefined {
  switch (field) {
    case "roots":
      return problemOfRoots(value, PEM_CERTIFICATES_MAX);
    case "insecureSimulatedRoot":
      return problemOfRoots(value, 1);
    case "minimumTcb":
      return problemOfTcb(value);
    case "vmplMax":
      return isWhole(value, 3) ? undefined : "has to be a number of 0..3";
    case "minimumIsvSvn":
      return isWhole(value, 0xffff) ? undefined : "has to be a number of 0..65535";
    case "allowMigrationAgent":
    case "requireCollateral":
    case "requireRevocationList":
      return typeof value === "boolean" ? undefined : "has to be true or false";
    case "isolation":
      return Array.isArray(value) && value.length > 0 &&
          value.every((name) => ISOLATIONS.includes(name))
        ? undefined
        : `has to be an array of ${ISOLATIONS.join(", ")}`;
    case "hostData":
      return isHex(value, [32]) ? undefined : "has to be 32 bytes in hex";
    case "minimumTeeTcbSvn":
      return isHex(value, [16]) ? undefined : "has to be 16 bytes in hex";
    case "tcbStatuses":
      return Array.isArray(value) && value.every((status) => TCB_STATUSES.includes(status))
        ? undefined
        : `has to be an array of ${TCB_STATUSES.join(", ")}`;
  }
}

function problemOfRoots(value: unknown, certificatesMax: number): string | undefined {
  if (typeof value !== "string") return "has to be a text of PEM certificates";
  const certificates = structured(() => parsePemCertificates(value));
  if (certificates instanceof Malformed) return `cannot be read: ${certificates.message}`;
  if (certificates.length === 0) return "has no certificate in it";
  if (certificates.length > certificatesMax) {
    return `has ${certificates.length} certificates, at most ${certificatesMax} is wanted`;
  }
  return certificates.some(isSelfIssued) ? undefined : "has no root in it, only intermediates";
}

function problemOfTcb(value: unknown): string | undefined {
  if (!isRecord(value)) return "has to be an object";
  for (const [part, least] of Object.entries(value)) {
    if (!SNP_TCB_PARTS.includes(part)) return `has an unknown part "${part}"`;
    if (!isWhole(least, 255)) return `has a part "${part}" that is not a number of 0..255`;
  }
}

function problemOfMeasurements(platform: Platform, value: unknown): string | undefined {
  if (value === INSECURE_ANY_MEASUREMENT) return undefined;
  const { names, mandatory, bytes } = RULES[platform];
  const wanted = mandatory.map((set) => set.join(" and ")).join(" or ");
  if (!isRecord(value)) {
    return `"measurements" has to be an object with ${wanted}, or the text "${INSECURE_ANY_MEASUREMENT}"`;
  }
  for (const [name, expected] of Object.entries(value)) {
    if (!names.includes(name)) return `"measurements" has an unknown name "${name}"`;
    const values: unknown[] = Array.isArray(expected) ? expected : [expected];
    const usable = values.length > 0 && values.length <= VALUES_MAX &&
      values.every((item) => isHex(item, bytes));
    if (!usable) {
      return `"measurements" has a "${name}" that is not ${
        bytes.join(" or ")
      } bytes in hex, or an array of them`;
    }
  }
  const complete = mandatory.some((set) => set.every((name) => Object.hasOwn(value, name)));
  return complete ? undefined : `"measurements" lacks ${wanted}`;
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isHex(value: unknown, bytes: readonly number[]): boolean {
  const decoded = typeof value === "string" ? fromHex(value) : undefined;
  return decoded !== undefined && bytes.includes(decoded.length);
}
