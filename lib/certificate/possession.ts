/**
 * Proof that whoever answers holds the leader's key now (RFC 7800, section 3): the asker sends 32 bytes that it has just drawn, the leader signs
 * them together with the certificate's id under a tag of their own. Over HTTP: `POST /v1/prove` with `{"certificate": id, "challenge"}`
 * is answered `{"signature"}`, all base64url.
 *
 * What it does not prove: that the other end of the connection is the leader itself and not somebody who passed the challenge on, nor
 * that the leader holds its lease.
 */
import { possessionMessage } from "../../function/leader-election/roster_rules.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import type { Identity } from "../crypto/ed25519.ts";
import { verifyEd25519 } from "../crypto/ed25519.ts";
import type { Digest } from "./types.ts";

/** Bytes of a challenge. */
export const CHALLENGE_BYTES = 32;

/** What is asked. */
export interface PossessionChallenge {
  /** Id of the certificate whose leader is to answer. */
  readonly certificate: Digest;
  /** Fresh random bytes, base64url. */
  readonly challenge: string;
}

/** Reads a challenge of unknown origin, or says in one line why it is none. Never throws. */
export function readChallenge(value: unknown): PossessionChallenge | string {
  if (typeof value !== "object" || value === null) return "the challenge is not an object";
  const { certificate, challenge, ...rest } = value as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `the challenge has an unknown field "${unknown.slice(0, 40)}"`;
  if (!isText(certificate, 32)) return '"certificate" is not 32 bytes in base64url';
  if (!isText(challenge, CHALLENGE_BYTES)) {
    return `"challenge" is not ${CHALLENGE_BYTES} bytes in base64url`;
  }
  return { certificate, challenge };
}

/** The leader's answer, base64url. The challenge was read by {@linkcode readChallenge}. */
export function provePossession(
  leader: Identity,
  domain: Domain,
  challenge: PossessionChallenge,
): string {
  return base64url(leader.sign(messageOf(domain, challenge)));
}

/** Whether an answer is the leader's. `leaderKey` is the certificate's `cnf`, 32 bytes. Never throws. */
export function verifyPossession(
  leaderKey: Uint8Array,
  domain: Domain,
  challenge: PossessionChallenge,
  signature: unknown,
): boolean {
  const bytes = typeof signature === "string" ? fromBase64url(signature) : undefined;
  return bytes !== undefined && verifyEd25519(leaderKey, messageOf(domain, challenge), bytes);
}

function messageOf(domain: Domain, { certificate, challenge }: PossessionChallenge): Uint8Array {
  const empty = new Uint8Array();
  return possessionMessage(
    domain,
    fromBase64url(certificate) ?? empty,
    fromBase64url(challenge) ?? empty,
  );
}

function isText(value: unknown, bytes: number): value is string {
  return typeof value === "string" && value.length === Math.ceil(bytes * 4 / 3) &&
    fromBase64url(value)?.length === bytes;
}
