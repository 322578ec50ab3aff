/**
 * The certified election of a roster cluster (design §4, §5). The bundle of votes is the authority, not the caller, so anyone may call with
 * it: everything else is in the package or follows from `prev`. The answer says the same to everyone, but for `iat`.
 *
 * | request | answer |
 * |---|---|
 * | `elect`: term, prev, kid, bitmap, incumbent, tenure, votes, previous | a certificate of type `election+jwt` |
 * | `close`: term, prev, kid, successor, order, votes, previous | a certificate of type `election-closing+jwt`, which has no leader |
 *
 * `previous` is the certificate `prev` and absent at genesis. Byte strings are base64url, checksums hex.
 */
import { base64url } from "./base64url.ts";
import type { ClusterConfig } from "./cluster_config.ts";
import {
  arrayOf,
  bytesOf,
  DIGEST_BYTES,
  objectOf,
  refuse,
  SIGNATURE_BYTES,
  termOf,
} from "./fields.ts";
import { type EnclaveHost, enclaveHost } from "./host.ts";
import { hexOf, issue, issuedAt, issuerOf } from "./issue.ts";
import { CLOSING_TYPE, ELECTION_TYPE, originOf } from "./previous.ts";
import {
  closingCertificateId,
  closingDigest,
  drawRosterLeader,
  isBitmap,
  quorum,
  type RosterProposal,
  rosterProposalDigest,
  successionMessage,
} from "./roster_rules.ts";
import { beaconInput, certificateId, compareIds, type Domain, voteMessage } from "./rules.ts";

/** Answers `{"certificate": "<compact JWS>"}`. Throws an `Error` with a reason of one line. */
export function electOfRoster(value: unknown, config: ClusterConfig): string {
  const enclave = enclaveHost();
  const request = objectOf(
    value,
    "elect",
    ["term", "prev", "kid", "bitmap", "incumbent", "tenure", "votes"],
    ["previous"],
  );
  const domain: Domain = { checksum: enclave.checksum, cluster: config.cluster };
  const proposal = readProposal(enclave, config, request);
  const digest = rosterProposalDigest(enclave.sha256, domain, proposal);
  checkVotes(enclave, config, request.votes, voteMessage(domain, proposal.term, digest));
  const origin = originOf(enclave, domain, config, proposal.prev, request.previous);
  checkTerm(proposal.term, origin.term);
  if (base64url(proposal.incumbent) !== base64url(origin.incumbent)) {
    refuse("incumbent is not the leader of prev");
  }
  if (proposal.tenure !== origin.tenure) {
    refuse(`tenure is ${proposal.tenure}; after prev it is ${origin.tenure}`);
  }
  return certify(enclave, domain, config, proposal, digest);
}

/** Answers `{"certificate": "<compact JWS>"}`. Throws an `Error` with a reason of one line. */
export function closeRoster(value: unknown, config: ClusterConfig): string {
  const enclave = enclaveHost();
  const { sha256 } = enclave;
  const request = objectOf(
    value,
    "close",
    ["term", "prev", "kid", "successor", "order", "votes"],
    ["previous"],
  );
  const domain: Domain = { checksum: enclave.checksum, cluster: config.cluster };
  const { term, prev, kid } = readHead(enclave, request);
  const successor = checksumOf(request.successor);
  if (compareIds(successor, domain.checksum) === 0) refuse("successor is this function itself");
  const order = bytesOf(request.order, "order", SIGNATURE_BYTES);
  if (!config.operatorKey) refuse("this package names no operator, so it has no successor");
  if (!enclave.verifyEd25519(config.operatorKey, successionMessage(domain, successor), order)) {
    refuse("order is not the operator's signature for this successor");
  }
  const digest = closingDigest(sha256, domain, term, prev, kid, successor);
  checkVotes(enclave, config, request.votes, voteMessage(domain, term, digest));
  checkTerm(term, originOf(enclave, domain, config, prev, request.previous).term);
  const certificate = issue(enclave, CLOSING_TYPE, {
    iss: issuerOf(domain.checksum),
    aud: domain.cluster,
    jti: base64url(closingCertificateId(sha256, domain, { term, digest, kid })),
    term,
    prev: base64url(prev),
    digest: base64url(digest),
    successor: hexOf(successor),
    order: base64url(order),
    config: base64url(config.digest),
    tee: enclave.tee,
    iat: issuedAt(enclave),
  });
  return JSON.stringify({ certificate });
}

