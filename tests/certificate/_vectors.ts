/**
 * Makes `tests/vectors/election.json`: every hash, signature and draw of one election of an open cluster, and of several of a roster, from
 * inputs that anyone can repeat, so that other implementations can be checked. Run this file to write it again.
 */
import {
  beaconInput,
  callMessage,
  collectorOf,
  drawLeader,
  gaveUpMessage,
  genesisId,
  type Policy,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import { proposalDigest } from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { firstProposal, testNodes, votesOf } from "../function/_election.ts";
import { CERTIFICATE_PEM, certificateKey } from "../function/_world.ts";
import { claimsFor, enclaveSign, signJws } from "./_issue.ts";
import { rosterVectors } from "./_roster_vectors.ts";

/** Where the vectors are. */
export const VECTORS_FILE = new URL("../vectors/election.json", import.meta.url);

/** The vectors: byte strings in hex, except where the protocol itself has base64url. */
export function electionVectors() {
  const domain = { checksum: sha256(utf8("fumata test function")), cluster: "vectors" };
  const nodes = testNodes(5);
  const proposal = firstProposal(domain, nodes);
  const prev = fromBase64url(proposal.prev)!;
  const digest = proposalDigest(domain, proposal);
  const beaconSignature = enclaveSign(beaconInput(domain, prev));
  const beacon = sha256(beaconSignature);
  const active = proposal.active.map(({ id, name }) => ({ id: fromBase64url(id)!, name }));
  const votes = votesOf(domain, proposal, nodes);
  const elected = (policy: Policy) => {
    const { header, claims } = claimsFor(domain, proposal, policy);
    const drawn = drawLeader(sha256, domain, policy, beacon, active);
    return {
      leader: drawn.name,
      leaderId: base64url(drawn.id),
      certificateId: claims.jti,
      certificate: signJws(header, claims),
    };
  };
  return {
    about: [
      'One election of an open cluster; under "roster", elections of a roster cluster, and its end.',
      "Encodings are in function/leader-election/rules.ts and roster_rules.ts.",
      "Ed25519 seeds are SHA-256 of 'fumata test node <i>'; the RSA key is for tests only.",
    ],
    checksum: hex(domain.checksum),
    cluster: domain.cluster,
    certificateKeyPem: CERTIFICATE_PEM,
    kid: certificateKey().kid,
    nodes: nodes.map(({ identity, name }) => {
      const port = Number(name.split(":")[1]);
      return {
        seed: hex(sha256(utf8(`fumata test node ${port - 5000}`))),
        publicKey: hex(identity.publicKey),
        id: identity.id,
        name,
      };
    }),
    genesis: hex(genesisId(sha256, domain)),
    term: proposal.term,
    digest: hex(digest),
    voteMessage: hex(voteMessage(domain, proposal.term, digest)),
    votes,
    callMessage: hex(callMessage(domain, digest)),
    gaveUpMessage: hex(gaveUpMessage(domain, prev, proposal.term)),
    collectors: [1, 2, 3, 4].map((term) =>
      base64url(collectorOf(sha256, domain, prev, term, active.map(({ id }) => id)))
    ),
    beaconInput: hex(beaconInput(domain, prev)),
    beaconSignature: hex(beaconSignature),
    beacon: hex(beacon),
    highest: elected("highest"),
    random: elected("random"),
    roster: rosterVectors(),
  };
}

if (import.meta.main) {
  await Deno.writeTextFile(VECTORS_FILE, JSON.stringify(electionVectors(), null, 2) + "\n");
}
