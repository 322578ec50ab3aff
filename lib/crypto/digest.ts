/** SHA-256 and its hex form, synchronous (node:crypto), for protocol paths that must not await. */
import { createHash } from "node:crypto";
import { hex } from "../base/bytes.ts";

/** SHA-256 of the bytes, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** SHA-256 of the bytes in lower-case hex, 64 characters: how function checksums are written. */
export function sha256Hex(bytes: Uint8Array): string {
  return hex(sha256(bytes));
}
