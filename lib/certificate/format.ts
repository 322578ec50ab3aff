/**
 * The certificate as bytes to fields (design §5): a compact JWS (RFC 7515) with RS256 whose claims have exactly these names and types. Strict, so that one
 * certificate has one text: canonical base64url, the header byte for byte, JSON that is the same when it is written again (hence
 * no name twice and no white space), the active nodes sorted by id. There are three kinds, told apart by the header's `typ`.
 */
import {
  ACTIVE_NODES_MAX,
  type ActiveNode,
  compareIds,
  isName,
  POLICIES,
  type Policy,
} from "../../function/leader-election/rules.ts";
import { ROSTER_POLICIES } from "../../function/leader-election/cluster_config.ts";
import { ROSTER_MAX, type RosterPolicy } from "../../function/leader-election/roster_rules.ts";
import { type Platform, PLATFORMS } from "../attestation/types.ts";
import { fromBase64url, fromHex, fromUtf8, utf8 } from "../base/bytes.ts";
import { isRecord } from "../base/json.ts";

/** The `typ` of each kind of certificate, so that none is taken for another (RFC 8725, section 3.11). */
const KINDS: ReadonlyMap<string, Claims["kind"]> = new Map([
  ["election-open+jwt", "open"],
  ["election+jwt", "roster"],
  ["election-closing+jwt", "closing"],
]);

/** Bytes of digests, ids and keys. */
const DIGEST_BYTES = 32;

const SIGNATURE_BYTES = 64;

/** The longest certificate: 512 active nodes of 130 characters make 89 KB in base64url. */
export const CERTIFICATE_CHARACTERS_MAX = 128 * 1024;

/** The longest signature in bytes: RSA of 4096 bits. */
const RSA_BYTES_MAX = 512;

/** What every certificate says, with bytes where the text has base64url. */
interface CommonClaims {
  /** Function checksum. */
  readonly checksum: Uint8Array;
  readonly cluster: string;
  /** Certificate id (`jti`). */
  readonly id: Uint8Array;
  readonly term: number;
  readonly prev: Uint8Array;
  readonly digest: Uint8Array;
  /** The TEE as the enclave names it; the evidence says what it is. */
  readonly tee: Platform;
  /** Seconds since 1970, by the enclave's untrusted clock. */
  readonly issuedAt: number;
}

/** What a certificate says that names a leader. */
interface LeaderClaims extends CommonClaims {
  /** Signature over the beacon input; the beacon is its SHA-256. */
  readonly beaconSignature: Uint8Array;
  /** Node id of the leader (`sub`). */
  readonly leader: Uint8Array;
  readonly leaderName: string;
  /** Raw Ed25519 key of the leader (`cnf`). */
  readonly leaderKey: Uint8Array;
}

/** The claims of a certificate of an open cluster. */
export interface OpenClaims extends LeaderClaims {
  readonly kind: "open";
  readonly policy: Policy;
  /** Sorted by id. */
  readonly active: readonly ActiveNode[];
}

/** The claims of a certificate of a roster cluster. */
export interface RosterClaims extends LeaderClaims {
  readonly kind: "roster";
  readonly policy: RosterPolicy;
  /** Active voters over the roster. */
  readonly bitmap: Uint8Array;
  /** Leader of `prev`, or empty. */
  readonly incumbent: Uint8Array;
  readonly tenure: number;
  readonly leaseMs: number;
  /** SHA-256 of the package's `cluster.json`. */
  readonly config: Uint8Array;
}

/** The claims of a closing certificate. */
export interface ClosingClaims extends CommonClaims {
  readonly kind: "closing";
  /** Checksum of the successor. */
  readonly successor: Uint8Array;
  /** The operator's signature. */
  readonly order: Uint8Array;
  /** SHA-256 of the package's `cluster.json`. */
  readonly config: Uint8Array;
}

/** What a certificate says. */
export type Claims = OpenClaims | RosterClaims | ClosingClaims;

