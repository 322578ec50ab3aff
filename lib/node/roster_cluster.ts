/**
 * A roster cluster for one node: the core's roster, rules and certificates made from the package's `cluster.json`, the enclave's own rules
 * and the node's key. Texts in and out, bytes inside.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import {
  heartbeatMessage,
  leaseAckMessage,
  quorum,
  stepDownMessage,
} from "../../function/leader-election/roster_rules.ts";
import {
  collectorOf,
  type Domain,
  gaveUpMessage,
  genesisId,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import {
  closeRequest,
  closingProposalDigest,
  rosterDigest,
  rosterElectRequest,
  rosterProposalTexts,
} from "../certificate/roster_proposal.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type {
  Roster,
  RosterCertificate,
  RosterEffect,
  RosterProposal,
  RosterRules,
} from "../election/roster/types.ts";

/** The electorate as the core knows it. */
export function rosterOf(config: ClusterConfig): Roster {
  return {
    voters: config.roster.map(({ id, key }) => ({ id: base64url(id), key: base64url(key) })),
    faultBound: config.faultBound,
    votesNeeded: quorum(config.roster.length, config.faultBound),
    leaseMs: config.lease.leaseMs,
    ...(config.sticky && { stickyTenureMax: config.maxTenure || Infinity }),
  };
}

/** `prev` of the first certificate. */
export function rosterGenesis(domain: Domain): string {
  return base64url(genesisId(sha256, domain));
}

/** The rules of the core for one node. `nonce` gives 16 random bytes in base64url. */
export function rosterRules(
  identity: Identity,
  domain: Domain,
  config: ClusterConfig,
  nonce: () => string,
): RosterRules {
  const key = base64url(identity.publicKey);
  const ids = config.roster.map((node) => node.id);
  const signed = (message: Uint8Array) => base64url(identity.sign(message));
  return {
    digest: (proposal) => base64url(digestOf(domain, config, proposal)),
    collector: (prev, term) => base64url(collectorOf(sha256, domain, bytes(prev), term, ids)),
    signVote: (term, digest) => ({
      key,
      signature: signed(voteMessage(domain, term, bytes(digest))),
    }),
    signGaveUp: (prev, term) => ({
      prev,
      term,
      voter: identity.id,
      signature: signed(gaveUpMessage(domain, bytes(prev), term)),
    }),
    signHeartbeat: (heartbeat) => ({
      ...heartbeat,
      signature: signed(heartbeatMessage(domain, {
        certificateId: bytes(heartbeat.certificateId),
        nonce: bytes(heartbeat.nonce),
        incarnation: heartbeat.incarnation,
        sequence: heartbeat.sequence,
        echo: bytes(heartbeat.echo ?? ""),
      })),
    }),
    signAck: (certificateId, nonce) => ({
      certificateId,
      nonce,
      voter: identity.id,
      signature: signed(leaseAckMessage(domain, bytes(certificateId), bytes(nonce))),
    }),
    signStepDown: (certificateId) => ({
      certificateId,
      leader: identity.id,
      signature: signed(stepDownMessage(domain, bytes(certificateId))),
    }),
    nonce,
  };
}

/** A verified certificate as the core knows it; `undefined` for one of an open cluster. */
export function rosterCertificateOf(
  certificate: VerifiedCertificate,
): RosterCertificate | undefined {
  const { id, term, prev, kid, digest, document, roster } = certificate;
  if (!roster) return undefined;
  if (roster.kind === "closing") {
    const { successor } = roster;
    return { id, proposal: { type: "closing", term, prev, kid, successor }, digest, document };
  }
  const { tenure } = roster;
  const incumbent = roster.incumbent === "" ? {} : { incumbent: roster.incumbent };
  const { active, leader } = certificate;
  return {
    id,
    proposal: { type: "leader", term, prev, kid, active, tenure, ...incumbent },
    digest,
    leader,
    document,
  };
}

/** The input of the election function for a call that the core asks for. `closing` is what a successor's first certificate follows. */
export function rosterRequest(
  config: ClusterConfig,
  call: Extract<RosterEffect, { type: "call-enclave" }>,
  closing: CertificateDocument | undefined,
): Uint8Array {
  const { proposal, votes, prev, order } = call;
  const previous = (prev?.document ?? closing)?.certificate;
  if (proposal.type === "leader") {
    return rosterElectRequest(rosterProposalTexts(config, proposal), votes, previous);
  }
  assert(order, "a closing is proposed only by order of the operator");
  return closeRequest(proposal, order.signature, votes, previous);
}

function digestOf(domain: Domain, config: ClusterConfig, proposal: RosterProposal): Uint8Array {
  return proposal.type === "leader"
    ? rosterDigest(domain, rosterProposalTexts(config, proposal))
    : closingProposalDigest(domain, proposal);
}

function bytes(text: string): Uint8Array {
  const decoded = fromBase64url(text);
  assert(decoded, "texts of the core are base64url");
  return decoded;
}
