/**
 * What the wire protocol puts into `user_data`: JSON that names the function and the enclave's keys. `certificate_kid` and `isolation`
 * are extensions of fumata: the RFC 7638 thumbprint of the key that signs election certificates (the key itself travels beside the
 * evidence), and what keeps the function from the rest of the enclave.
 */
import { base64, fromBase64, fromBase64url, utf8 } from "../base/bytes.ts";
import { parseJsonObject } from "./structure.ts";
import { type Binding, ISOLATIONS } from "./types.ts";

/** Bytes of a SHA-256. */
const HASH_BYTES = 32;
/** A key in DER that is longer than one of RSA-4096 by far. */
const KEY_BYTES_MAX = 1024;

/** The fields that `user_data` carries. */
export type UserData = Omit<Binding, "nonce" | "sessionKey">;

/** The JSON text for `user_data`, as compact as it gets. */
export function encodeUserData(data: UserData): Uint8Array {
  const encoded = (bytes: Uint8Array | undefined) => bytes && base64(bytes);
  return utf8(JSON.stringify({
    func_checksum: encoded(data.functionChecksum),
    key_checksum: encoded(data.encryptionKeyChecksum),
    key: encoded(data.encryptionKey),
    signature_verification_public_key: encoded(data.resultKey),
    certificate_kid: data.certificateKid,
    isolation: data.isolation,
  }));
}

/** Reads `user_data`; gives nothing at all when it is not JSON of this form, as enclaves of others have it. */
export function decodeUserData(bytes: Uint8Array | undefined): UserData {
  const fields = bytes && bytes.length > 0 ? parseJsonObject(bytes) : undefined;
  if (!fields) return {};
  const kid = fields.certificate_kid;
  const isKid = typeof kid === "string" && fromBase64url(kid)?.length === HASH_BYTES;
  return withoutUndefined({
    functionChecksum: bytesOf(fields.func_checksum, HASH_BYTES, HASH_BYTES),
    encryptionKeyChecksum: bytesOf(fields.key_checksum, HASH_BYTES, HASH_BYTES),
    encryptionKey: bytesOf(fields.key, 1, KEY_BYTES_MAX),
    resultKey: bytesOf(fields.signature_verification_public_key, 1, KEY_BYTES_MAX),
    certificateKid: isKid ? kid : undefined,
    isolation: ISOLATIONS.find((known) => known === fields.isolation),
  });
}

/** A copy without the members that are `undefined`. */
export function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as T;
}

function bytesOf(value: unknown, min: number, max: number): Uint8Array | undefined {
  const bytes = typeof value === "string" ? fromBase64(value) : undefined;
  return bytes && bytes.length >= min && bytes.length <= max ? bytes : undefined;
}
