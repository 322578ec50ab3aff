/**
 * The wire protocol as a client of others speaks it. This client shares no code with fumata: `ws`, cborg, WebCrypto, node:crypto, and
 * HPKE (RFC 9180) written out from the RFC in a few lines. What it sends and checks is `enclave-protocol.md`, nothing else.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Buffer } from "node:buffer";
import { decode, encode } from "cborg";
import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  verify,
  X509Certificate,
} from "node:crypto";
import { RawSocket } from "./_raw.ts";

export const text = new TextEncoder();

/** Opens an endpoint and goes through nonce and attestation; gives the document's fields. */
export async function open(url: string, path: string, token: string, rootPem: string) {
  const socket = await RawSocket.open(url, path, ["cape.runtime", token]);
  const nonce = randomBytes(12);
  socket.send(JSON.stringify({ message: { nonce: nonce.toString("base64") } }));
  const frame = await socket.nextJson();
  strictEqual(frame.message.type, "attestation_doc");
  const document = verifyDocument(Buffer.from(frame.message.message, "base64"), rootPem);
  deepStrictEqual(Buffer.from(document.nonce as Uint8Array), nonce);
  const userData = JSON.parse(new TextDecoder().decode(document.user_data as Uint8Array));
  return { socket, nonce, frame, sessionKey: document.public_key as Uint8Array, userData };
}

/** COSE_Sign1 with ES384, the chain from the root, the payload's map. */
export function verifyDocument(bytes: Uint8Array, rootPem: string): Record<string, unknown> {
  const [header, , payload, signature] = decode(bytes, { useMaps: true }) as Uint8Array[];
  deepStrictEqual(decode(header, { useMaps: true }), new Map([[1, -35]]));
  strictEqual(signature.length, 96);
  const fields = Object.fromEntries(decode(payload, { useMaps: true }) as Map<string, unknown>);
  const chain = [...fields.cabundle as Uint8Array[], fields.certificate as Uint8Array]
    .map((der) => new X509Certificate(der));
  strictEqual(chain[0].fingerprint256, new X509Certificate(rootPem).fingerprint256);
  for (let i = 1; i < chain.length; i++) ok(chain[i].verify(chain[i - 1].publicKey));
  const signed = encode(["Signature1", header, new Uint8Array(0), payload]);
  const leaf = { key: chain.at(-1)!.publicKey, dsaEncoding: "ieee-p1363" } as const;
  ok(verify("sha384", signed, leaf, signature));
  strictEqual(fields.digest, "SHA384");
  ok((fields.pcrs as Map<number, Uint8Array>).get(0)!.length === 48);
  return fields;
}

export const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const i2osp = (value: number) => Uint8Array.of(value >> 8, value & 0xff);

/** HPKE base mode, RFC 9180 sections 4, 5.1 and 6.1: KEM 0x0020, KDF 0x0001, AEAD 0x0003. */
export function sealBase(recipient: Uint8Array, plain: Uint8Array): Uint8Array {
  const kemSuite = concat(text.encode("KEM"), i2osp(0x20));
  const suite = concat(text.encode("HPKE"), i2osp(0x20), i2osp(1), i2osp(3));
  const extract = (id: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array) =>
    createHmac("sha256", salt.length ? salt : new Uint8Array(32))
      .update(concat(text.encode("HPKE-v1"), id, text.encode(label), ikm)).digest();
  const expand = (id: Uint8Array, key: Uint8Array, label: string, info: Uint8Array, n: number) =>
    createHmac("sha256", key)
      .update(concat(i2osp(n), text.encode("HPKE-v1"), id, text.encode(label), info))
      .update(Uint8Array.of(1)).digest().subarray(0, n);
  const none = new Uint8Array(0);
  const spki = Buffer.from("302a300506032b656e032100", "hex");
  const publicKey = createPublicKey({
    key: Buffer.concat([spki, recipient]),
    format: "der",
    type: "spki",
  });
  const ephemeral = generateKeyPairSync("x25519");
  const enc = new Uint8Array(ephemeral.publicKey.export({ type: "spki", format: "der" })).slice(
    -32,
  );
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const prk = extract(kemSuite, none, "eae_prk", shared);
  const secret = expand(kemSuite, prk, "shared_secret", concat(enc, recipient), 32);
  const context = concat(
    Uint8Array.of(0),
    extract(suite, none, "psk_id_hash", none),
    extract(suite, none, "info_hash", none),
  );
  const root = extract(suite, secret, "secret", none);
  const key = expand(suite, root, "key", context, 32);
  const nonce = expand(suite, root, "base_nonce", context, 12);
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  return concat(enc, cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

/** An RSA key of the account from `user_data`. */
export function accountKeyOf(userData: { key: string }): KeyObject {
  return createPublicKey({ key: Buffer.from(userData.key, "base64"), format: "der", type: "spki" });
}

/** `cape:`, RSA-OAEP of an AES key, nonce, AES-GCM: raw bytes. */
export function sealForAccount(account: KeyObject, plain: Uint8Array): Uint8Array {
  const [aesKey, iv] = [randomBytes(32), randomBytes(12)];
  const oaep = { key: account, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
  const cipher = createCipheriv("aes-256-gcm", aesKey, iv);
  return concat(
    text.encode("cape:"),
    publicEncrypt(oaep, aesKey),
    iv,
    cipher.update(plain),
    cipher.final(),
    cipher.getAuthTag(),
  );
}

/** The text form of what is encrypted for an account. */
export function sealedText(account: KeyObject, plain: string): string {
  const sealed = sealForAccount(account, text.encode(plain));
  return "cape:" + Buffer.from(sealed.subarray(5)).toString("base64");
}

/** The output of a `function_result` whose checksums and signature are right. */
export function checkedOutput(
  // deno-lint-ignore no-explicit-any
  frame: any,
  userData: { signature_verification_public_key: string },
  sent: { readonly input: Uint8Array; readonly zip: Uint8Array },
): string {
  const { message } = frame;
  strictEqual(message?.type, "function_result", JSON.stringify(frame));
  const output = Buffer.from(message.message, "base64");
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64");
  deepStrictEqual(message.checksums, {
    input: sha256(sent.input),
    function: sha256(sent.zip),
    output: sha256(output),
  });
  const { input, function: code, output: out } = message.checksums;
  const said = `{"input":"${input}","function":"${code}","output":"${out}"}\n`;
  const resultKey = createPublicKey({
    key: Buffer.from(userData.signature_verification_public_key, "base64"),
    format: "der",
    type: "pkcs1",
  });
  const pss = { key: resultKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  ok(verify("sha256", text.encode(said), pss, Buffer.from(message.signed_checksums, "base64")));
  return output.toString();
}
