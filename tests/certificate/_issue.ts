/** Makes certificates as the enclave does, from parts that a test can break one at a time. */
import { createPrivateKey, sign } from "node:crypto";
import {
  beaconInput,
  certificateId,
  type Domain,
  drawLeader,
  type Policy,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  type CertificateDocument,
  proposalDigest,
  type ProposalTexts,
  type Vote,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import { firstProposal, testNodes, votesOf } from "../function/_election.ts";

/** RS256 by the enclave's key, or by another one. */
export function enclaveSign(message: Uint8Array, pem = CERTIFICATE_PEM): Uint8Array {
  return new Uint8Array(sign("RSA-SHA256", message, createPrivateKey(pem)));
}

/** Header and claims as objects, so that a test can change them before they are signed. */
export interface Unsigned {
  // deno-lint-ignore no-explicit-any -- tests put anything into it
  header: any;
  // deno-lint-ignore no-explicit-any -- tests put anything into it
  claims: any;
}

/** What the enclave would say about a proposal. */
export function claimsFor(domain: Domain, proposal: ProposalTexts, policy: Policy): Unsigned {
  const beaconSignature = enclaveSign(beaconInput(domain, fromBase64url(proposal.prev)!));
  const beacon = sha256(beaconSignature);
  const active = proposal.active.map(({ id, name }) => ({ id: fromBase64url(id)!, name }));
  const drawn = drawLeader(sha256, domain, policy, beacon, active);
  const leader = proposal.active.find((node) => node.id === base64url(drawn.id))!;
  const digest = proposalDigest(domain, proposal);
  const kid = fromBase64url(proposal.kid)!;
  const id = certificateId(sha256, domain, {
    term: proposal.term,
    digest,
    kid,
    beacon,
    leader: drawn.id,
  });
  return {
    header: { alg: "RS256", kid: proposal.kid, typ: "election-open+jwt" },
    claims: {
      iss: `fumata:${hex(domain.checksum)}`,
      aud: domain.cluster,
      sub: leader.id,
      jti: base64url(id),
      name: leader.name,
      cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: leader.key } },
      term: proposal.term,
      prev: proposal.prev,
      active: proposal.active.map((node) => ({ id: node.id, name: node.name })),
      digest: base64url(digest),
      policy,
      beacon: base64url(beaconSignature),
      lease: 0,
      tee: "simulated",
      iat: 1700000000,
    },
  };
}

/** Signs header and claims; texts are signed as they stand. */
export function signJws(header: unknown, claims: unknown, pem = CERTIFICATE_PEM): string {
  const input = [header, claims]
    .map((part) => base64url(utf8(typeof part === "string" ? part : JSON.stringify(part))))
    .join(".");
  return `${input}.${base64url(enclaveSign(utf8(input), pem))}`;
}

/** A world with five nodes and a proposal of the first term. */
export const DOMAIN: Domain = { checksum: sha256(utf8("function")), cluster: "test" };
export const NODES = testNodes(5);
export const PROPOSAL = firstProposal(DOMAIN, NODES);

/** Votes of the first three nodes for a proposal. */
export function majority(proposal = PROPOSAL, domain = DOMAIN): Vote[] {
  return votesOf(domain, proposal, NODES.slice(0, 3));
}

/** A good document, or one with header or claims changed before signing. */
export function issue(change: (unsigned: Unsigned) => void = () => {}): CertificateDocument {
  const unsigned = claimsFor(DOMAIN, PROPOSAL, "highest");
  change(unsigned);
  return { certificate: signJws(unsigned.header, unsigned.claims), bundle: majority() };
}
