/** The key that signs checksums of results: RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017, section 8.1), over WebCrypto. */
import { spkiOfPkcs1 } from "../../crypto/rsa_der.ts";

const PSS = { name: "RSA-PSS", hash: "SHA-256" } as const;
const SALT_BYTES = 32;

/** Whether a signature over a message is valid. Never rejects. */
export type ResultVerifier = (message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/** The verifier of a DER PKCS#1 key, or `undefined` when it is none. */
export async function importResultKey(pkcs1: Uint8Array): Promise<ResultVerifier | undefined> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("spki", spkiOfPkcs1(pkcs1), PSS, false, ["verify"]);
  } catch {
    return undefined;
  }
  return async (message, signature) => {
    const algorithm = { name: "RSA-PSS", saltLength: SALT_BYTES };
    try {
      return await crypto.subtle.verify(
        algorithm,
        key,
        signature as BufferSource,
        message as BufferSource,
      );
    } catch {
      return false;
    }
  };
}
