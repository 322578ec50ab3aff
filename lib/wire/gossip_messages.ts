/**
 * Bodies of the five gossip messages: deterministic CBOR arrays, one kind number each.
 *
 * | kind | number | body |
 * |---|---|---|
 * | ping | 1 | [nonce, incarnation, prober or empty, digest, head, claims] |
 * | ack | 2 | [nonce, incarnation, proof or coordinate or 0, digest, head, claims]; proof = [subject key, prober, signature] |
 * | ping-request | 3 | [nonce, target, claims] |
 * | nack | 4 | [nonce, claims] |
 * | gossip | 5 | [claims] |
 *
 * A coordinate is a byte string of six big-endian float32: position (3), height, adjustment, error.
 * A nonce and a digest are 8 bytes, an incarnation a big-endian byte string of 6, ids are 32 bytes, claims byte strings. An ack that was sent by its
 * subject needs no proof, for its envelope is signed; the proof is for acks that go through a relay. What it covers is
 * `["fumata-ack-v1", cluster, prober, nonce, incarnation]` under the subject's key.
 */
import { base64url, fromHex, hex } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import {
  type Identity,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  verifyEd25519,
} from "../crypto/ed25519.ts";
import { nodeId } from "../crypto/thumbprint.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { type Coordinate, COORDINATE_DIMENSIONS, isCoordinate } from "../membership/coordinate.ts";
import {
  COORDINATE_BYTES,
  DATAGRAM_BYTES_MAX,
  HEAD_BYTES_MAX,
  INCARNATION_MAX,
  SEAL_BYTES_MAX,
} from "../membership/limits.ts";
import type { AckProof, Claim, GossipMessage, NodeId, SignAck } from "../membership/types.ts";
import { decodeCbor } from "./cbor_decode.ts";
import type { ClaimReader } from "./claims.ts";
import {
  type Dropped,
  dropped,
  type EnvelopeForm,
  FULL_FORM,
  idBytes,
  isBytes,
  sealEnvelope,
} from "./envelope.ts";

/** Numbers of the kinds in the envelope. */
export const GOSSIP_KINDS = {
  "ping": 1,
  "ack": 2,
  "ping-request": 3,
  "nack": 4,
  "gossip": 5,
} as const satisfies Record<GossipMessage["kind"], number>;

/** Claims in one datagram: what fits, at least 100 bytes each. */
const CLAIMS_MAX = 12;
const NONCE_BYTES = 8;
const DIGEST_BYTES = 8;
const INCARNATION_BYTES = 6;
const ID_BYTES = 32;
const EMPTY = new Uint8Array(0);

/** Signs and encodes a message as a datagram. Throws when it is too long: the core fills messages by the figures in limits.ts. */
export function encodeGossip(
  identity: Identity,
  cluster: string,
  recipient: NodeId | undefined,
  message: GossipMessage,
  form: EnvelopeForm = FULL_FORM,
): Uint8Array<ArrayBuffer> {
  const body = encodeCbor(bodyOf(message));
  const kind = GOSSIP_KINDS[message.kind];
  const datagram = sealEnvelope(identity, cluster, kind, recipient, body, form);
  assert(
    datagram.length <= DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX,
    `${message.kind} of ${datagram.length} bytes fits into a datagram`,
  );
  return datagram;
}

