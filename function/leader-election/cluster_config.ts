/**
 * `cluster.json` of a package: it turns the function into a roster cluster, and because it is inside the package the checksum pins it
 * (design §2). The function, the nodes and every verifier read it with this one reader, so that they mean the same cluster.
 *
 * ```json
 * {
 *   "cluster": "payments",
 *   "roster": [
 *     { "name": "10.0.0.1:5000", "key": "<raw Ed25519 key, base64url>", "weight": 2 },
 *     { "name": "10.0.0.2:5000", "key": "<…>" }
 *   ],
 *   "faultBound": 0,
 *   "policy": "weighted", "sticky": true, "maxTenure": 10,
 *   "lease": { "leaseMs": 800, "driftPpm": 1000 },
 *   "operatorKey": "<raw Ed25519 key, base64url>",
 *   "succeeds": "<checksum of the predecessor, hex>"
 * }
 * ```
 *
 * `weight` (1), `sticky` (false), `maxTenure` (0: no bound), `operatorKey` and `succeeds` may be left out; nothing else.
 *
 * Strict, because whoever reviews the file must see what the machine sees: no field twice, none unknown, no key that could sign for
 * somebody else, and a fault bound that was chosen and not guessed. Hashing and the check of keys are injected: the enclave has them
 * from its host, others from their library.
 */
import { base64url, fromBase64url } from "./base64url.ts";
import { repeatedName } from "./json_names.ts";
import { ROSTER_MAX, type RosterNode, type RosterPolicy, WEIGHT_MAX } from "./roster_rules.ts";
import { isName, type Sha256 } from "./rules.ts";

/** A voter with its key. */
export interface RosterMember extends RosterNode {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly key: Uint8Array;
}

/** How long a follower's promise lasts, and how far clocks may be wrong. */
export interface LeaseTerms {
  /** Length of a promise, ms: LEASE_MS_MIN..LEASE_MS_MAX. Shorter: faster failover, more heartbeats. */
  readonly leaseMs: number;
  /** How much faster or slower than true time any clock of the roster may run, in millionths: 1..DRIFT_PPM_MAX. */
  readonly driftPpm: number;
}

/** What `cluster.json` says. */
export interface ClusterConfig {
  readonly cluster: string;
  /** In the order of the file: the index is the bit in a bitmap. */
  readonly roster: readonly RosterMember[];
  /** Most voters that may lie; 0 means crashes only. */
  readonly faultBound: number;
  readonly policy: RosterPolicy;
  readonly sticky: boolean;
  /** 0: no bound. */
  readonly maxTenure: number;
  readonly lease: LeaseTerms;
  /** Raw Ed25519 key that may order the succession; without it this cluster has no successor. */
  readonly operatorKey?: Uint8Array;
  /** Checksum of the predecessor, 32 bytes: terms go on from its closing certificate. */
  readonly succeeds?: Uint8Array;
  /** SHA-256 of the file's bytes; certificates carry it. */
  readonly digest: Uint8Array;
}

/** What the reader needs from where it runs. */
export interface ConfigHost {
  sha256: Sha256;
  /** Whether 32 bytes can be somebody's Ed25519 key: canonical and not of small order. */
  isEd25519Key(publicKey: Uint8Array): boolean;
}

/** The name of the file in a package. */
export const CLUSTER_FILE = "cluster.json";

/** The largest file: a roster of ROSTER_MAX members takes a tenth. */
export const CLUSTER_FILE_BYTES_MAX = 64 * 1024;

/** Below, heartbeats of ordinary machines come too late; above, nobody waits for a failover. */
export const LEASE_MS_MIN = 100;
export const LEASE_MS_MAX = 3_600_000;

/** A clock that is wrong by a tenth is broken. Quartz is within 100, a clock that NTP pulls along within 500. */
export const DRIFT_PPM_MAX = 100_000;

/** The longest bound of a tenure: beyond, it is none. */
export const MAX_TENURE_MAX = 1_000_000;

/** All policies of rosters. */
export const ROSTER_POLICIES: readonly RosterPolicy[] = ["highest", "random", "weighted"];
const KEY_BYTES = 32;

/** Reads the file's bytes, or says in one line what is wrong with it. Never throws. */
export function readClusterConfig(bytes: Uint8Array, host: ConfigHost): ClusterConfig | string {
  if (bytes.length > CLUSTER_FILE_BYTES_MAX) {
    return `it has ${bytes.length} bytes; at most ${CLUSTER_FILE_BYTES_MAX} are allowed`;
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return "it is not JSON in UTF-8";
  }
  const repeated = repeatedName(text);
  if (repeated !== undefined) return `it has the field "${repeated.slice(0, 40)}" twice`;
  try {
    return readConfig(value, host, host.sha256(bytes));
  } catch (thrown) {
    if (thrown instanceof Wrong) return thrown.message;
    throw thrown;
  }
}

/** A fault of the file. Thrown and caught within this file only. */
class Wrong extends Error {}

function wrong(what: string): never {
  throw new Wrong(what);
}

