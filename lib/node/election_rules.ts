/** The election core's rules, made from the enclave's own rules and a node's key: texts in and out, bytes inside. */
import {
  collectorOf,
  type Domain,
  gaveUpMessage,
  genesisId,
  openVotesNeeded,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { ElectionRules } from "../election/open_context.ts";
import { bytesOf, openDigest } from "./open_digest.ts";

/** The rules of an open cluster for one node. */
export function openElectionRules(identity: Identity, domain: Domain): ElectionRules {
  const key = base64url(identity.publicKey);
  return {
    genesis: base64url(genesisId(sha256, domain)),
    digest: (proposal) => openDigest(domain, proposal),
    collector: (prev, term, active) =>
      base64url(collectorOf(sha256, domain, bytesOf(prev), term, active.map(bytesOf))),
    votesNeeded: openVotesNeeded,
    signVote: (term, digest) => ({
      key,
      signature: base64url(identity.sign(voteMessage(domain, term, bytesOf(digest)))),
    }),
    signGaveUp: (prev, term) => ({
      prev,
      term,
      voter: identity.id,
      key,
      signature: base64url(identity.sign(gaveUpMessage(domain, bytesOf(prev), term))),
    }),
  };
}
