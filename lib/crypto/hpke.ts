/**
 * HPKE in base mode (RFC 9180, sections 5.1.1 and 6.1) with the one suite of the wire protocol: DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, ChaCha20-Poly1305, `info` and `aad` empty. A sealed message is `enc || ciphertext`, with a fresh encapsulation of
 * 32 bytes for each message. Runs wherever WebCrypto does.
 */
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { concat } from "../base/bytes.ts";
import { HPKE_KEY_BYTES, HPKE_OVERHEAD_BYTES, type HpkeKey } from "./hpke_key.ts";

/** A fresh key pair, for one session. */
export async function generateHpkeKey(): Promise<HpkeKey> {
  const suite = createSuite();
  const pair = await suite.kem.generateKeyPair();
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));
  return {
    publicKey,
    async open(sealed) {
      if (sealed.length < HPKE_OVERHEAD_BYTES) return undefined;
      try {
        const plain = await suite.open(
          { recipientKey: pair, enc: exactBuffer(sealed.subarray(0, HPKE_KEY_BYTES)) },
          exactBuffer(sealed.subarray(HPKE_KEY_BYTES)),
        );
        return new Uint8Array(plain);
      } catch {
        return undefined;
      }
    },
  };
}

/** Seals bytes to a raw X25519 public key. Throws when the 32 bytes cannot be a key (a point of small order). */
export async function sealHpke(
  publicKey: Uint8Array,
  plain: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const suite = createSuite();
  const recipientPublicKey = await suite.kem.deserializePublicKey(exactBuffer(publicKey));
  const { enc, ct } = await suite.seal({ recipientPublicKey }, exactBuffer(plain));
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

function createSuite(): CipherSuite {
  return new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Chacha20Poly1305(),
  });
}

/** The library reads the whole buffer behind a view, so a view of a greater buffer has to be copied. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}
