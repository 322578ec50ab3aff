/**
 * How much of everything there may be, and what a message weighs. The core fills datagrams by these figures without knowing the
 * codec; the codec's tests hold them against real bytes, exactly.
 */
import type { Claim, GossipMessage } from "./types.ts";

/** The largest datagram, sealing included: passes every path of the internet without fragments (IPv6 minimum MTU is 1280). */
export const DATAGRAM_BYTES_MAX = 1200;

/** Kept free in every datagram for the AEAD around it: key id, per-boot salt, counter and tag. */
export const SEAL_BYTES_MAX = 48;

/** The longest opaque head of the election: term and id of a certificate. */
export const HEAD_BYTES_MAX = 48;

/** Incarnations are 0..2^40-1: far more than a million restarts and refutations a day, and far below 2^53. */
export const INCARNATION_MAX = 2 ** 40 - 1;

/**
 * The greatest step by which a member's incarnation may rise at once. An honest one rises by one for each restart or refutation;
 * a stolen key could otherwise claim the maximum, above which its owner can never speak again.
 */
export const INCARNATION_JUMP_MAX = 2 ** 20;

/** Members in the view. Each costs some 2 KiB; a cluster that votes is far smaller. */
export const MEMBERS_MAX = 4096;

/** Nodes that have been heard of and have not answered yet; as many as a joining node may learn of at once. */
export const CANDIDATES_MAX = 4096;

/** Members that were reaped and are remembered by id and incarnation. */
export const TOMBSTONES_MAX = 4096;

/** Claims that wait to be passed on: one alive claim a member and some accusations. */
export const QUEUE_CLAIMS_MAX = 8192;

/** Pings to candidates, seeds and the dead that may still be answered. */
export const CONTACTS_MAX = 4096;

/** Probes that run for others at a time; more are answered with a nack. */
export const RELAYS_MAX = 256;

/** Seed addresses that an operator named, and as many members of an earlier run: all are tried at once by a node that is alone. */
export const SEEDS_MAX = 64;

/** Accusers kept for one member and incarnation; above any fault bound that makes sense. */
export const ACCUSERS_MAX = 64;

/** Returns of a failed member within the flap window that make a flap; so many times are kept for each member. */
export const FLAP_RETURNS = 3;

/** Name conflicts remembered so as to report each once. */
export const CONFLICTS_MAX = 256;

/** Bytes of the envelope around a body, in its full form: version, flags, kind, cluster, key, signature. */
const ENVELOPE_BYTES = 3 + 4 + 32 + 64;
/** Nonce of 8 bytes, incarnation as a byte string of 6 (so that an ack is never longer than its ping). */
const NONCE_BYTES = 9;
const INCARNATION_BYTES = 7;
/** Digest of 8 bytes. */
const DIGEST_BYTES = 9;
/** A proof: array head, key, prober, signature. */
const PROOF_BYTES = 1 + 34 + 34 + 66;

/** A coordinate: six numbers of 4 bytes. */
export const COORDINATE_BYTES = 24;

/** Bytes of a claim inside a message. */
export function claimBytes(claim: Claim): number {
  return stringBytes(claim.encoded.length);
}

/** Bytes of the whole datagram that carries this message, unsealed, exactly; members may have a shorter form of the envelope. */
export function messageBytes(message: GossipMessage): number {
  const claims = message.claims.reduce((sum, claim) => sum + claimBytes(claim), 0);
  return ENVELOPE_BYTES + fixedBytes(message) + headBytes(message.claims.length) + claims;
}

/** How many bytes of claims still fit into a datagram with this message. Never negative. */
export function claimsRoomBytes(message: GossipMessage): number {
  return Math.max(0, DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX - messageBytes(message));
}

function fixedBytes(message: GossipMessage): number {
  switch (message.kind) {
    case "ping":
      return 1 + NONCE_BYTES + INCARNATION_BYTES + (message.prober === undefined ? 1 : 34) +
        DIGEST_BYTES +
        stringBytes(message.head.length);
    case "ack":
      return 1 + NONCE_BYTES + INCARNATION_BYTES + vouchedBytes(message) +
        DIGEST_BYTES +
        stringBytes(message.head.length);
    case "ping-request":
      return 1 + NONCE_BYTES + 34;
    case "nack":
      return 1 + NONCE_BYTES;
    case "gossip":
      return 1;
    default:
      return message satisfies never;
  }
}

function vouchedBytes({ proof, coordinate }: GossipMessage & { kind: "ack" }): number {
  if (proof) return PROOF_BYTES;
  return coordinate ? stringBytes(COORDINATE_BYTES) : 1;
}

function stringBytes(length: number): number {
  return headBytes(length) + length;
}

/** Bytes of a CBOR head with this argument (RFC 8949, section 3). */
function headBytes(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : 5;
}
