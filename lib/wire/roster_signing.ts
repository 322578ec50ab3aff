/** The rules of a roster's election core, made from the enclave's own rules and a node's key: texts in and out, bytes inside. */
import {
  collectorOf,
  type Domain,
  gaveUpMessage,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import {
  bitmapOf,
  closingDigest,
  heartbeatMessage,
  leaseAckMessage,
  rosterProposalDigest,
  stepDownMessage,
} from "../../function/leader-election/roster_rules.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import type { Digest } from "../certificate/types.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type {
  Heartbeat,
  RosterProposal,
  RosterRules,
  RosterVoter,
} from "../election/roster/types.ts";

/** Bytes of a nonce. */
export const NONCE_BYTES = 16;

/** The rules for one node. `nonce` gives 16 bytes of the platform's random generator, base64url. */
export function rosterElectionRules(
  identity: Identity,
  domain: Domain,
  voters: readonly RosterVoter[],
  nonce: () => string,
): RosterRules {
  const ids = voters.map((voter) => bytesOf(voter.id));
  const key = base64url(identity.publicKey);
  const sign = (message: Uint8Array) => base64url(identity.sign(message));
  return {
    digest: (proposal) => rosterDigest(domain, voters, proposal),
    collector: (prev, term) => base64url(collectorOf(sha256, domain, bytesOf(prev), term, ids)),
    signVote: (term, digest) => ({
      key,
      signature: sign(voteMessage(domain, term, bytesOf(digest))),
    }),
    signGaveUp: (prev, term) => ({
      prev,
      term,
      voter: identity.id,
      signature: sign(gaveUpMessage(domain, bytesOf(prev), term)),
    }),
    signHeartbeat: (heartbeat) => ({
      ...heartbeat,
      signature: sign(heartbeatBytes(domain, heartbeat)),
    }),
    signAck: (certificateId, nonce) => ({
      certificateId,
      nonce,
      voter: identity.id,
      signature: sign(leaseAckMessage(domain, bytesOf(certificateId), bytesOf(nonce))),
    }),
    signStepDown: (certificateId) => ({
      certificateId,
      leader: identity.id,
      signature: sign(stepDownMessage(domain, bytesOf(certificateId))),
    }),
    nonce,
  };
}

/** D of a proposal. */
export function rosterDigest(
  domain: Domain,
  voters: readonly RosterVoter[],
  proposal: RosterProposal,
): Digest {
  const { term } = proposal;
  const [prev, kid] = [bytesOf(proposal.prev), bytesOf(proposal.kid)];
  switch (proposal.type) {
    case "closing":
      return base64url(
        closingDigest(sha256, domain, term, prev, kid, bytesOf(proposal.successor)),
      );
    case "leader":
      return base64url(rosterProposalDigest(sha256, domain, {
        term,
        prev,
        kid,
        bitmap: bitmapOfIds(voters, proposal.active),
        incumbent: bytesOf(proposal.incumbent ?? ""),
        tenure: proposal.tenure,
      }));
  }
}

/** What the leader signs. */
export function heartbeatBytes(
  domain: Domain,
  { certificateId, nonce, incarnation, sequence, echo }: Omit<Heartbeat, "signature">,
): Uint8Array {
  return heartbeatMessage(domain, {
    certificateId: bytesOf(certificateId),
    nonce: bytesOf(nonce),
    incarnation,
    sequence,
    echo: bytesOf(echo ?? ""),
  });
}

/** The bitmap of some voters. */
export function bitmapOfIds(voters: readonly RosterVoter[], ids: readonly string[]): Uint8Array {
  const indexes = voters.flatMap((voter, index) => ids.includes(voter.id) ? [index] : []);
  return bitmapOf(voters.length, indexes);
}

/** Bytes of a text of the core. */
export function bytesOf(text: string): Uint8Array {
  const decoded = fromBase64url(text);
  assert(decoded, "digests, ids, nonces and keys in the core are base64url");
  return decoded;
}
