/**
 * The hashes that digests of views are sums of (`anti_entropy.ts`): quick ones, for a digest is a hint and no proof. The mixer is murmur3's
 * finalizer (Appleby), the rest FNV-1a's step.
 */
import type { NodeId } from "./types.ts";

/** A word of 32 bits for a member at an incarnation. Ids are hashes already, so a window of one is enough. */
export function hashOfMember(id: NodeId, incarnation: number): number {
  let value = 0x9e3779b9;
  for (let i = 0; i < 8; i++) value = Math.imul(value ^ id.charCodeAt(i), 0x01000193);
  const [low, high] = [incarnation >>> 0, Math.floor(incarnation / 0x100000000)];
  return mixed(value ^ Math.imul(low, 0xcc9e2d51) ^ high);
}

/** A word of 32 bits for some bytes. */
export function hashOfBytes(bytes: Uint8Array): number {
  let value = 0x85ebca6b;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return mixed(value);
}

function mixed(value: number): number {
  let v = value;
  v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
  v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
  return (v ^ (v >>> 16)) >>> 0;
}
