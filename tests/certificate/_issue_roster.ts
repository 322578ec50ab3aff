/** Makes certificates of roster clusters as the enclave does, from parts that a test can break one at a time. */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import {
  closingCertificateId,
  drawRosterLeader,
} from "../../function/leader-election/roster_rules.ts";
import { beaconInput, certificateId, type Domain } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  type CertificateDocument,
  closingProposalDigest,
  type ClosingTexts,
  rosterDigest,
  type RosterProposalTexts,
  type Vote,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import {
  closingVotes,
  configFields,
  configOf,
  orderFor,
  rosterProposal,
  rosterVotes,
  voters,
} from "../function/_roster.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import { enclaveSign, signJws, type Unsigned } from "./_issue.ts";

/** A roster of four of which one may lie. */
export const CONFIG: ClusterConfig = configOf(configFields(4, 1));
export const DOMAIN: Domain = { checksum: sha256(utf8("roster function")), cluster: "test" };
export const VOTERS = voters(4);
export const PROPOSAL: RosterProposalTexts = rosterProposal(DOMAIN, 4);

/** What the enclave would say about a proposal. */
export function rosterClaims(
  proposal: RosterProposalTexts = PROPOSAL,
  config: ClusterConfig = CONFIG,
  domain: Domain = DOMAIN,
  pem = CERTIFICATE_PEM,
): Unsigned {
  const bytes = (text: string) => fromBase64url(text)!;
  const beaconSignature = enclaveSign(beaconInput(domain, bytes(proposal.prev)), pem);
  const beacon = sha256(beaconSignature);
  const leader = drawRosterLeader(sha256, domain, config, beacon, config.roster, {
    bitmap: bytes(proposal.bitmap),
    incumbent: bytes(proposal.incumbent),
    tenure: proposal.tenure,
  }) ?? config.roster[0];
  const digest = rosterDigest(domain, proposal);
  const said = {
    term: proposal.term,
    digest,
    kid: bytes(proposal.kid),
    beacon,
    leader: leader.id,
  };
  return {
    header: { alg: "RS256", kid: proposal.kid, typ: "election+jwt" },
    claims: {
      iss: `fumata:${hex(domain.checksum)}`,
      aud: domain.cluster,
      sub: base64url(leader.id),
      jti: base64url(certificateId(sha256, domain, said)),
      name: leader.name,
      cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: base64url(leader.key) } },
      term: proposal.term,
      prev: proposal.prev,
      active: proposal.bitmap,
      incumbent: proposal.incumbent,
      tenure: proposal.tenure,
      digest: base64url(digest),
      policy: config.policy,
      beacon: base64url(beaconSignature),
      lease: config.lease.leaseMs,
      config: base64url(config.digest),
      tee: "simulated",
      iat: 1700000000,
    },
  };
}

/** What the enclave would say about a closing. */
export function closingClaims(
  closing: ClosingTexts,
  order: string,
  config: ClusterConfig = CONFIG,
  domain: Domain = DOMAIN,
): Unsigned {
  const digest = closingProposalDigest(domain, closing);
  const { term } = closing;
  const kid = fromBase64url(closing.kid)!;
  return {
    header: { alg: "RS256", kid: closing.kid, typ: "election-closing+jwt" },
    claims: {
      iss: `fumata:${hex(domain.checksum)}`,
      aud: domain.cluster,
      jti: base64url(closingCertificateId(sha256, domain, { term, digest, kid })),
      term,
      prev: closing.prev,
      digest: base64url(digest),
      successor: hex(fromBase64url(closing.successor)!),
      order,
      config: base64url(config.digest),
      tee: "simulated",
      iat: 1700000000,
    },
  };
}

/** The id that the claims of a certificate would have if they were right about the rest. */
export function idOf(claims: Unsigned["claims"], kid = PROPOSAL.kid, domain = DOMAIN): string {
  return base64url(certificateId(sha256, domain, {
    term: claims.term,
    digest: fromBase64url(claims.digest)!,
    kid: fromBase64url(kid)!,
    beacon: sha256(fromBase64url(claims.beacon)!),
    leader: fromBase64url(claims.sub)!,
  }));
}

/** Votes of the least quorum for a proposal. */
export function quorumVotes(proposal = PROPOSAL, domain = DOMAIN): Vote[] {
  return rosterVotes(domain, proposal, VOTERS.slice(0, 3));
}

/** A good document, or one with header or claims changed before signing. */
export function issueRoster(
  change: (unsigned: Unsigned) => void = () => {},
  proposal = PROPOSAL,
  config = CONFIG,
  domain = DOMAIN,
  pem = CERTIFICATE_PEM,
): CertificateDocument {
  const unsigned = rosterClaims(proposal, config, domain, pem);
  change(unsigned);
  return {
    certificate: signJws(unsigned.header, unsigned.claims, pem),
    bundle: rosterVotes(domain, proposal, voters(config.roster.length)).slice(
      0,
      Math.floor((config.roster.length + config.faultBound) / 2) + 1,
    ),
  };
}

/** A closing of term 9 in favour of some function. */
export const CLOSING: ClosingTexts = {
  term: 9,
  prev: base64url(sha256(utf8("some certificate"))),
  kid: PROPOSAL.kid,
  successor: base64url(sha256(utf8("successor"))),
};

/** A good closing document, or one with header or claims changed before signing. */
export function issueClosing(
  change: (unsigned: Unsigned) => void = () => {},
  closing = CLOSING,
  config = CONFIG,
  domain = DOMAIN,
): CertificateDocument {
  const order = orderFor(domain, fromBase64url(closing.successor)!);
  const unsigned = closingClaims(closing, order, config, domain);
  change(unsigned);
  return {
    certificate: signJws(unsigned.header, unsigned.claims),
    bundle: closingVotes(domain, closing, VOTERS.slice(0, 3)),
  };
}
