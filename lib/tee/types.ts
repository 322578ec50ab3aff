/** What every trusted execution environment offers to the enclave host: evidence about itself, and sealing. */
import type { Evidence, Platform } from "../attestation/types.ts";

/** What is to be bound into evidence. */
export interface EvidenceRequest {
  /** The client's fresh bytes, 1..64. */
  readonly nonce: Uint8Array;
  /** Raw X25519 key of the session, 32 bytes. */
  readonly sessionKey: Uint8Array;
  /** JSON text as `user_data` of the wire protocol: checksum and keys. */
  readonly userData: Uint8Array;
}

/** One TEE. */
export interface TeeDriver {
  readonly platform: Platform;
  /** Fresh evidence that binds the request. Throws a `FumataError` when the device fails. */
  attest(request: EvidenceRequest): Promise<Evidence>;
  /** Encrypts bytes so that only the same code on the same TEE opens them; `label` is authenticated. `undefined` where the TEE cannot seal. */
  readonly sealing?: {
    seal(plain: Uint8Array, label: string): Promise<Uint8Array>;
    /** `undefined` when the bytes were not sealed here under this label, or were changed. */
    unseal(sealed: Uint8Array, label: string): Promise<Uint8Array | undefined>;
  };
}
