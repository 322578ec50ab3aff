/**
 * The structure that SNP reports and TDX and SGX quotes bind. Their one free field, `REPORT_DATA` of 64 bytes, is the SHA-512 of
 *
 * ```
 * ["fumata-report-data-v1", nonce, sessionKey, functionChecksum, certificateKid, encryptionKey, encryptionKeyChecksum, resultKey]
 * ```
 *
 * in deterministic CBOR (RFC 8949, section 4.2.1): a text and seven byte strings, an empty one for what is absent; and the isolation's
 * name as a second text at the end, which is left out when it is absent. The kid is its 32 bytes, not their text. The structure travels beside the report (`Evidence.bound`); a verifier accepts only the one canonical encoding
 * and compares its hash, so there is nothing to choose. Documents in Nitro's format have fields for all that and do not use it.
 *
 * Vector: with a nonce of 16 bytes 01, a session key of 32 bytes 02, a function checksum of 32 bytes 03, a kid of 32 bytes 04 and
 * nothing else the structure is
 *
 * ```
 * 88 75 66756d6174612d7265706f72742d646174612d7631 50 01…01 5820 02…02 5820 03…03 5820 04…04 40 40 40
 * ```
 *
 * and REPORT_DATA
 *
 * ```
 * e4690fd5df1d9790d4289f25f3b3ab569e6bdd60f6e393f70901ce6354075e7f
 * 38866afe5120be2965f772324f3d1dcb8c3960868f0fa380e1f1eb9d1d3adf64
 * ```
 */
import { createHash } from "node:crypto";
import { decode } from "cborg";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import { base64url, equalBytes, fromBase64url } from "../base/bytes.ts";
import { checkLength, malformed } from "./structure.ts";
import { type Binding, ISOLATIONS } from "./types.ts";
import { withoutUndefined } from "./user_data.ts";

const TAG = "fumata-report-data-v1";
/** Two RSA-4096 keys in DER and the rest are under 1.5 KiB. */
const BOUND_BYTES_MAX = 4096;
const HASH_BYTES = 32;
/** The tag and the byte strings; the isolation may follow. */
const PARTS = 8;
const ABSENT = new Uint8Array(0);

/** The canonical structure of a binding. */
export function encodeBound(binding: Binding): Uint8Array {
  const { certificateKid } = binding;
  return encodeCbor([
    TAG,
    binding.nonce ?? ABSENT,
    binding.sessionKey ?? ABSENT,
    binding.functionChecksum ?? ABSENT,
    certificateKid === undefined ? ABSENT : fromBase64url(certificateKid) ?? ABSENT,
    binding.encryptionKey ?? ABSENT,
    binding.encryptionKeyChecksum ?? ABSENT,
    binding.resultKey ?? ABSENT,
    ...(binding.isolation === undefined ? [] : [binding.isolation]),
  ]);
}

/** The binding of a canonical structure. Throws `Malformed` for any other bytes. */
export function decodeBound(bytes: Uint8Array): Binding {
  checkLength(bytes, BOUND_BYTES_MAX, "the bound structure");
  const parts: unknown = decode(bytes, { allowIndefinite: false });
  if (!Array.isArray(parts) || parts[0] !== TAG) {
    malformed(`the bound structure is not a "${TAG}"`);
  }
  const isolation = ISOLATIONS.find((known) => known === parts[PARTS]);
  if (parts.length !== (isolation ? PARTS + 1 : PARTS)) {
    malformed("the bound structure has too few parts, too many, or an unknown isolation");
  }
  const fields = parts.slice(1, PARTS).map((part) => {
    if (!(part instanceof Uint8Array)) malformed("the bound structure has a part of another type");
    return part.length > 0 ? part : undefined;
  });
  const [nonce, sessionKey, functionChecksum, kid, encryptionKey, keyChecksum, resultKey] = fields;
  for (const hash of [functionChecksum, kid, keyChecksum]) {
    if (hash && hash.length !== HASH_BYTES) malformed("the bound structure has a broken hash");
  }
  const binding = withoutUndefined<Binding>({
    nonce,
    sessionKey,
    functionChecksum,
    certificateKid: kid && base64url(kid),
    encryptionKey,
    encryptionKeyChecksum: keyChecksum,
    resultKey,
    isolation,
  });
  if (!equalBytes(encodeBound(binding), bytes)) malformed("the bound structure is not canonical");
  return binding;
}

/** `REPORT_DATA` for a bound structure, 64 bytes. */
export function reportDataOf(bound: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha512").update(bound).digest());
}