/** A certificate whose signature was not looked at. */
export interface UnverifiedCertificate {
  readonly kid: string;
  readonly claims: Claims;
  /** What is signed. */
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads a compact JWS, or says in one line why it is no certificate. Never throws. */
export function decodeUnverified(jws: unknown): UnverifiedCertificate | string {
  if (typeof jws !== "string") return "the certificate is not a text";
  if (jws.length > CERTIFICATE_CHARACTERS_MAX) {
    return `the certificate has ${jws.length} characters; at most ${CERTIFICATE_CHARACTERS_MAX} are allowed`;
  }
  const parts = jws.split(".");
  if (parts.length !== 3) return `the certificate has ${parts.length} parts; a JWS has three`;
  const [headerBytes, payload, signature] = parts.map(fromBase64url);
  if (!headerBytes || !payload || !signature) return "the certificate is not canonical base64url";
  const [, kid, typ] = HEADER.exec(fromUtf8(headerBytes) ?? "") ?? [];
  const kind = KINDS.get(typ);
  if (kind === undefined || !fromBase64url(kid)) {
    return `the header is not {"alg":"RS256","kid":"…","typ":"…"} with one of the types ${
      [...KINDS.keys()].join(", ")
    }`;
  }
  const claims = readClaims(kind, fromUtf8(payload));
  if (typeof claims === "string") return claims;
  return { kid, claims, signedBytes: utf8(`${parts[0]}.${parts[1]}`), signature };
}

const HEADER = /^\{"alg":"RS256","kid":"([A-Za-z0-9_-]{43})","typ":"([a-z+-]+)"\}$/;

function readClaims(kind: Claims["kind"], text: string | undefined): Claims | string {
  const value = parseJson(text);
  if (!isRecord(value) || JSON.stringify(value) !== text) {
    return "the claims are not one JSON object without white space and repeated names";
  }
  const wrong = wrongField(value, CLAIM_TYPES[kind], "claim");
  if (wrong) return wrong;
  const common = commonClaims(value);
  switch (kind) {
    case "open": {
      const active = (value.active as Record<string, string>[])
        .map(({ id, name }): ActiveNode => ({ id: bytesIn(id), name }));
      if (active.some((node, i) => i > 0 && compareIds(active[i - 1].id, node.id) >= 0)) {
        return 'the claim "active" is not sorted by id without repetition';
      }
      const policy = value.policy as Policy;
      return { kind, ...common, ...leaderClaims(value), policy, active };
    }
    case "roster":
      return {
        kind,
        ...common,
        ...leaderClaims(value),
        policy: value.policy as RosterPolicy,
        bitmap: bytesIn(value.active),
        incumbent: bytesIn(value.incumbent),
        tenure: value.tenure as number,
        leaseMs: value.lease as number,
        config: bytesIn(value.config),
      };
    case "closing":
      return {
        kind,
        ...common,
        successor: fromHex(value.successor as string)!,
        order: bytesIn(value.order),
        config: bytesIn(value.config),
      };
  }
}

function commonClaims(value: Record<string, unknown>): CommonClaims {
  return {
    checksum: fromHex((value.iss as string).slice(ISSUER_PREFIX.length))!,
    cluster: value.aud as string,
    id: bytesIn(value.jti),
    term: value.term as number,
    prev: bytesIn(value.prev),
    digest: bytesIn(value.digest),
    tee: value.tee as Platform,
    issuedAt: value.iat as number,
  };
}

function leaderClaims(value: Record<string, unknown>): Omit<LeaderClaims, keyof CommonClaims> {
  const { jwk } = value.cnf as { jwk: Record<string, string> };
  return {
    beaconSignature: bytesIn(value.beacon),
    leader: bytesIn(value.sub),
    leaderName: value.name as string,
    leaderKey: bytesIn(jwk.x),
  };
}

/** The bytes of a claim that passed its check. */
function bytesIn(claim: unknown): Uint8Array {
  return fromBase64url(claim as string)!;
}

const ISSUER_PREFIX = "fumata:";

type Check = (value: unknown) => boolean;

const isDigest: Check = (value) => isBytes(value, DIGEST_BYTES, DIGEST_BYTES);
const isWhole = (min: number): Check => (value) =>
  Number.isSafeInteger(value) && Number(value) >= min;
const isOne = (...texts: readonly string[]): Check => (value) => texts.includes(value as string);
const isExactly = (types: Record<string, Check>): Check => (value) =>
  isRecord(value) && wrongField(value, types, "") === undefined;

const COMMON_TYPES: Readonly<Record<string, Check>> = {
  iss: (value) => typeof value === "string" && /^fumata:[0-9a-f]{64}$/.test(value),
  aud: isName,
  jti: isDigest,
  term: isWhole(1),
  prev: isDigest,
  digest: isDigest,
  tee: isOne(...PLATFORMS),
  iat: isWhole(0),
};

const LEADER_TYPES: Readonly<Record<string, Check>> = {
  sub: isDigest,
  name: isName,
  cnf: isExactly({
    jwk: isExactly({ crv: isOne("Ed25519"), kty: isOne("OKP"), x: isDigest }),
  }),
  beacon: (value) => isBytes(value, 1, RSA_BYTES_MAX),
};

/** All claims of each kind and what each must be. */
const CLAIM_TYPES: Readonly<Record<Claims["kind"], Readonly<Record<string, Check>>>> = {
  open: {
    ...COMMON_TYPES,
    ...LEADER_TYPES,
    active: (value) =>
      Array.isArray(value) && value.length >= 1 && value.length <= ACTIVE_NODES_MAX &&
      value.every(isExactly({ id: isDigest, name: isName })),
    policy: isOne(...POLICIES),
    lease: (value) => value === 0,
  },
  roster: {
    ...COMMON_TYPES,
    ...LEADER_TYPES,
    active: (value) => isBytes(value, 1, Math.ceil(ROSTER_MAX / 8)),
    incumbent: (value) => value === "" || isDigest(value),
    tenure: isWhole(0),
    policy: isOne(...ROSTER_POLICIES),
    lease: isWhole(1),
    config: isDigest,
  },
  closing: {
    ...COMMON_TYPES,
    successor: (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
    order: (value) => isBytes(value, SIGNATURE_BYTES, SIGNATURE_BYTES),
    config: isDigest,
  },
};

/** The first field that is missing, unknown or of a wrong type. */
function wrongField(
  value: Record<string, unknown>,
  types: Readonly<Record<string, Check>>,
  what: string,
): string | undefined {
  for (const [name, check] of Object.entries(types)) {
    if (!Object.hasOwn(value, name)) return `the ${what} "${name}" is missing`;
    if (!check(value[name])) return `the ${what} "${name}" has a wrong type or value`;
  }
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(types, name));
  return unknown === undefined ? undefined : `the ${what} "${unknown.slice(0, 40)}" is unknown`;
}

function isBytes(value: unknown, min: number, max: number): boolean {
  if (typeof value !== "string" || value.length > 2 * max) return false;
  const bytes = fromBase64url(value);
  return bytes !== undefined && bytes.length >= min && bytes.length <= max;
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
