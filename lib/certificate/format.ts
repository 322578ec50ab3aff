/**
 * The certificate as bytes to fields (design §5): a compact JWS (RFC 7515) with RS256 whose claims have exactly these names and types. Strict, so that one
 * certificate has one text: canonical base64url, the header byte for byte, JSON that is the same when it is written again (hence
 * no name twice and no white space), the active nodes sorted by id.
 */
import {
  ACTIVE_NODES_MAX,
  type ActiveNode,
  compareIds,
  isName,
  POLICIES,
  type Policy,
} from "../../function/leader-election/rules.ts";
import { fromBase64url, fromHex, fromUtf8, utf8 } from "../base/bytes.ts";

/** The type of a certificate of an open cluster. */
export const OPEN_TYPE = "election-open+jwt";

/** Bytes of digests, ids and keys. */
const DIGEST_BYTES = 32;

/** The longest certificate: 512 active nodes of 130 characters make 89 KB in base64url. */
export const CERTIFICATE_CHARACTERS_MAX = 128 * 1024;

/** The longest signature in bytes: RSA of 4096 bits. */
const RSA_BYTES_MAX = 512;

/** The claims, with bytes where the text has base64url. */
export interface Claims {
  /** Function checksum. */
  readonly checksum: Uint8Array;
  readonly cluster: string;
  /** Certificate id (`jti`). */
  readonly id: Uint8Array;
  readonly term: number;
  readonly prev: Uint8Array;
  readonly digest: Uint8Array;
  readonly policy: Policy;
  /** Signature over the beacon input; the beacon is its SHA-256. */
  readonly beaconSignature: Uint8Array;
  /** Node id of the leader (`sub`). */
  readonly leader: Uint8Array;
  readonly leaderName: string;
  /** Raw Ed25519 key of the leader (`cnf`). */
  readonly leaderKey: Uint8Array;
  /** Sorted by id. */
  readonly active: readonly ActiveNode[];
  /** The TEE as the enclave names it; the evidence says what it is. */
  readonly tee: string;
  /** Seconds since 1970, by the enclave's untrusted clock. */
  readonly issuedAt: number;
}

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
  const header = fromUtf8(headerBytes) ?? "";
  const kid = /^\{"alg":"RS256","kid":"([A-Za-z0-9_-]{43})","typ":"election-open\+jwt"\}$/
    .exec(header)?.[1];
  if (kid === undefined || !fromBase64url(kid)) {
    return `the header is not {"alg":"RS256","kid":"…","typ":"${OPEN_TYPE}"}`;
  }
  const claims = readClaims(fromUtf8(payload));
  if (typeof claims === "string") return claims;
  return { kid, claims, signedBytes: utf8(`${parts[0]}.${parts[1]}`), signature };
}

function readClaims(text: string | undefined): Claims | string {
  const value = parseJson(text);
  if (!isObject(value) || JSON.stringify(value) !== text) {
    return "the claims are not one JSON object without white space and repeated names";
  }
  const wrong = wrongField(value, CLAIM_TYPES, "claim");
  if (wrong) return wrong;
  const jwk = (value.cnf as Record<string, unknown>).jwk as Record<string, string>;
  const active = (value.active as Record<string, string>[])
    .map(({ id, name }): ActiveNode => ({ id: fromBase64url(id)!, name }));
  if (active.some((node, i) => i > 0 && compareIds(active[i - 1].id, node.id) >= 0)) {
    return 'the claim "active" is not sorted by id without repetition';
  }
  return {
    checksum: fromHex((value.iss as string).slice(ISSUER_PREFIX.length))!,
    cluster: value.aud as string,
    id: fromBase64url(value.jti as string)!,
    term: value.term as number,
    prev: fromBase64url(value.prev as string)!,
    digest: fromBase64url(value.digest as string)!,
    policy: value.policy as Policy,
    beaconSignature: fromBase64url(value.beacon as string)!,
    leader: fromBase64url(value.sub as string)!,
    leaderName: value.name as string,
    leaderKey: fromBase64url(jwk.x)!,
    active,
    tee: value.tee as string,
    issuedAt: value.iat as number,
  };
}

const ISSUER_PREFIX = "fumata:";

type Check = (value: unknown) => boolean;

const isDigest: Check = (value) => isBytes(value, DIGEST_BYTES, DIGEST_BYTES);
const isWhole = (min: number): Check => (value) =>
  Number.isSafeInteger(value) && Number(value) >= min;
const isOne = (...texts: readonly string[]): Check => (value) => texts.includes(value as string);
const isExactly = (types: Record<string, Check>): Check => (value) =>
  isObject(value) && wrongField(value, types, "") === undefined;

/** All claims and what each must be. */
const CLAIM_TYPES: Readonly<Record<string, Check>> = {
  iss: (value) => typeof value === "string" && /^fumata:[0-9a-f]{64}$/.test(value),
  aud: isName,
  sub: isDigest,
  jti: isDigest,
  name: isName,
  cnf: isExactly({
    jwk: isExactly({ crv: isOne("Ed25519"), kty: isOne("OKP"), x: isDigest }),
  }),
  term: isWhole(1),
  prev: isDigest,
  active: (value) =>
    Array.isArray(value) && value.length >= 1 && value.length <= ACTIVE_NODES_MAX &&
    value.every(isExactly({ id: isDigest, name: isName })),
  digest: isDigest,
  policy: isOne(...POLICIES),
  beacon: (value) => isBytes(value, 1, RSA_BYTES_MAX),
  lease: (value) => value === 0,
  tee: isOne("simulated", "nitro", "snp", "tdx", "sgx"),
  iat: isWhole(0),
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
