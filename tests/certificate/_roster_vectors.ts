/**
 * The vectors of roster clusters: proposals, draws under each policy (with an incumbent, with weights, at the end of a tenure), certificate
 * ids, the messages of leases, and the end of a cluster. Byte strings in hex, except where the protocol itself has base64url.
 */
import {
  heartbeatMessage,
  isActive,
  leaseAckMessage,
  possessionMessage,
  stepDownMessage,
  successionMessage,
} from "../../function/leader-election/roster_rules.ts";
import { type Domain, genesisId, voteMessage } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  closingProposalDigest,
  rosterDigest,
  type RosterProposalTexts,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import {
  closingVotes,
  type ConfigFields,
  configFields,
  configOf,
  OPERATOR,
  orderFor,
  rosterVotes,
  voters,
} from "../function/_roster.ts";
import { certificateKey } from "../function/_world.ts";
import { closingClaims, rosterClaims } from "./_issue_roster.ts";
import { signJws } from "./_issue.ts";

const VOTERS = 7;
const FAULT_BOUND = 2;
const QUORUM = 5;

/** A seven-voter cluster with these rules of the draw; weights grow with the place in the roster. */
function clusterJson(change: ConfigFields): ConfigFields {
  const fields = configFields(VOTERS, FAULT_BOUND, { cluster: "vectors", ...change });
  fields.roster.forEach((member: ConfigFields, i: number) => {
    member.name = `127.0.0.1:${9998 + i}`;
    member.weight = i + 1;
  });
  return fields;
}

/** One draw: what goes in, and who comes out. */
function drawn(
  domain: Domain,
  proposal: RosterProposalTexts,
  rules: { policy: string; sticky?: boolean; maxTenure?: number },
) {
  const { claims } = rosterClaims(proposal, configOf(clusterJson(rules)), domain);
  const { sub, name, jti } = claims;
  return { ...rules, leader: name, leaderId: sub, certificateId: jti };
}

/** All of it. */
export function rosterVectors() {
  const file = JSON.stringify(clusterJson({ policy: "random" }));
  const config = configOf(JSON.parse(file));
  const domain = { checksum: sha256(utf8("fumata test roster function")), cluster: "vectors" };
  const all = voters(VOTERS);
  const { kid } = certificateKey();
  const genesis = base64url(genesisId(sha256, domain));
  const first: RosterProposalTexts = {
    term: 1,
    prev: genesis,
    kid,
    bitmap: base64url(Uint8Array.of(0b1111111)),
    incumbent: "",
    tenure: 0,
  };
  const firstClaims = rosterClaims(first, config, domain);
  const second: RosterProposalTexts = {
    term: 4,
    prev: firstClaims.claims.jti,
    kid,
    bitmap: base64url(Uint8Array.of(0b1011101)),
    incumbent: firstClaims.claims.sub,
    tenure: 1,
  };
  const sitting = config.roster.findIndex((_, i) => i > 3 && isActive(bytes(second.bitmap), i));
  const third = { ...second, incumbent: all[sitting].id, tenure: 3 };
  const successor = sha256(utf8("fumata test successor"));
  const closing = {
    term: 9,
    prev: firstClaims.claims.jti,
    kid,
    successor: base64url(successor),
  };
  const order = orderFor(domain, successor);
  const closed = closingClaims(closing, order, config, domain);
  const id = bytes(firstClaims.claims.jti);
  const nonce = Uint8Array.from({ length: 16 }, (_, i) => i);
  const digest = rosterDigest(domain, first);

  return {
    checksum: hex(domain.checksum),
    clusterJson: file,
    clusterJsonSha256: hex(config.digest),
    quorum: QUORUM,
    genesis: hex(bytes(genesis)),
    first: {
      proposal: first,
      digest: hex(digest),
      voteMessage: hex(voteMessage(domain, first.term, digest)),
      votes: rosterVotes(domain, first, all.slice(0, QUORUM)),
      certificate: signJws(firstClaims.header, firstClaims.claims),
      ...drawn(domain, first, { policy: "random" }),
    },
    second: {
      proposal: second,
      digest: hex(rosterDigest(domain, second)),
      draws: [
        drawn(domain, second, { policy: "highest" }),
        drawn(domain, second, { policy: "random" }),
        drawn(domain, second, { policy: "weighted" }),
      ],
    },
    sticky: {
      proposal: third,
      digest: hex(rosterDigest(domain, third)),
      draws: [
        drawn(domain, third, { policy: "weighted" }),
        drawn(domain, third, { policy: "weighted", sticky: true }),
        drawn(domain, third, { policy: "weighted", sticky: true, maxTenure: 4 }),
        drawn(domain, third, { policy: "weighted", sticky: true, maxTenure: 3 }),
      ],
    },
    lease: {
      heartbeat: hex(heartbeatMessage(domain, {
        certificateId: id,
        nonce,
        incarnation: 3,
        sequence: 500,
        echo: new Uint8Array(),
      })),
      heartbeatWithEcho: hex(heartbeatMessage(domain, {
        certificateId: id,
        nonce,
        incarnation: 3,
        sequence: 501,
        echo: nonce,
      })),
      ack: hex(leaseAckMessage(domain, id, nonce)),
      stepDown: hex(stepDownMessage(domain, id)),
      possession: hex(possessionMessage(domain, id, sha256(utf8("challenge")))),
    },
    closing: {
      proposal: closing,
      operatorKey: hex(OPERATOR.publicKey),
      orderMessage: hex(successionMessage(domain, successor)),
      order,
      digest: hex(closingProposalDigest(domain, closing)),
      votes: closingVotes(domain, closing, all.slice(2)),
      certificateId: closed.claims.jti,
      certificate: signJws(closed.header, closed.claims),
    },
  };
}

function bytes(text: string): Uint8Array {
  return fromBase64url(text)!;
}
