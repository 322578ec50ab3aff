/**
 * The outside of every datagram and stream frame: who speaks, in which cluster, to whom, what kind of body; signed. Nothing of a
 * frame is used before its envelope has been opened here.
 *
 * A frame is deterministic CBOR of `[1, clusterTag, kind, senderKey, recipient, body, signature]`. `clusterTag` is the first 8 bytes of
 * SHA-256 of the cluster name: it sorts out strangers cheaply, while the signature covers the whole name, as deterministic CBOR of
 * `["fumata-message-v1", cluster, kind, senderKey, recipient, body]` (Ed25519, RFC 8032). `recipient` is the 32-byte node id, or empty for a
 * first ping to a bare address. The checks go from cheap to dear; the signature is last.
 *
 * Sealing (AEAD) wraps the bytes that `sealEnvelope` gives and unwraps before `openEnvelope`; datagrams leave room for it.
 */
import { base64url, equalBytes, fromBase64url, utf8 } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import {
  type Identity,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  verifyEd25519,
} from "../crypto/ed25519.ts";
import { nodeId } from "../crypto/thumbprint.ts";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import type { NodeId } from "../membership/types.ts";
import { decodeCbor } from "./cbor_decode.ts";

/**
 * Why a frame was dropped: the labels of the counters. `claim` and `body` come from the decoders of bodies, `unsealed`, `unknown-key`, `seal`
 * (changed, or of another cluster) and `replay` from `sealing.ts`.
 */
export const DROP_REASONS = [
  "too-long",
  "unsealed",
  "unknown-key",
  "seal",
  "replay",
  "malformed",
  "version",
  "cluster",
  "kind",
  "recipient",
  "signature",
  "body",
  "claim",
] as const;

/** One of {@linkcode DROP_REASONS}. */
export type DropReason = typeof DROP_REASONS[number];

/** A frame that did not pass. */
export interface Dropped {
  readonly ok: false;
  readonly reason: DropReason;
}

/** A frame whose sender is proven. The body is still bytes. */
export interface OpenedEnvelope {
  readonly ok: true;
  readonly sender: NodeId;
  readonly senderKey: Uint8Array;
  /** Set when the frame was addressed; then it is this node. */
  readonly recipient?: NodeId;
  readonly kind: number;
  readonly body: Uint8Array;
}

/** Kinds are one byte, so that their dispatch tables are bounded. */
const KIND_MAX = 255;
const VERSION = 1;
const CLUSTER_TAG_BYTES = 8;
const ID_BYTES = 32;

/** Signs a body and wraps it. `recipient` is left out only for a first ping to an address whose node is not known. */
export function sealEnvelope(
  identity: Identity,
  cluster: string,
  kind: number,
  recipient: NodeId | undefined,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  assert(Number.isInteger(kind) && kind >= 0 && kind <= KIND_MAX, `message kind ${kind}`);
  const to = recipient === undefined ? new Uint8Array(0) : idBytes(recipient);
  const signature = identity.sign(signedBytes(cluster, kind, identity.publicKey, to, body));
  return encodeCbor([
    VERSION,
    clusterTag(cluster),
    kind,
    identity.publicKey,
    to,
    body,
    signature,
  ]);
}

/**
 * Checks a frame of unknown origin. `bytesMax` bounds its length, `kinds` the kinds that are expected on this channel (all if left
 * out). Never throws.
 */
export function openEnvelope(
  bytes: Uint8Array,
  expected: {
    readonly cluster: string;
    readonly self: NodeId;
    readonly bytesMax: number;
    readonly kinds?: ReadonlySet<number>;
  },
): OpenedEnvelope | Dropped {
  if (bytes.length > expected.bytesMax) return dropped("too-long");
  const frame = decodeCbor(bytes);
  if (!Array.isArray(frame)) return dropped("malformed");
  if (frame[0] !== VERSION) return dropped(typeof frame[0] === "number" ? "version" : "malformed");
  const [, tag, kind, senderKey, recipient, body, signature] = frame;
  if (
    frame.length !== 7 || !isBytes(tag, CLUSTER_TAG_BYTES) || typeof kind !== "number" ||
    !isBytes(senderKey, PUBLIC_KEY_BYTES) ||
    !(isBytes(recipient, ID_BYTES) || isBytes(recipient, 0)) ||
    !(body instanceof Uint8Array) || !isBytes(signature, SIGNATURE_BYTES)
  ) {
    return dropped("malformed");
  }
  if (!equalBytes(tag, clusterTag(expected.cluster))) return dropped("cluster");
  if (kind > KIND_MAX || expected.kinds?.has(kind) === false) return dropped("kind");
  const to = recipient.length === 0 ? undefined : base64url(recipient);
  if (to !== undefined && to !== expected.self) return dropped("recipient");
  const signed = signedBytes(expected.cluster, kind, senderKey, recipient, body);
  if (!verifyEd25519(senderKey, signed, signature)) return dropped("signature");
  const sender = nodeId(senderKey);
  return { ok: true, sender, senderKey, ...(to !== undefined && { recipient: to }), kind, body };
}

/** A drop with its reason. */
export function dropped(reason: DropReason): Dropped {
  return { ok: false, reason };
}

/** Whether a decoded value is a byte string of this length. */
export function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

/** The 32 bytes of a node id of ours. */
export function idBytes(id: NodeId): Uint8Array {
  const bytes = fromBase64url(id);
  assert(bytes?.length === ID_BYTES, `node id "${id}"`);
  return bytes;
}

/** Computed once for each name; a process is in one cluster, a simulation in a few. */
const clusterTags = new Map<string, Uint8Array>();
const CLUSTER_TAGS_MAX = 16;

function clusterTag(cluster: string): Uint8Array {
  let tag = clusterTags.get(cluster);
  if (!tag) {
    tag = sha256(utf8(cluster)).slice(0, CLUSTER_TAG_BYTES);
    if (clusterTags.size >= CLUSTER_TAGS_MAX) clusterTags.clear();
    clusterTags.set(cluster, tag);
  }
  return tag;
}

function signedBytes(
  cluster: string,
  kind: number,
  senderKey: Uint8Array,
  recipient: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  return encodeCbor(["fumata-message-v1", cluster, kind, senderKey, recipient, body]);
}
