/** Identities from fixed seeds, and messages of every kind at their smallest and largest. */
import { base64, concat, fromHex } from "../../lib/base/bytes.ts";
import type { Prng } from "../../lib/base/prng.ts";
import { type Identity, identityFromPem } from "../../lib/crypto/ed25519.ts";
import type { Claim, GossipMessage } from "../../lib/membership/types.ts";
import { createClaimSigner } from "../../lib/wire/claims.ts";
import { createAckSigner } from "../../lib/wire/gossip_messages.ts";

export const CLUSTER = "test";

/** PKCS#8 of Ed25519 up to the private key (RFC 8410, section 7). */
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420")!;

/** The identity whose private key is one byte, 32 times. */
export function identityOf(seed: number): Identity {
  const der = concat(PKCS8_PREFIX, new Uint8Array(32).fill(seed));
  const pem = `-----BEGIN PRIVATE KEY-----\n${base64(der)}\n-----END PRIVATE KEY-----\n`;
  return identityFromPem(pem)!;
}

export const alice = identityOf(1);
export const bob = identityOf(2);
export const carol = identityOf(3);

const NONCE = "0123456789abcdef";
const DIGEST = "fedcba9876543210";
const HEAD = new Uint8Array(48).fill(7);

/** One claim of each type, made by Alice. */
export function claimsOfAlice(cluster = CLUSTER): Claim[] {
  const sign = createClaimSigner(alice, cluster);
  return [
    sign({
      type: "alive",
      incarnation: 7,
      address: { host: "127.0.0.1", port: 9001 },
      name: "127.0.0.1:9001",
      tags: { zone: "b", rack: "3" },
      keyMadeS: 1_795_000_000,
    }),
    sign({ type: "suspect", subject: bob.id, incarnation: 300 }),
    sign({ type: "dead", subject: bob.id, incarnation: 70_000 }),
    sign({ type: "left", incarnation: 2 ** 33 }),
  ];
}

/** Messages of every kind and form. */
export function messages(claims: readonly Claim[]): GossipMessage[] {
  const signature = createAckSigner(alice, CLUSTER)({
    prober: bob.id,
    nonce: NONCE,
    incarnation: 5,
  });
  const ack = { kind: "ack", nonce: NONCE, incarnation: 5, subject: alice.id } as const;
  const empty = new Uint8Array(0);
  return [
    { kind: "ping", nonce: NONCE, incarnation: 0, digest: DIGEST, head: empty, claims },
    {
      kind: "ping",
      nonce: NONCE,
      incarnation: 2 ** 40 - 1,
      prober: bob.id,
      digest: DIGEST,
      head: HEAD,
      claims,
    },
    { ...ack, digest: DIGEST, head: empty, claims },
    {
      ...ack,
      proof: { subjectKey: alice.publicKey, prober: bob.id, signature },
      digest: DIGEST,
      head: HEAD,
      claims,
    },
    { kind: "ping-request", nonce: NONCE, target: carol.id, claims },
    {
      ...ack,
      coordinate: { position: [1.5, -2000, 0], heightMs: 0.5, adjustmentMs: -0.25, error: 0.75 },
      digest: DIGEST,
      head: empty,
      claims,
    },
    { kind: "nack", nonce: NONCE, claims },
    { kind: "gossip", claims },
  ];
}

/** A copy with one to three random changes: a flipped bit, an inserted, removed or replaced byte. */
export function mutated(bytes: Uint8Array, prng: Prng): Uint8Array {
  let copy = [...bytes];
  for (let change = prng.below(3); change >= 0; change--) {
    const at = prng.below(copy.length);
    const kind = prng.below(4);
    if (kind === 0) copy[at] ^= 1 << prng.below(8);
    else if (kind === 1) copy[at] = prng.below(256);
    else if (kind === 2) copy.splice(at, 1);
    else copy = [...copy.slice(0, at), prng.below(256), ...copy.slice(at)];
  }
  return Uint8Array.from(copy);
}

/** Random bytes, some of which begin like a frame. */
export function noise(prng: Prng): Uint8Array {
  const bytes = Uint8Array.from({ length: prng.below(400) }, () => prng.below(256));
  if (bytes.length > 2 && prng.below(2) === 0) bytes.set([0x87, 0x01]);
  return bytes;
}
