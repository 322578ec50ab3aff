/**
 * Bodies of a roster cluster's election messages: deterministic CBOR arrays, one kind number each, decoded into verified values.
 *
 * | kind | number | body |
 * |---|---|---|
 * | proposal | 48 | [proposal, signature of the sender's vote] |
 * | vote | 49 | [term, digest, signature] of the sender |
 * | refusal | 50 | [term, digest, reason, wait ms, missing bitmap, forbidden bitmap, head term, head id] |
 * | gave-up | 51 | [prev, term, [[voter, signature], …], seen], seen = [] or [term, digest, voter, signature] |
 * | bundle | 52 | [proposal, [[voter, signature], …]] |
 * | want-certificate | 53 | [id] |
 * | certificate | 54 | [JWS, [[key, signature], …]] |
 * | heartbeat | 55 | [certificate id, nonce, incarnation, sequence, echo or empty, signature] of the sender |
 * | lease-ack | 56 | [certificate id, nonce, signature] of the sender |
 * | ack-refusal | 57 | [certificate id, reason, head term, head id, boot nonce or empty] |
 * | step-down | 58 | [certificate id, voter, signature] |
 * | evidence | 59 | [voter, term, digest, signature, digest, signature] |
 * | succession | 60 | [successor checksum, signature of the operator] |
 *
 * A proposal is [term, prev, kid, bitmap, incumbent or empty, tenure], or [term, prev, kid, successor checksum] to close. Voters are places in
 * the roster. What is passed on or kept carries its own signature (see the rules) and is checked here; nothing of who is not in the
 * roster gets through. A certificate leaves here as a document: verifying it is the work of `lib/certificate`.
 */
