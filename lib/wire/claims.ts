/**
 * Claims as bytes (design §3): encoding and signing one's own, decoding and verifying others'. A claim stands on its own: it carries the
 * key of who made it, so it can pass through any hands.
 *
 * | claim | encoded, deterministic CBOR | signed |
 * |---|---|---|
 * | alive | [1, key, incarnation, host, port, name, [k, v, …], key made, signature] | `fumata-alive-v2`, cluster, all fields before the signature |
 * | suspect | [2, accuser key, subject id, incarnation, signature] | `fumata-suspect-v1`, cluster, … |
 * | dead | [3, accuser key, subject id, incarnation, signature] | `fumata-dead-v1`, cluster, … |
 * | left | [4, key, incarnation, signature] | `fumata-left-v1`, cluster, … |
 *
 * Texts are printable ASCII, so that nothing a stranger says can break a log line or a terminal. Tags are sorted by key.
 */
import { base64url, latin1 } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import {
  type Identity,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  verifyEd25519,
} from "../crypto/ed25519.ts";
import { nodeId } from "../crypto/thumbprint.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { isName } from "../../function/leader-election/rules.ts";
import type { Address } from "../base/address.ts";
import { INCARNATION_MAX } from "../membership/limits.ts";
import type { Claim, NodeId, SignClaim, UnsignedClaim } from "../membership/types.ts";
import { decodeCbor } from "./cbor_decode.ts";
import { idBytes, isBytes } from "./envelope.ts";

/** Tags of one node. */
export const TAGS_MAX = 8;
/** Characters of one tag key. */
export const TAG_KEY_CHARACTERS_MAX = 32;
/** Characters of one tag value. */
export const TAG_VALUE_CHARACTERS_MAX = 64;
/** Characters of all tags: with the longest host and name an alive claim still fits into any datagram. */
export const TAGS_CHARACTERS_MAX = 192;
/** RFC 1035, section 2.3.4. */
const HOST_CHARACTERS_MAX = 253;
/** No claim is longer: an alive claim with everything at its limit. */
export const CLAIM_BYTES_MAX = 690;

/** Verified claims remembered: two for each of the most members a view holds. Some 600 bytes each. */
export const CLAIMS_CACHED_MAX = 8192;

/** Turns bytes into verified claims, each distinct claim only once. */
export interface ClaimReader {
  /** The claim, or `undefined` when it is malformed, beyond a limit or its signature is not valid. Never throws. */
  read(encoded: Uint8Array): Claim | undefined;
  /** Claims remembered. */
  size(): number;
}

/** Signs claims as this identity. Throws when own facts are beyond the limits: callers check them when they start. */
export function createClaimSigner(identity: Identity, cluster: string): SignClaim {
  return (unsigned) => {
    const fields = fieldsOf(unsigned, identity.publicKey);
    const signature = identity.sign(signedBytes(unsigned.type, cluster, fields));
    const encoded = encodeCbor([TYPE_CODES[unsigned.type], ...fields, signature]);
    const claim = parse(encoded)?.claim;
    assert(claim, "own claim is within its limits");
    return claim;
  };
}

/** A reader for the claims of one cluster. */
export function createClaimReader(cluster: string): ClaimReader {
  const verified = new Map<string, Claim>();
  return {
    read(encoded) {
      if (encoded.length > CLAIM_BYTES_MAX) return undefined;
      const key = latin1(encoded);
      const known = verified.get(key);
      if (known) return known;
      const parsed = parse(encoded);
      if (!parsed) return undefined;
      const { claim, fields, signature, signerKey } = parsed;
      const signed = signedBytes(claim.type, cluster, fields);
      if (!verifyEd25519(signerKey, signed, signature)) return undefined;
      // Only what verified is kept, so that a flood of forgeries throws nothing out.
      if (verified.size >= CLAIMS_CACHED_MAX) verified.delete(verified.keys().next().value!);
      verified.set(key, claim);
      return claim;
    },
    size: () => verified.size,
  };
}

/** Whether tags are within the limits; for checking one's own at the start. */
export function areTags(tags: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(tags);
  return entries.length <= TAGS_MAX &&
    entries.every(([key, value]) =>
      isPrintable(key, TAG_KEY_CHARACTERS_MAX) && key.length > 0 && !key.includes("=") &&
      isPrintable(value, TAG_VALUE_CHARACTERS_MAX)
    ) &&
    entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0) <=
      TAGS_CHARACTERS_MAX;
}

/** Whether an address can stand in a claim: a host name or IP address, and a port. */
export function isClaimAddress(address: Address): boolean {
  return /^[0-9A-Za-z._:%-]+$/.test(address.host) && address.host.length <= HOST_CHARACTERS_MAX &&
    Number.isInteger(address.port) && address.port >= 1 && address.port <= 65535;
}

