/**
 * The decoders of a roster cluster's election messages, one for each kind; their forms are in the table of `roster_messages.ts`. Each checks
 * structure and signatures and gives the message, or `undefined`.
 */
import { gaveUpMessage, voteMessage } from "../../function/leader-election/rules.ts";
import {
  leaseAckMessage,
  ROSTER_MAX,
  stepDownMessage,
  successionMessage,
} from "../../function/leader-election/roster_rules.ts";
import type { Cbor } from "../../function/leader-election/cbor.ts";
import { base64url } from "../base/bytes.ts";
import type { Vote } from "../certificate/types.ts";
import { PUBLIC_KEY_BYTES, verifyEd25519 } from "../crypto/ed25519.ts";
import {
  ACK_REFUSAL_REASONS,
  type Objection,
  REFUSAL_REASONS,
  type RosterMessage,
  type RosterVoter,
} from "../election/roster/types.ts";
import { isBytes } from "./envelope.ts";
import { bytesOf, heartbeatBytes, NONCE_BYTES, rosterDigest } from "./roster_signing.ts";
import {
  isDigest,
  isOptional,
  isSignature,
  isSigned,
  isTerm,
  readIds,
  readProposal,
  readSeen,
  readSigned,
  readVote,
  type RosterDoor,
} from "./roster_fields.ts";

/** Longest JWS: the claims of a certificate with 64 nodes stay well below. */
const JWS_CHARACTERS_MAX = 64 * 1024;

type Decoder = (
  body: readonly Cbor[],
  sender: RosterVoter,
  door: RosterDoor,
) => RosterMessage | undefined;

/** By kind. The body is decoded already, the sender is in the roster. */
export const ROSTER_DECODERS: Record<RosterMessage["kind"], Decoder> = {
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
    // What a reason does not have is empty: one message has one encoding.
    if (reason !== "promise" && waitMs !== 0) return undefined;
    if (reason !== "view" && lists.some((list) => list!.length > 0)) return undefined;
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
