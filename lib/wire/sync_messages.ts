/**
 * Full state for push/pull over a stream: all claims of a snapshot, cut into frame bodies of bounded size. A body is deterministic CBOR
 * of `[index, count, claims]`, so that the receiver knows when it has everything and refuses what is out of order.
 */
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import type { Claim } from "../membership/types.ts";
import { CANDIDATES_MAX, claimBytes } from "../membership/limits.ts";
import { decodeCbor } from "./cbor_decode.ts";
import type { ClaimReader } from "./claims.ts";
import { type Dropped, dropped } from "./envelope.ts";

/** Kind of sync frames in the envelope. */
export const SYNC_KIND = 16;

/** Largest body of one frame; small enough that frames of other kinds get a turn between two of them. */
export const SYNC_BODY_BYTES_MAX = 32 * 1024;

/** Largest whole frame: the body and its envelope. */
export const SYNC_FRAME_BYTES_MAX = SYNC_BODY_BYTES_MAX + 256;

/** Frames of one exchange: an alive claim and two accusations for each of the most members, at 200 bytes on average. */
export const SYNC_FRAMES_MAX = 128;

/** Claims of one exchange. */
export const SYNC_CLAIMS_MAX = 3 * CANDIDATES_MAX;

/** Claims that a frame can hold at least 96 bytes each. */
const FRAME_CLAIMS_MAX = Math.ceil(SYNC_BODY_BYTES_MAX / 96);
/** Head of the body: array, index, count, head of the claims array. */
const FIXED_BYTES = 16;

/** One frame of an exchange, decoded. */
export interface SyncFrame {
  /** 0..count-1. */
  readonly index: number;
  readonly count: number;
  readonly claims: readonly Claim[];
}

/** Frame bodies for these claims, at least one. What is beyond the limits is left out: the other side learns it by gossip. */
export function encodeSync(claims: readonly Claim[]): Uint8Array<ArrayBuffer>[] {
  const chunks: Uint8Array[][] = [[]];
  let room = SYNC_BODY_BYTES_MAX - FIXED_BYTES;
  for (const claim of claims.slice(0, SYNC_CLAIMS_MAX)) {
    if (claimBytes(claim) > room) {
      if (chunks.length === SYNC_FRAMES_MAX) break;
      chunks.push([]);
      room = SYNC_BODY_BYTES_MAX - FIXED_BYTES;
    }
    room -= claimBytes(claim);
    chunks[chunks.length - 1].push(claim.encoded);
  }
  return chunks.map((chunk, index) => encodeCbor([index, chunks.length, chunk]));
}

/** Decodes one body and verifies its claims. Never throws. The caller checks that index and count fit what came before. */
export function decodeSync(
  body: Uint8Array,
  reader: ClaimReader,
): { readonly ok: true; readonly frame: SyncFrame } | Dropped {
  if (body.length > SYNC_BODY_BYTES_MAX) return dropped("too-long");
  const array = decodeCbor(body);
  if (!Array.isArray(array) || array.length !== 3) return dropped("body");
  const [index, count, encodedClaims] = array as [Cbor, Cbor, Cbor];
  if (
    typeof index !== "number" || typeof count !== "number" || count < 1 ||
    count > SYNC_FRAMES_MAX || index >= count || !Array.isArray(encodedClaims) ||
    encodedClaims.length > FRAME_CLAIMS_MAX
  ) {
    return dropped("body");
  }
  const claims: Claim[] = [];
  for (const encoded of encodedClaims) {
    const claim = encoded instanceof Uint8Array ? reader.read(encoded) : undefined;
    if (!claim) return dropped("claim");
    claims.push(claim);
  }
  return { ok: true, frame: { index, count, claims } };
}
