/**
 * Bodies of the messages by which nodes pass on the evidence of enclave keys, the same in open and roster clusters: deterministic CBOR
 * arrays, one kind number each.
 *
 * | kind | number | body |
 * |---|---|---|
 * | want-key | 64 | [kid] |
 * | key | 65 | [RSA modulus, evidence as an envelope (JSON, UTF-8)] |
 *
 * Nothing in them is believed: who receives a key judges its evidence in full.
 */
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { decodeEvidence, encodeEvidence, type Evidence } from "../attestation/mod.ts";
import { base64url } from "../base/bytes.ts";
import { MODULUS_BYTES_MAX } from "../crypto/rsa.ts";
import type { RsaJwk } from "../crypto/thumbprint.ts";
import { decodeCbor } from "./cbor_decode.ts";
import { type Dropped, dropped } from "./envelope.ts";
import { isDigest } from "./roster_fields.ts";
import { bytesOf } from "./roster_signing.ts";

/** What nodes tell each other of keys. */
export type KeyMessage =
  /** Asks for the key with this thumbprint (base64url) and its evidence. */
  | { readonly kind: "want-key"; readonly kid: string }
  | { readonly kind: "key"; readonly jwk: RsaJwk; readonly evidence: Evidence };

/** Numbers of the kinds in the envelope; 64..65 are theirs. */
export const KEY_KINDS = {
  "want-key": 64,
  "key": 65,
} as const satisfies Record<KeyMessage["kind"], number>;

/** Largest body: the largest envelope of evidence and a key. */
export const KEY_BODY_BYTES_MAX = 130 * 1024;

/** Encodes a body; the envelope takes `KEY_KINDS[message.kind]`. */
export function encodeKeyMessage(message: KeyMessage): Uint8Array<ArrayBuffer> {
  const body: Cbor = message.kind === "want-key"
    ? [bytesOf(message.kid)]
    : [bytesOf(message.jwk.n), encodeEvidence(message.evidence)];
  return encodeCbor(body);
}

/** Decodes the body of an opened envelope. Never throws. */
export function decodeKeyMessage(
  opened: { readonly kind: number; readonly body: Uint8Array },
): { readonly ok: true; readonly message: KeyMessage } | Dropped {
  if (opened.body.length > KEY_BODY_BYTES_MAX) return dropped("too-long");
  const body = decodeCbor(opened.body);
  if (!Array.isArray(body)) return dropped("body");
  switch (opened.kind) {
    case KEY_KINDS["want-key"]: {
      const [kid] = body;
      if (body.length !== 1 || !isDigest(kid)) return dropped("body");
      return { ok: true, message: { kind: "want-key", kid: base64url(kid) } };
    }
    case KEY_KINDS.key: {
      const [modulus, envelope] = body;
      if (body.length !== 2 || !(modulus instanceof Uint8Array)) return dropped("body");
      if (!(envelope instanceof Uint8Array) || modulus.length > MODULUS_BYTES_MAX) {
        return dropped("body");
      }
      const evidence = decodeEvidence(envelope);
      if (typeof evidence === "string") return dropped("body");
      const jwk = { kty: "RSA", n: base64url(modulus), e: "AQAB" } as const;
      return { ok: true, message: { kind: "key", jwk, evidence } };
    }
    default:
      return dropped("kind");
  }
}
