/**
 * The parts that several messages of a roster cluster's election have in common, read and verified: proposals, votes, lists of signatures,
 * digests. Each gives `undefined` for what is malformed, of nobody in the roster or not signed by whom it names.
 */
import { type Domain, TERM_MAX, voteMessage } from "../../function/leader-election/rules.ts";
import { isActive, isBitmap } from "../../function/leader-election/roster_rules.ts";
import type { Cbor } from "../../function/leader-election/cbor.ts";
import { base64url } from "../base/bytes.ts";
import type { Digest, Vote } from "../certificate/types.ts";
import { SIGNATURE_BYTES, verifyEd25519 } from "../crypto/ed25519.ts";
import type { Roster, RosterProposal, RosterVoter, SignedVote } from "../election/roster/types.ts";
import type { NodeId } from "../membership/types.ts";
import { isBytes } from "./envelope.ts";
import { bytesOf } from "./roster_signing.ts";

const DIGEST_BYTES = 32;

/** What the door knows. */
export interface RosterDoor {
  readonly domain: Domain;
  readonly roster: Pick<Roster, "voters" | "votesNeeded">;
  /** Raw Ed25519 key of who may order a succession, 32 bytes; without one, orders are dropped. */
  readonly operatorKey?: Uint8Array;
}

/** A proposal, when its voters are in the roster. */
export function readProposal(
  value: Cbor,
  { roster: { voters } }: RosterDoor,
): RosterProposal | undefined {
  if (!Array.isArray(value) || (value.length !== 4 && value.length !== 6)) return undefined;
  const [term, prev, kid, what, incumbent, tenure] = value;
  if (!isTerm(term) || !isDigest(prev) || !isDigest(kid)) return undefined;
  const base = { term, prev: base64url(prev), kid: base64url(kid) };
  if (value.length === 4) {
    return isDigest(what) ? { type: "closing", ...base, successor: base64url(what) } : undefined;
  }
  const active = readIds(what, voters);
  if (!active || active.length === 0 || !isOptional(incumbent, DIGEST_BYTES)) return undefined;
  if (typeof tenure !== "number" || (tenure === 0) !== (incumbent.length === 0)) return undefined;
  if (incumbent.length === 0) return { type: "leader", ...base, active, tenure };
  const id = base64url(incumbent);
  if (!voters.some((voter) => voter.id === id)) return undefined;
  return { type: "leader", ...base, active, incumbent: id, tenure };
}

/** The voters of a bitmap, in roster order; `undefined` when it has another length or a bit beyond the roster. */
export function readIds(value: Cbor, voters: readonly RosterVoter[]): NodeId[] | undefined {
  if (!(value instanceof Uint8Array) || !isBitmap(voters.length, value)) return undefined;
  return voters.filter((_, index) => isActive(value, index)).map((voter) => voter.id);
}

/** A vote of this voter on a proposal, when its signature is genuine. */
export function readVote(
  voter: RosterVoter,
  term: number,
  digest: Digest,
  signature: Cbor,
  { domain }: RosterDoor,
): Vote | undefined {
  if (!isSignature(signature)) return undefined;
  if (!isSigned(voter, voteMessage(domain, term, bytesOf(digest)), signature)) return undefined;
  return { key: voter.key, signature: base64url(signature) };
}

/** Signatures of different voters over one message. */
export function readSigned(
  list: Cbor,
  message: Uint8Array,
  { roster: { voters } }: RosterDoor,
): [RosterVoter, string][] | undefined {
  if (!Array.isArray(list) || list.length > voters.length) return undefined;
  const signed = new Map<RosterVoter, string>();
  for (const item of list) {
    if (!Array.isArray(item) || item.length !== 2) return undefined;
    const [place, signature] = item;
    const voter = typeof place === "number" ? voters[place] : undefined;
    if (!voter || signed.has(voter) || !isSignature(signature)) return undefined;
    if (!isSigned(voter, message, signature)) return undefined;
    signed.set(voter, base64url(signature));
  }
  return [...signed];
}

/** The vote that came with a statement: none, a genuine one, or one that condemns the message. */
export function readSeen(value: Cbor, door: RosterDoor): SignedVote | undefined | "bad" {
  if (!Array.isArray(value)) return "bad";
  if (value.length === 0) return undefined;
  const [term, bytes, place, signature] = value;
  const voter = typeof place === "number" ? door.roster.voters[place] : undefined;
  if (value.length !== 4 || !isTerm(term) || !isDigest(bytes) || !voter) return "bad";
  const digest = base64url(bytes);
  const vote = readVote(voter, term, digest, signature, door);
  return vote ? { term, digest, vote } : "bad";
}

/** Whether the voter signed the message. */
export function isSigned(voter: RosterVoter, message: Uint8Array, signature: Uint8Array): boolean {
  return verifyEd25519(bytesOf(voter.key), message, signature);
}

/** Below the greatest, so that there is always a next one. */
export function isTerm(value: Cbor): value is number {
  return typeof value === "number" && value >= 1 && value < TERM_MAX;
}

/** Whether a value can be a digest. */
export function isDigest(value: Cbor): value is Uint8Array {
  return isBytes(value, DIGEST_BYTES);
}

/** Whether a value can be a signature. */
export function isSignature(value: Cbor): value is Uint8Array {
  return isBytes(value, SIGNATURE_BYTES);
}

/** Whether a value is empty or has this length. */
export function isOptional(value: Cbor, length: number): value is Uint8Array {
  return isBytes(value, length) || isBytes(value, 0);
}