/** Decodes the body of an opened envelope and verifies all that it carries. Never throws. */
export function decodeGossip(
  opened: { readonly sender: NodeId; readonly kind: number; readonly body: Uint8Array },
  context: { readonly cluster: string; readonly claims: ClaimReader },
): { readonly ok: true; readonly message: GossipMessage } | Dropped {
  const kind = kindOf(opened.kind);
  if (!kind) return dropped("kind");
  const array = decodeCbor(opened.body);
  if (!Array.isArray(array)) return dropped("body");
  const head = decodeFixed(kind, array.slice(0, -1), opened.sender, context.cluster);
  if (!head) return dropped("body");
  const encodedClaims: Cbor = array[array.length - 1];
  if (!Array.isArray(encodedClaims) || encodedClaims.length > CLAIMS_MAX) return dropped("body");
  const claims: Claim[] = [];
  for (const encoded of encodedClaims) {
    const claim = encoded instanceof Uint8Array ? context.claims.read(encoded) : undefined;
    // One bad claim condemns the datagram: its sender verified the claim before passing it on, or should have.
    if (!claim) return dropped("claim");
    claims.push(claim);
  }
  return { ok: true, message: { ...head, claims } };
}

/** Signs answers for relays as this identity. */
export function createAckSigner(identity: Identity, cluster: string): SignAck {
  return ({ prober, nonce, incarnation }) =>
    identity.sign(proofBytes(cluster, prober, nonce, incarnation));
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A message without its claims. */
type Fixed = DistributiveOmit<GossipMessage, "claims">;

function kindOf(number: number): GossipMessage["kind"] | undefined {
  for (const kind of Object.keys(GOSSIP_KINDS) as GossipMessage["kind"][]) {
    if (GOSSIP_KINDS[kind] === number) return kind;
  }
}

function bodyOf(message: GossipMessage): Cbor {
  const claims = message.claims.map((claim) => claim.encoded);
  switch (message.kind) {
    case "ping": {
      const prober = message.prober === undefined ? EMPTY : idBytes(message.prober);
      const incarnation = incarnationBytes(message.incarnation);
      const digest = nonceBytes(message.digest);
      return [nonceBytes(message.nonce), incarnation, prober, digest, message.head, claims];
    }
    case "ack": {
      const { proof } = message;
      const incarnation = incarnationBytes(message.incarnation);
      const placed = message.coordinate ? coordinateBytes(message.coordinate) : 0;
      const proven = proof ? [proof.subjectKey, idBytes(proof.prober), proof.signature] : placed;
      const digest = nonceBytes(message.digest);
      return [nonceBytes(message.nonce), incarnation, proven, digest, message.head, claims];
    }
    case "ping-request":
      return [nonceBytes(message.nonce), idBytes(message.target), claims];
    case "nack":
      return [nonceBytes(message.nonce), claims];
    case "gossip":
      return [claims];
    default:
      return message satisfies never;
  }
}

function decodeFixed(
  kind: GossipMessage["kind"],
  fields: readonly Cbor[],
  sender: NodeId,
  cluster: string,
): Fixed | undefined {
  switch (kind) {
    case "ping":
      return decodePing(fields);
    case "ack":
      return decodeAck(fields, sender, cluster);
    case "ping-request": {
      const [nonce, target] = fields;
      if (fields.length !== 2 || !isBytes(nonce, NONCE_BYTES) || !isBytes(target, ID_BYTES)) return;
      return { kind, nonce: hex(nonce), target: base64url(target) };
    }
    case "nack": {
      const [nonce] = fields;
      if (fields.length !== 1 || !isBytes(nonce, NONCE_BYTES)) return;
      return { kind, nonce: hex(nonce) };
    }
    case "gossip":
      return fields.length === 0 ? { kind } : undefined;
    default:
      return kind satisfies never;
  }
}

function decodePing(fields: readonly Cbor[]): Fixed | undefined {
  const [nonce, incarnationField, prober, digest, head] = fields;
  const incarnation = readIncarnation(incarnationField);
  if (
    fields.length !== 5 || !isBytes(nonce, NONCE_BYTES) || incarnation === undefined ||
    !isBytes(digest, DIGEST_BYTES) ||
    !(isBytes(prober, ID_BYTES) || isBytes(prober, 0)) || !isHead(head)
  ) {
    return undefined;
  }
  const common = {
    kind: "ping",
    nonce: hex(nonce),
    incarnation,
    digest: hex(digest),
    head,
  } as const;
  return prober.length === 0 ? common : { ...common, prober: base64url(prober) };
}

function decodeAck(
  fields: readonly Cbor[],
  sender: NodeId,
  cluster: string,
): Fixed | undefined {
  const [nonce, incarnationField, proofField, digest, head] = fields;
  const incarnation = readIncarnation(incarnationField);
  if (
    fields.length !== 5 || !isBytes(nonce, NONCE_BYTES) || incarnation === undefined ||
    !isBytes(digest, DIGEST_BYTES) ||
    !isHead(head)
  ) {
    return undefined;
  }
  const common = {
    kind: "ack",
    nonce: hex(nonce),
    incarnation,
    digest: hex(digest),
    head,
  } as const;
  if (proofField === 0) return { ...common, subject: sender };
  if (proofField instanceof Uint8Array) {
    const coordinate = readCoordinate(proofField);
    return coordinate && { ...common, subject: sender, coordinate };
  }
  const proof = readProof(proofField, cluster, common.nonce, incarnation);
  return proof && { ...common, subject: nodeId(proof.subjectKey), proof };
}

function readProof(
  field: Cbor,
  cluster: string,
  nonce: string,
  incarnation: number,
): AckProof | undefined {
  if (!Array.isArray(field) || field.length !== 3) return undefined;
  const [subjectKey, prober, signature] = field;
  if (
    !isBytes(subjectKey, PUBLIC_KEY_BYTES) || !isBytes(prober, ID_BYTES) ||
    !isBytes(signature, SIGNATURE_BYTES)
  ) {
    return undefined;
  }
  const proof = { subjectKey, prober: base64url(prober), signature };
  const signed = proofBytes(cluster, proof.prober, nonce, incarnation);
  return verifyEd25519(subjectKey, signed, signature) ? proof : undefined;
}

function proofBytes(
  cluster: string,
  prober: NodeId,
  nonce: string,
  incarnation: number,
): Uint8Array {
  return encodeCbor(["fumata-ack-v1", cluster, idBytes(prober), nonceBytes(nonce), incarnation]);
}

function nonceBytes(nonce: string): Uint8Array {
  const bytes = fromHex(nonce);
  assert(bytes?.length === NONCE_BYTES, `nonce "${nonce}"`);
  return bytes;
}

function incarnationBytes(incarnation: number): Uint8Array {
  const bytes = new Uint8Array(INCARNATION_BYTES);
  let rest = incarnation;
  for (let i = INCARNATION_BYTES - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

function readIncarnation(field: unknown): number | undefined {
  if (!isBytes(field, INCARNATION_BYTES)) return undefined;
  const value = field.reduce((sum, byte) => sum * 256 + byte, 0);
  return value <= INCARNATION_MAX ? value : undefined;
}

function coordinateBytes(coordinate: Coordinate): Uint8Array {
  const { position, heightMs, adjustmentMs, error } = coordinate;
  const view = new DataView(new ArrayBuffer(COORDINATE_BYTES));
  [...position, heightMs, adjustmentMs, error].forEach((number, i) =>
    view.setFloat32(4 * i, number)
  );
  return new Uint8Array(view.buffer);
}

function readCoordinate(field: Uint8Array): Coordinate | undefined {
  if (field.length !== COORDINATE_BYTES) return undefined;
  const view = new DataView(field.buffer, field.byteOffset, field.length);
  const numbers = Array.from({ length: COORDINATE_BYTES / 4 }, (_, i) => view.getFloat32(4 * i));
  const [heightMs, adjustmentMs, error] = numbers.slice(COORDINATE_DIMENSIONS);
  const position = numbers.slice(0, COORDINATE_DIMENSIONS);
  const coordinate = { position, heightMs, adjustmentMs, error };
  return isCoordinate(coordinate) ? coordinate : undefined;
}

function isHead(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= HEAD_BYTES_MAX;
}
