/**
 * The two DER forms of an RSA public key: PKCS#1 `RSAPublicKey` (RFC 8017, appendix A.1.1), as the wire protocol carries it, and
 * SubjectPublicKeyInfo (RFC 5280, section 4.1), as WebCrypto imports it. The second is the first in a wrapper.
 */
import { concat, fromHex } from "../base/bytes.ts";

/** AlgorithmIdentifier of rsaEncryption with its NULL parameters (RFC 8017, appendix A.1). */
const RSA_ENCRYPTION = fromHex("300d06092a864886f70d0101010500")!;

/** SubjectPublicKeyInfo around a PKCS#1 public key. The content is not looked at: importing it does that. */
export function spkiOfPkcs1(pkcs1: Uint8Array): Uint8Array<ArrayBuffer> {
  const bitString = element(0x03, concat(Uint8Array.of(0), pkcs1));
  return element(0x30, concat(RSA_ENCRYPTION, bitString));
}

function element(tag: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const lengthBytes: number[] = [];
  for (let rest = content.length; rest > 0; rest >>>= 8) lengthBytes.unshift(rest & 0xff);
  const head = content.length < 0x80
    ? Uint8Array.of(tag, content.length)
    : Uint8Array.of(tag, 0x80 | lengthBytes.length, ...lengthBytes);
  return concat(head, content);
}
