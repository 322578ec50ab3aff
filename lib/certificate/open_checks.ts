/** Whether the certificate of an open cluster says what follows from the rules: a majority of the nodes that it lists, and the draw among them. */
import {
  certificateId,
  drawLeader,
  openProposalDigest,
  openVotesNeeded,
} from "../../function/leader-election/rules.ts";
import { base64url, equalBytes } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import { ed25519Jwk, thumbprint } from "../crypto/thumbprint.ts";
import { checkBundle, domainOf, type Finding, type ReadVote } from "./findings.ts";
import type { OpenClaims } from "./format.ts";

/** Everything that is wrong. */
export function* checkOpen(
  claims: OpenClaims,
  kid: Uint8Array,
  bundle: readonly ReadVote[],
): Generator<Finding> {
  const domain = domainOf(claims);
  const { term, prev, digest, active, policy, leader } = claims;
  if (!equalBytes(digest, openProposalDigest(sha256, domain, { term, prev, kid, active }))) {
    yield ["digest", "the digest is not that of term, prev, kid and active nodes"];
  }
  if (!equalBytes(leader, thumbprint(ed25519Jwk(claims.leaderKey)))) {
    yield ["leader", "the leader's id is not the thumbprint of the leader's key"];
  }
  const beacon = sha256(claims.beaconSignature);
  const drawn = drawLeader(sha256, domain, policy, beacon, active);
  if (!equalBytes(leader, drawn.id) || claims.leaderName !== drawn.name) {
    const [wanted, came] = [base64url(drawn.id), base64url(leader)];
    yield [
      "draw",
      `the leader is ${claims.leaderName} (${came}); ${drawn.name} (${wanted}) was drawn`,
    ];
  }
  if (
    !equalBytes(claims.id, certificateId(sha256, domain, { term, digest, kid, beacon, leader }))
  ) {
    yield ["id", "the certificate id is not the hash of what it says"];
  }
  const electorate = active.map((node) => node.id);
  yield* checkBundle(bundle, electorate, openVotesNeeded(active.length), "active");
}