function readConfig(value: unknown, host: ConfigHost, digest: Uint8Array): ClusterConfig {
  const fields = fieldsOf(value, "the file", [
    "cluster",
    "roster",
    "faultBound",
    "policy",
    "lease",
  ], ["sticky", "maxTenure", "operatorKey", "succeeds"]);
  const { cluster } = fields;
  if (!isName(cluster)) wrong('"cluster" is no name of 1..64 printable ASCII characters');
  const roster = readRoster(fields.roster, host);
  const faultBound = wholeOf(fields.faultBound, '"faultBound"', 0, ROSTER_MAX);
  if (roster.length < 3 * faultBound + 1) {
    wrong(
      `"faultBound" is ${faultBound}, which needs ${3 * faultBound + 1} voters; the roster has ` +
        `${roster.length}`,
    );
  }
  const policy = ROSTER_POLICIES.find((known) => known === fields.policy) ??
    wrong(`"policy" is none of ${ROSTER_POLICIES.join(", ")}`);
  const sticky = fields.sticky ?? false;
  if (typeof sticky !== "boolean") wrong('"sticky" is neither true nor false');
  const maxTenure = wholeOf(fields.maxTenure ?? 0, '"maxTenure"', 0, MAX_TENURE_MAX);
  if (maxTenure > 0 && !sticky) wrong('"maxTenure" without "sticky" bounds nothing');
  const lease = fieldsOf(fields.lease, '"lease"', ["leaseMs", "driftPpm"]);
  const { operatorKey, succeeds } = fields;
  return {
    cluster,
    roster,
    faultBound,
    policy,
    sticky,
    maxTenure,
    lease: {
      leaseMs: wholeOf(lease.leaseMs, '"lease.leaseMs"', LEASE_MS_MIN, LEASE_MS_MAX),
      driftPpm: wholeOf(lease.driftPpm, '"lease.driftPpm"', 1, DRIFT_PPM_MAX),
    },
    ...(operatorKey === undefined ? {} : {
      operatorKey: keyOf(operatorKey, '"operatorKey"', host),
    }),
    ...(succeeds === undefined ? {} : { succeeds: checksumOf(succeeds) }),
    digest,
  };
}

function readRoster(value: unknown, host: ConfigHost): RosterMember[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > ROSTER_MAX) {
    wrong(`"roster" is not an array of 1..${ROSTER_MAX} members`);
  }
  const names = new Set<string>();
  const keys = new Set<string>();
  return value.map((item, i) => {
    const where = `"roster[${i}]"`;
    const { name, key, weight } = fieldsOf(item, where, ["name", "key"], ["weight"]);
    if (!isName(name)) wrong(`${where} has no name of 1..64 printable ASCII characters`);
    if (names.has(name)) wrong(`${where} has the name "${name}" of another member`);
    const raw = keyOf(key, `the key of ${where}`, host);
    if (keys.has(key as string)) wrong(`${where} has the key of another member`);
    names.add(name);
    keys.add(key as string);
    return {
      id: ed25519Thumbprint(host.sha256, raw),
      name,
      key: raw,
      weight: wholeOf(weight ?? 1, `the weight of ${where}`, 1, WEIGHT_MAX),
    };
  });
}

/** The id of a node: RFC 7638 thumbprint of its key (RFC 8037, appendix A.3), 32 bytes. */
export function ed25519Thumbprint(sha256: Sha256, key: Uint8Array): Uint8Array {
  const jwk = `{"crv":"Ed25519","kty":"OKP","x":"${base64url(key)}"}`;
  return sha256(new TextEncoder().encode(jwk));
}

function fieldsOf(
  value: unknown,
  where: string,
  wanted: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    wrong(`${where} is not an object`);
  }
  const missing = wanted.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) wrong(`${where} lacks "${missing}"`);
  const unknown = Object.keys(value)
    .find((name) => !wanted.includes(name) && !optional.includes(name));
  if (unknown !== undefined) wrong(`${where} has an unknown field "${unknown.slice(0, 40)}"`);
  return value as Record<string, unknown>;
}

function wholeOf(value: unknown, where: string, min: number, max: number): number {
  const isWithin = Number.isSafeInteger(value) && (value as number) >= min &&
    (value as number) <= max;
  return isWithin ? value as number : wrong(`${where} is not a whole number of ${min}..${max}`);
}

function keyOf(value: unknown, where: string, host: ConfigHost): Uint8Array {
  const bytes = typeof value === "string" ? fromBase64url(value) : undefined;
  if (bytes?.length !== KEY_BYTES) return wrong(`${where} is not 32 bytes in base64url`);
  if (!host.isEd25519Key(bytes)) return wrong(`${where} is no sound Ed25519 key`);
  return bytes;
}

function checksumOf(value: unknown): Uint8Array {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    return wrong('"succeeds" is not a checksum of 64 lower-case hex digits');
  }
  return Uint8Array.from({ length: 32 }, (_, i) => parseInt(value.slice(2 * i, 2 * i + 2), 16));
}
