/** The election core's rules, made from the enclave's own rules and a node's key: texts in and out, bytes inside. */
import {
  collectorOf,
  type Domain,
  gaveUpMessage,
  genesisId,
  openProposalDigest,
  openVotesNeeded,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { ElectionRules } from "../election/open_context.ts";

/** The rules of an open cluster for one node. */
export function openElectionRules(identity: Identity, domain: Domain): ElectionRules {
  const key = base64url(identity.publicKey);
  return {
    genesis: base64url(genesisId(sha256, domain)),
    digest: ({ term, prev, kid, active }) =>
      base64url(openProposalDigest(sha256, domain, {
        term,
        prev: bytes(prev),
        kid: bytes(kid),
        active: active.map((node) => ({ id: bytes(node.id), name: node.name })),
      })),
    collector: (prev, term, active) =>
      base64url(collectorOf(sha256, domain, bytes(prev), term, active.map(bytes))),
    votesNeeded: openVotesNeeded,
    signVote: (term, digest) => ({
      key,
      signature: base64url(identity.sign(voteMessage(domain, term, bytes(digest)))),
    }),
    signGaveUp: (prev, term) => ({
      prev,
      term,
      voter: identity.id,
      key,
      signature: base64url(identity.sign(gaveUpMessage(domain, bytes(prev), term))),
    }),
  };
}

function bytes(text: string): Uint8Array {
  const decoded = fromBase64url(text);
  assert(decoded, "digests in the core are base64url");
  return decoded;
}
