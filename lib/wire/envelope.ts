/**
 * The outside of every datagram and stream frame: who speaks, in which cluster, to whom, what kind of body; signed. Nothing of a
 * frame is used before its envelope has been opened here.
 *
 * | bytes | what |
 * |---|---|
 * | 1 | version, 2 |
 * | 1 | flags: 1 addressed, 2 brief, 4 the sender knows the recipient's key; the latter two only with the first |
 * | 1 | kind |
 * | 4 | first bytes of SHA-256 of the cluster name |
 * | 32, brief 9 | the sender's key; brief, the first bytes of its id |
 * | n | body |
 * | 64 | signature |
 *
 * The signature (Ed25519, RFC 8032) is over deterministic CBOR of `["fumata-message-v2", cluster, flags, kind, senderKey, recipient, body]`,
 * so what does not travel is bound all the same: the whole name of the cluster, the recipient's id (empty for a first ping to a bare
 * address, and then flag 1 is not set), the key of a brief sender. The header is at fixed places so that strangers are sorted out
 * before anything is decoded; the signature is the last check.
 *
 * A member is brief to whoever has said by flag 4 that it knows the member's key (`acquaintances.ts`). 9 bytes of an id are a hint where
 * to look for the key: who would share them with a member needs 2^72 keys, and gains that the later of the two is not understood.
 *
 * Sealing (AEAD) wraps the bytes that `sealEnvelope` gives and unwraps before `openEnvelope`; datagrams leave room for it.
 */
import { base64url, concat, equalBytes, fromBase64url, utf8 } from "../base/bytes.ts";
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

/**
 * Why a frame was dropped: the labels of the counters. A frame for another node fails at its `signature`. `claim` and `body` come from the decoders of bodies, `unsealed`, `unknown-key`, `seal`
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
  "unknown-sender",
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
  /** Whether it came without its sender's key. */
  readonly isBrief: boolean;
  /** Whether the sender says that it knows this node's key, so that it need not be sent. */
  readonly knowsRecipient: boolean;
  readonly kind: number;
  readonly body: Uint8Array;
}

/** How an envelope is written. */
export interface EnvelopeForm {
  /** Only to a recipient that knows the sender's key. */
  readonly isBrief: boolean;
  readonly knowsRecipient: boolean;
}

/** What is understood by everyone. */
export const FULL_FORM: EnvelopeForm = { isBrief: false, knowsRecipient: false };

/** A sender of whom only the first bytes of the id are told. */
export interface KnownSender {
  readonly id: NodeId;
  readonly key: Uint8Array;
}

/** Characters of an id that stand for a sender: 9 bytes are exactly 12 of base64url. */
export const TAG_CHARACTERS = 12;

/** Kinds are one byte, so that their dispatch tables are bounded. */
const KIND_MAX = 255;
const VERSION = 2;
const FLAGS = { addressed: 1, brief: 2, knowsRecipient: 4 } as const;
const FLAGS_MAX = 7;
const CLUSTER_TAG_BYTES = 4;
const TAG_BYTES = 9;
const SENDER_AT = 3 + CLUSTER_TAG_BYTES;
const ID_BYTES = 32;
const NOBODY = new Uint8Array(0);

/** What a brief envelope saves. */
export const BRIEF_SAVES_BYTES = PUBLIC_KEY_BYTES - TAG_BYTES;

/** Signs a body and wraps it. `recipient` is left out only for a first ping to an address whose node is not known. */
export function sealEnvelope(
  identity: Identity,
  cluster: string,
  kind: number,
  recipient: NodeId | undefined,
  body: Uint8Array,
  form: EnvelopeForm = FULL_FORM,
): Uint8Array<ArrayBuffer> {
  assert(Number.isInteger(kind) && kind >= 0 && kind <= KIND_MAX, `message kind ${kind}`);
  const flags = (recipient === undefined ? 0 : FLAGS.addressed) |
    (form.isBrief ? FLAGS.brief : 0) | (form.knowsRecipient ? FLAGS.knowsRecipient : 0);
  const to = recipient === undefined ? NOBODY : idBytes(recipient);
  const signed = signedBytes(cluster, flags, kind, identity.publicKey, to, body);
  return concat(
    Uint8Array.of(VERSION, flags, kind),
    clusterTag(cluster),
    form.isBrief ? idBytes(identity.id).subarray(0, TAG_BYTES) : identity.publicKey,
    body,
    identity.sign(signed),
  );
}

/** What the first bytes of a frame are enough to drop it for, at the cost of a comparison: before it uses up anybody's share of attention. */
export function glanceAt(bytes: Uint8Array, cluster: string): Dropped | undefined {
  if (bytes.length < SENDER_AT) return dropped("malformed");
  if (bytes[0] !== VERSION) return dropped("version");
  const tag = bytes.subarray(3, SENDER_AT);
  return equalBytes(tag, clusterTag(cluster)) ? undefined : dropped("cluster");
}

/**
 * Checks a frame of unknown origin. `bytesMax` bounds its length, `kinds` the kinds that are expected on this channel (all if left
 * out), `senderOf` finds those who may be brief by {@linkcode TAG_CHARACTERS} characters of their id (nobody if left out). Never throws.
 */
export function openEnvelope(
  bytes: Uint8Array,
  expected: {
    readonly cluster: string;
    readonly self: NodeId;
    readonly bytesMax: number;
    readonly kinds?: ReadonlySet<number>;
    readonly senderOf?: (tag: string) => KnownSender | undefined;
  },
): OpenedEnvelope | Dropped {
  if (bytes.length > expected.bytesMax) return dropped("too-long");
  const foreign = glanceAt(bytes, expected.cluster);
  if (foreign) return foreign;
  const [, flags, kind] = bytes;
  const isBrief = (flags & FLAGS.brief) !== 0;
  const isAddressed = (flags & FLAGS.addressed) !== 0;
  const bodyAt = SENDER_AT + (isBrief ? TAG_BYTES : PUBLIC_KEY_BYTES);
  const signatureAt = bytes.length - SIGNATURE_BYTES;
  if (flags > FLAGS_MAX || signatureAt < bodyAt) return dropped("malformed");
  // Only who knows its recipient leaves anything out; how long an answer may be rests on these flags.
  if (!isAddressed && flags !== 0) return dropped("malformed");
  if (expected.kinds?.has(kind) === false) return dropped("kind");
  // Copies: the datagram's buffer is used again for the next one.
  const said = bytes.slice(SENDER_AT, bodyAt);
  const known = isBrief ? expected.senderOf?.(base64url(said)) : undefined;
  if (isBrief && !known) return dropped("unknown-sender");
  const senderKey = known?.key ?? said;
  const to = isAddressed ? idBytes(expected.self) : NOBODY;
  const body = bytes.slice(bodyAt, signatureAt);
  const signed = signedBytes(expected.cluster, flags, kind, senderKey, to, body);
  if (!verifyEd25519(senderKey, signed, bytes.subarray(signatureAt))) return dropped("signature");
  return {
    ok: true,
    sender: known?.id ?? nodeId(senderKey),
    senderKey,
    ...(isAddressed && { recipient: expected.self }),
    isBrief,
    knowsRecipient: (flags & FLAGS.knowsRecipient) !== 0,
    kind,
    body,
  };
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
  flags: number,
  kind: number,
  senderKey: Uint8Array,
  recipient: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  return encodeCbor(["fumata-message-v2", cluster, flags, kind, senderKey, recipient, body]);
}