import {
  type Domain,
  gaveUpMessage,
  TERM_MAX,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import {
  isActive,
  isBitmap,
  leaseAckMessage,
  ROSTER_MAX,
  stepDownMessage,
  successionMessage,
} from "../../function/leader-election/roster_rules.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { base64url } from "../base/bytes.ts";
import type { Digest, Vote } from "../certificate/types.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verifyEd25519 } from "../crypto/ed25519.ts";
import {
  ACK_REFUSAL_REASONS,
  type Objection,
  REFUSAL_REASONS,
  type Roster,
  type RosterMessage,
  type RosterProposal,
  type RosterVoter,
  type SignedVote,
} from "../election/roster/types.ts";
import type { NodeId } from "../membership/types.ts";
import { decodeCbor } from "./cbor_decode.ts";
import { type Dropped, dropped, isBytes } from "./envelope.ts";
import {
  bitmapOfIds,
  bytesOf,
  heartbeatBytes,
  NONCE_BYTES,
  rosterDigest,
} from "./roster_signing.ts";

/** Numbers of the kinds in the envelope; 48..63 are theirs. */
export const ROSTER_KINDS = {
  "proposal": 48,
  "vote": 49,
  "refusal": 50,
  "gave-up": 51,
  "bundle": 52,
  "want-certificate": 53,
  "certificate": 54,
  "heartbeat": 55,
  "lease-ack": 56,
  "ack-refusal": 57,
  "step-down": 58,
  "evidence": 59,
  "succession": 60,
} as const satisfies Record<RosterMessage["kind"], number>;

/** Largest body: the longest certificate and its votes. */
export const ROSTER_BODY_BYTES_MAX = 96 * 1024;

/** Longest JWS: the claims of a certificate with 64 nodes stay well below. */
const JWS_CHARACTERS_MAX = 64 * 1024;
const DIGEST_BYTES = 32;

/** What the door knows. */
export interface RosterDoor {
  readonly domain: Domain;
  readonly roster: Pick<Roster, "voters" | "votesNeeded">;
  /** Raw Ed25519 key of who may order a succession, 32 bytes; without one, orders are dropped. */
  readonly operatorKey?: Uint8Array;
}

/** Encodes a body; the envelope takes `ROSTER_KINDS[message.kind]`. */
export function encodeRosterMessage(
  message: RosterMessage,
  voters: readonly RosterVoter[],
): Uint8Array<ArrayBuffer> {
  return encodeCbor(bodyOf(message, voters));
}

/** Decodes the body of an opened envelope and checks every signature in it but the certificate's. Never throws. */
export function decodeRosterMessage(
  opened: { readonly senderKey: Uint8Array; readonly kind: number; readonly body: Uint8Array },
  door: RosterDoor,
): { readonly ok: true; readonly message: RosterMessage } | Dropped {
  if (opened.body.length > ROSTER_BODY_BYTES_MAX) return dropped("too-long");
  const kind = (Object.keys(ROSTER_KINDS) as RosterMessage["kind"][])
    .find((name) => ROSTER_KINDS[name] === opened.kind);
  if (!kind) return dropped("kind");
  const key = base64url(opened.senderKey);
  const sender = door.roster.voters.find((voter) => voter.key === key);
  if (!sender) return dropped("claim");
  const body = decodeCbor(opened.body);
  if (!Array.isArray(body)) return dropped("body");
  const message = DECODERS[kind](body, sender, door);
  return message ? { ok: true, message } : dropped("body");
}

function bodyOf(message: RosterMessage, voters: readonly RosterVoter[]): Cbor {
  const place = (id: NodeId) => voters.findIndex((voter) => voter.id === id);
  const placeOfKey = (key: string) => voters.findIndex((voter) => voter.key === key);
  const vote = ({ key, signature }: Vote): Cbor => [placeOfKey(key), bytesOf(signature)];
  switch (message.kind) {
    case "proposal":
      return [proposalBody(message.proposal, voters), bytesOf(message.vote.signature)];
    case "vote":
      return [message.term, bytesOf(message.digest), bytesOf(message.vote.signature)];
    case "refusal": {
      const { term, digest, objection, head } = message;
      return [
        term,
        bytesOf(digest),
        REFUSAL_REASONS.indexOf(objection.reason),
        objection.waitMs ?? 0,
        bitmapOfIds(voters, objection.missing ?? []),
        bitmapOfIds(voters, objection.forbidden ?? []),
        head.term,
        bytesOf(head.id),
      ];
    }
    case "gave-up": {
      const [{ prev, term }] = message.statements;
      const { seen } = message;
      return [
        bytesOf(prev),
        term,
        message.statements.map((one): Cbor => [place(one.voter), bytesOf(one.signature)]),
        seen ? [seen.term, bytesOf(seen.digest), ...vote(seen.vote) as Cbor[]] : [],
      ];
    }
    case "bundle":
      return [proposalBody(message.proposal, voters), message.votes.map(vote)];
    case "want-certificate":
      return [bytesOf(message.id)];
    case "certificate": {
      const { certificate, bundle } = message.document;
      return [certificate, bundle.map((one): Cbor => [bytesOf(one.key), bytesOf(one.signature)])];
    }
    case "heartbeat": {
      const { certificateId, nonce, incarnation, sequence, echo, signature } = message.heartbeat;
      return [
        bytesOf(certificateId),
        bytesOf(nonce),
        incarnation,
        sequence,
        bytesOf(echo ?? ""),
        bytesOf(signature),
      ];
    }
    case "lease-ack": {
      const { certificateId, nonce, signature } = message.ack;
      return [bytesOf(certificateId), bytesOf(nonce), bytesOf(signature)];
    }
    case "ack-refusal": {
      const { certificateId, reason, head, bootNonce } = message;
      return [
        bytesOf(certificateId),
        ACK_REFUSAL_REASONS.indexOf(reason),
        head.term,
        bytesOf(head.id),
        bytesOf(bootNonce ?? ""),
      ];
    }
    case "step-down": {
      const { certificateId, leader, signature } = message.stepDown;
      return [bytesOf(certificateId), place(leader), bytesOf(signature)];
    }
    case "evidence": {
      const [a, b] = message.votes;
      const said = ({ digest, vote }: SignedVote) => [bytesOf(digest), bytesOf(vote.signature)];
      return [placeOfKey(a.vote.key), a.term, ...said(a), ...said(b)];
    }
    case "succession":
      return [bytesOf(message.order.successor), bytesOf(message.order.signature)];
  }
}

function proposalBody(proposal: RosterProposal, voters: readonly RosterVoter[]): Cbor {
  const base = [proposal.term, bytesOf(proposal.prev), bytesOf(proposal.kid)];
  if (proposal.type === "closing") return [...base, bytesOf(proposal.successor)];
  const bitmap = bitmapOfIds(voters, proposal.active);
  return [...base, bitmap, bytesOf(proposal.incumbent ?? ""), proposal.tenure];
}

type Decoder = (
  body: readonly Cbor[],
  sender: RosterVoter,
  door: RosterDoor,
) => RosterMessage | undefined;

const DECODERS: Record<RosterMessage["kind"], Decoder> = {
  "proposal": (body, sender, door) => {
    const proposal = readProposal(body[0], door);
    const [, signature] = body;
    if (body.length !== 2 || !proposal || !isSignature(signature)) return undefined;
    const digest = rosterDigest(door.domain, door.roster.voters, proposal);
    const vote = readVote(sender, proposal.term, digest, signature, door);
    return vote && { kind: "proposal", proposal, vote };
  },
  "vote": (body, sender, door) => {
    const [term, bytes, signature] = body;
    if (body.length !== 3 || !isTerm(term) || !isDigest(bytes)) return undefined;
    const digest = base64url(bytes);
    const vote = readVote(sender, term, digest, signature, door);
    return vote && { kind: "vote", term, digest, vote };
  },
  "refusal": (body, _sender, { roster: { voters } }) => {
    const [term, digest, place, waitMs, missing, forbidden, headTerm, headId] = body;
    if (body.length !== 8 || !isTerm(term) || !isDigest(digest) || !isDigest(headId)) {
      return undefined;
    }
    if (typeof place !== "number" || typeof waitMs !== "number" || typeof headTerm !== "number") {
      return undefined;
    }
    const reason = REFUSAL_REASONS[place];
    const lists = [readIds(missing, voters), readIds(forbidden, voters)];
    if (!reason || !lists[0] || !lists[1]) return undefined;
    const objection: Objection = {
      reason,
      ...(reason === "promise" && { waitMs }),
      ...(reason === "view" && { missing: lists[0], forbidden: lists[1] }),
    };
    const head = { term: headTerm, id: base64url(headId) };
    return { kind: "refusal", term, digest: base64url(digest), objection, head };
  },
  "gave-up": (body, _sender, door) => {
    const [prev, term, list, last] = body;
    if (body.length !== 4 || !isDigest(prev) || !isTerm(term)) return undefined;
    const signed = readSigned(list, gaveUpMessage(door.domain, prev, term), door);
    const seen = readSeen(last, door);
    if (!signed || signed.length === 0 || seen === "bad") return undefined;
    const statements = signed.map(([{ id }, signature]) => ({
      prev: base64url(prev),
      term,
      voter: id,
      signature,
    }));
    return { kind: "gave-up", statements, ...(seen && { seen }) };
  },
  "bundle": (body, _sender, door) => {
    const proposal = readProposal(body[0], door);
    if (body.length !== 2 || !proposal) return undefined;
    const digest = bytesOf(rosterDigest(door.domain, door.roster.voters, proposal));
    const signed = readSigned(body[1], voteMessage(door.domain, proposal.term, digest), door);
    if (!signed || signed.length < door.roster.votesNeeded) return undefined;
    const votes = signed.map(([{ key }, signature]): Vote => ({ key, signature }));
    return { kind: "bundle", proposal, votes };
  },
  "want-certificate": (body) =>
    body.length === 1 && isDigest(body[0])
      ? { kind: "want-certificate", id: base64url(body[0]) }
      : undefined,
  "certificate": (body) => {
    const [certificate, list] = body;
    if (body.length !== 2 || typeof certificate !== "string" || !Array.isArray(list)) {
      return undefined;
    }
    if (certificate.length > JWS_CHARACTERS_MAX || list.length > ROSTER_MAX) return undefined;
    const bundle: Vote[] = [];
    for (const item of list) {
      if (!Array.isArray(item) || item.length !== 2) return undefined;
      const [key, signature] = item;
      if (!isBytes(key, PUBLIC_KEY_BYTES) || !isSignature(signature)) return undefined;
      bundle.push({ key: base64url(key), signature: base64url(signature) });
    }
    return { kind: "certificate", document: { certificate, bundle } };
  },
  "heartbeat": (body, sender, { domain }) => {
    const [id, nonce, incarnation, sequence, echo, signature] = body;
    if (body.length !== 6 || !isDigest(id) || !isBytes(nonce, NONCE_BYTES)) return undefined;
    if (typeof incarnation !== "number" || typeof sequence !== "number") return undefined;
    if (!isSignature(signature) || !isOptional(echo, NONCE_BYTES)) return undefined;
    const unsigned = {
      certificateId: base64url(id),
      nonce: base64url(nonce),
      incarnation,
      sequence,
      ...(echo.length > 0 && { echo: base64url(echo) }),
    };
    if (!isSigned(sender, heartbeatBytes(domain, unsigned), signature)) return undefined;
    return { kind: "heartbeat", heartbeat: { ...unsigned, signature: base64url(signature) } };
  },
  "lease-ack": (body, sender, { domain }) => {
    const [id, nonce, signature] = body;
    if (body.length !== 3 || !isDigest(id) || !isBytes(nonce, NONCE_BYTES)) return undefined;
    if (!isSignature(signature)) return undefined;
    if (!isSigned(sender, leaseAckMessage(domain, id, nonce), signature)) return undefined;
    const ack = {
      certificateId: base64url(id),
      nonce: base64url(nonce),
      voter: sender.id,
      signature: base64url(signature),
    };
    return { kind: "lease-ack", ack };
  },
  "ack-refusal": (body) => {
    const [id, place, headTerm, headId, bootNonce] = body;
    if (body.length !== 5 || !isDigest(id) || !isDigest(headId)) return undefined;
    if (typeof place !== "number" || typeof headTerm !== "number") return undefined;
    const reason = ACK_REFUSAL_REASONS[place];
    if (!reason || !isOptional(bootNonce, NONCE_BYTES)) return undefined;
    return {
      kind: "ack-refusal",
      certificateId: base64url(id),
      reason,
      head: { term: headTerm, id: base64url(headId) },
      ...(bootNonce.length > 0 && { bootNonce: base64url(bootNonce) }),
    };
  },
  "step-down": (body, _sender, { domain, roster: { voters } }) => {
    const [id, place, signature] = body;
    const leader = typeof place === "number" ? voters[place] : undefined;
    if (body.length !== 3 || !isDigest(id) || !leader || !isSignature(signature)) return undefined;
    if (!isSigned(leader, stepDownMessage(domain, id), signature)) return undefined;
    const stepDown = {
      certificateId: base64url(id),
      leader: leader.id,
      signature: base64url(signature),
    };
    return { kind: "step-down", stepDown };
  },
  "evidence": (body, _sender, door) => {
    const [place, term, one, oneSignature, other, otherSignature] = body;
    const liar = typeof place === "number" ? door.roster.voters[place] : undefined;
    if (body.length !== 6 || !liar || !isTerm(term)) return undefined;
    if (!isDigest(one) || !isDigest(other)) return undefined;
    const digests = [base64url(one), base64url(other)];
    const first = readVote(liar, term, digests[0], oneSignature, door);
    const second = readVote(liar, term, digests[1], otherSignature, door);
    if (!first || !second || digests[0] === digests[1]) return undefined;
    return {
      kind: "evidence",
      votes: [{ term, digest: digests[0], vote: first }, {
        term,
        digest: digests[1],
        vote: second,
      }],
    };
  },
  "succession": (body, _sender, { domain, operatorKey }) => {
    const [successor, signature] = body;
    if (body.length !== 2 || !isDigest(successor) || !isSignature(signature)) return undefined;
    if (!operatorKey) return undefined;
    if (!verifyEd25519(operatorKey, successionMessage(domain, successor), signature)) {
      return undefined;
    }
    const order = { successor: base64url(successor), signature: base64url(signature) };
    return { kind: "succession", order };
  },
};

function readProposal(value: Cbor, { roster: { voters } }: RosterDoor): RosterProposal | undefined {
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
function readIds(value: Cbor, voters: readonly RosterVoter[]): NodeId[] | undefined {
  if (!(value instanceof Uint8Array) || !isBitmap(voters.length, value)) return undefined;
  return voters.filter((_, index) => isActive(value, index)).map((voter) => voter.id);
}

function readVote(
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
function readSigned(
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

function readSeen(value: Cbor, door: RosterDoor): SignedVote | undefined | "bad" {
  if (!Array.isArray(value)) return "bad";
  if (value.length === 0) return undefined;
  const [term, bytes, place, signature] = value;
  const voter = typeof place === "number" ? door.roster.voters[place] : undefined;
  if (value.length !== 4 || !isTerm(term) || !isDigest(bytes) || !voter) return "bad";
  const digest = base64url(bytes);
  const vote = readVote(voter, term, digest, signature, door);
  return vote ? { term, digest, vote } : "bad";
}

function isSigned(voter: RosterVoter, message: Uint8Array, signature: Uint8Array): boolean {
  return verifyEd25519(bytesOf(voter.key), message, signature);
}

/** Below the greatest, so that there is always a next one. */
function isTerm(value: Cbor): value is number {
  return typeof value === "number" && value >= 1 && value < TERM_MAX;
}

function isDigest(value: Cbor): value is Uint8Array {
  return isBytes(value, DIGEST_BYTES);
}

function isSignature(value: Cbor): value is Uint8Array {
  return isBytes(value, SIGNATURE_BYTES);
}

function isOptional(value: Cbor, length: number): value is Uint8Array {
  return isBytes(value, length) || isBytes(value, 0);
}