const TYPE_CODES = { alive: 1, suspect: 2, dead: 3, left: 4 } as const;

interface Parsed {
  readonly claim: Claim;
  readonly fields: readonly Cbor[];
  readonly signature: Uint8Array;
  readonly signerKey: Uint8Array;
}

function fieldsOf(claim: UnsignedClaim, key: Uint8Array): Cbor[] {
  switch (claim.type) {
    case "alive":
      return [
        key,
        claim.incarnation,
        claim.address.host,
        claim.address.port,
        claim.name,
        Object.entries(claim.tags).sort(([a], [b]) => a < b ? -1 : 1).flat(),
        claim.keyMadeS,
      ];
    case "suspect":
    case "dead":
      return [key, idBytes(claim.subject), claim.incarnation];
    case "left":
      return [key, claim.incarnation];
    default:
      return claim satisfies never;
  }
}

function signedBytes(type: Claim["type"], cluster: string, fields: readonly Cbor[]): Uint8Array {
  return encodeCbor([`fumata-${type}-v${type === "alive" ? 2 : 1}`, cluster, ...fields]);
}

/** Structure and limits; not the signature. */
function parse(encoded: Uint8Array): Parsed | undefined {
  const array = decodeCbor(encoded);
  if (!Array.isArray(array) || array.length < 4) return undefined;
  const [code, signerKey] = array;
  const fields: Cbor[] = array.slice(1, -1);
  const signature = array[array.length - 1];
  if (!isBytes(signerKey, PUBLIC_KEY_BYTES) || !isBytes(signature, SIGNATURE_BYTES)) {
    return undefined;
  }
  const claim = code === TYPE_CODES.alive
    ? parseAlive(fields, signerKey, encoded)
    : code === TYPE_CODES.suspect || code === TYPE_CODES.dead
    ? parseAccusation(code, fields, signerKey, encoded)
    : code === TYPE_CODES.left
    ? parseLeft(fields, signerKey, encoded)
    : undefined;
  return claim && { claim, fields, signature, signerKey };
}

function parseAlive(fields: Cbor[], publicKey: Uint8Array, encoded: Uint8Array): Claim | undefined {
  const [, incarnation, host, port, name, flatTags, keyMadeS] = fields;
  if (
    fields.length !== 7 || !isBounded(incarnation) || !isBounded(keyMadeS) ||
    typeof host !== "string" ||
    typeof port !== "number" || !isClaimAddress({ host, port }) || !isName(name)
  ) {
    return undefined;
  }
  const tags = parseTags(flatTags);
  if (!tags) return undefined;
  const subject = nodeId(publicKey);
  return {
    type: "alive",
    subject,
    publicKey,
    incarnation,
    address: { host, port },
    name,
    tags,
    keyMadeS,
    encoded,
  };
}

/** Keys strictly ascending: one encoding for one set of tags. */
function parseTags(flat: Cbor): Record<string, string> | undefined {
  if (!Array.isArray(flat) || flat.length % 2 !== 0 || flat.length > 2 * TAGS_MAX) return undefined;
  // Without a prototype, so that a tag named `__proto__` is a tag.
  const tags: Record<string, string> = Object.create(null);
  for (let i = 0; i < flat.length; i += 2) {
    const [key, value] = [flat[i], flat[i + 1]];
    if (typeof key !== "string" || typeof value !== "string") return undefined;
    if (i > 0 && !(key > flat[i - 2])) return undefined;
    tags[key] = value;
  }
  return areTags(tags) ? tags : undefined;
}

function parseAccusation(
  code: 2 | 3,
  fields: Cbor[],
  accuserKey: Uint8Array,
  encoded: Uint8Array,
): Claim | undefined {
  const [, subjectId, incarnation] = fields;
  if (fields.length !== 3 || !isBytes(subjectId, 32) || !isBounded(incarnation)) {
    return undefined;
  }
  const subject: NodeId = base64url(subjectId);
  const accuser = nodeId(accuserKey);
  const type = code === TYPE_CODES.suspect ? "suspect" : "dead";
  return { type, subject, incarnation, accuser, accuserKey, encoded };
}

function parseLeft(fields: Cbor[], publicKey: Uint8Array, encoded: Uint8Array): Claim | undefined {
  const [, incarnation] = fields;
  if (fields.length !== 2 || !isBounded(incarnation)) return undefined;
  return { type: "left", subject: nodeId(publicKey), publicKey, incarnation, encoded };
}

/** Incarnations and times have one bound. */
function isBounded(value: unknown): value is number {
  return typeof value === "number" && value <= INCARNATION_MAX;
}

function isPrintable(text: string, charactersMax: number): boolean {
  return text.length <= charactersMax && /^[\x20-\x7e]*$/.test(text);
}
