/** The session key of a document, unverified: for tests that play a client which does not care. */
import { decode } from "cborg";
import { fromBase64 } from "../../lib/base/bytes.ts";

/** `public_key` of a base64 document. */
export function decodeUnverifiedKey(document: string): Uint8Array {
  const [, , payload] = decode(fromBase64(document)!, { useMaps: true }) as Uint8Array[];
  return (decode(payload, { useMaps: true }) as Map<string, Uint8Array>).get("public_key")!;
}
