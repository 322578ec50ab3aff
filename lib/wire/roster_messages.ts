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
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { base64url } from "../base/bytes.ts";
import type { Vote } from "../certificate/types.ts";
import {
  ACK_REFUSAL_REASONS,
  REFUSAL_REASONS,
  type RosterMessage,
  type RosterProposal,
  type RosterVoter,
  type SignedVote,
} from "../election/roster/types.ts";
import type { NodeId } from "../membership/types.ts";
import { decodeCbor } from "./cbor_decode.ts";
import { type Dropped, dropped } from "./envelope.ts";
import { bitmapOfIds, bytesOf } from "./roster_signing.ts";
import type { RosterDoor } from "./roster_fields.ts";
import { ROSTER_DECODERS } from "./roster_decoders.ts";

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
  const message = ROSTER_DECODERS[kind](body, sender, door);
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