/** Draws the leader and signs the certificate (RFC 7515, compact; RFC 7800 for `cnf`). */
function certify(
  enclave: EnclaveHost,
  domain: Domain,
  config: ClusterConfig,
  proposal: RosterProposal,
  digest: Uint8Array,
): string {
  const { sha256 } = enclave;
  const { term, prev, kid } = proposal;
  const beaconSignature = enclave.signCertificate(beaconInput(domain, prev));
  const beacon = sha256(beaconSignature);
  const leader = drawRosterLeader(sha256, domain, config, beacon, config.roster, proposal);
  if (!leader) return refuse("bitmap names nobody");
  const id = certificateId(sha256, domain, { term, digest, kid, beacon, leader: leader.id });
  const certificate = issue(enclave, ELECTION_TYPE, {
    iss: issuerOf(domain.checksum),
    aud: domain.cluster,
    sub: base64url(leader.id),
    jti: base64url(id),
    name: leader.name,
    cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: base64url(leader.key) } },
    term,
    prev: base64url(prev),
    active: base64url(proposal.bitmap),
    incumbent: base64url(proposal.incumbent),
    tenure: proposal.tenure,
    digest: base64url(digest),
    policy: config.policy,
    beacon: base64url(beaconSignature),
    lease: config.lease.leaseMs,
    config: base64url(config.digest),
    tee: enclave.tee,
    iat: issuedAt(enclave),
  });
  return JSON.stringify({ certificate });
}

function readProposal(
  enclave: EnclaveHost,
  { roster }: ClusterConfig,
  request: Record<"term" | "prev" | "kid" | "bitmap" | "incumbent" | "tenure", unknown>,
): RosterProposal {
  const { incumbent, tenure } = request;
  const bitmap = bytesOf(request.bitmap, "bitmap", Math.ceil(roster.length / 8));
  if (!isBitmap(roster.length, bitmap)) {
    refuse(`bitmap has a bit beyond the ${roster.length} voters`);
  }
  if (!Number.isSafeInteger(tenure) || Number(tenure) < 0) refuse("tenure is not a whole number");
  return {
    ...readHead(enclave, request),
    bitmap,
    incumbent: incumbent === "" ? new Uint8Array() : bytesOf(incumbent, "incumbent", DIGEST_BYTES),
    tenure: tenure as number,
  };
}

function readHead(
  enclave: EnclaveHost,
  request: Record<"term" | "prev" | "kid", unknown>,
): { term: number; prev: Uint8Array; kid: Uint8Array } {
  const kid = bytesOf(request.kid, "kid", DIGEST_BYTES);
  if (base64url(kid) !== enclave.kid) refuse("kid is not the key of this enclave");
  return {
    term: termOf(request.term, "term"),
    prev: bytesOf(request.prev, "prev", DIGEST_BYTES),
    kid,
  };
}

/** A quorum of distinct voters of the roster, each with a valid signature; one that is not spoils the bundle. */
function checkVotes(
  enclave: EnclaveHost,
  { roster, faultBound }: ClusterConfig,
  value: unknown,
  message: Uint8Array,
): void {
  const voters = new Set<string>();
  const keys = new Map(roster.map((member) => [base64url(member.key), member.key]));
  for (const [i, item] of arrayOf(value, "votes", roster.length).entries()) {
    const vote = objectOf(item, `votes[${i}]`, ["key", "signature"]);
    const signature = bytesOf(vote.signature, `votes[${i}].signature`, SIGNATURE_BYTES);
    const text = typeof vote.key === "string" ? vote.key : "";
    const key = keys.get(text) ?? refuse(`votes[${i}] is by nobody of the roster`);
    if (voters.has(text)) refuse(`votes[${i}] is a second vote of one voter`);
    voters.add(text);
    if (!enclave.verifyEd25519(key, message, signature)) {
      refuse(`votes[${i}].signature is not valid for this proposal`);
    }
  }
  const needed = quorum(roster.length, faultBound);
  if (voters.size < needed) {
    refuse(`votes has ${voters.size} votes; a roster of ${roster.length} needs ${needed}`);
  }
}

function checkTerm(term: number, previousTerm: number): void {
  if (term <= previousTerm) refuse(`term is ${term}; prev has term ${previousTerm}`);
}

function checksumOf(value: unknown): Uint8Array {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    return refuse("successor is not a checksum of 64 lower-case hex digits");
  }
  return Uint8Array.from({ length: 32 }, (_, i) => parseInt(value.slice(2 * i, 2 * i + 2), 16));
}
