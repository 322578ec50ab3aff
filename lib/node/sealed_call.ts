/**
 * Calling the election function so that its answer is for this node alone (design §4.5): each call brings a fresh key, inside the input that is sealed
 * to the attested enclave, and the function seals its answer to that. So a certificate is first known to who collected its votes.
 */
import { base64url, fromUtf8, utf8 } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import { generateNativeHpkeKey } from "../crypto/hpke_native.ts";

/** The opened answer to a request (JSON of an object). Rejects as `call` does, and with `function` for an answer that is not sealed to the key. */
export async function callSealed(
  request: Uint8Array,
  call: (input: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const key = generateNativeHpkeKey();
  const reply = base64url(key.publicKey);
  const answer = await call(utf8(JSON.stringify({ ...JSON.parse(fromUtf8(request)!), reply })));
  const opened = await key.open(answer);
  if (opened) return opened;
  const why = "it is not sealed to the key of this call";
  throw new FumataError("function", `Cannot use the function's answer: ${why}`);
}
