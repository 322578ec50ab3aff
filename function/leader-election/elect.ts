/**
 * The certified election of an open cluster (design §4, §5). The bundle of votes is the authority, not the caller: everything is
 * re-checked here, and what is wrong is refused with a reason; nothing is corrected or left out.
 *
 * The answer says the same to everyone who asks with a majority for the same proposal, but for `iat`.
 */
import { base64url } from "./base64url.ts";
import { ed25519Thumbprint } from "./cluster_config.ts";
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
import { issue, issuedAt, issuerOf } from "./issue.ts";
import { packagePolicy } from "./policy.ts";
import {
  ACTIVE_NODES_MAX,
  type ActiveNode,
  beaconInput,
  callMessage,
  certificateId,
  compareIds,
  type Domain,
  drawLeader,
  isName,
  openProposalDigest,
  openVotesNeeded,
  voteMessage,
} from "./rules.ts";

const KEY_BYTES = 32;

/** An active node with its key, as a request lists it. */
interface ListedNode extends ActiveNode {
  /** Raw Ed25519 key in base64url. */
  readonly key: string;
}

/** A signature by a listed node. */
interface Signed {
  readonly node: ListedNode;
  readonly signature: Uint8Array;
}

/** Answers `{"certificate": "<compact JWS>"}`. Throws an `Error` with a reason of one line. */
export function elect(value: unknown): string {
  const enclave = enclaveHost();
  const request = objectOf(value, "elect", [
    "cluster",
    "term",
    "prev",
    "kid",
    "active",
    "votes",
    "caller",
  ]);
  const { cluster } = request;
  if (!isName(cluster)) refuse("elect.cluster is no name of 1..64 printable ASCII characters");
  const term = termOf(request.term, "elect.term");
  const domain: Domain = { checksum: enclave.checksum, cluster };
  const prev = bytesOf(request.prev, "elect.prev", DIGEST_BYTES);
  const kid = bytesOf(request.kid, "elect.kid", DIGEST_BYTES);
  if (base64url(kid) !== enclave.kid) refuse("elect.kid is not the key of this enclave");
  const active = readActive(enclave, request.active);
  const byKey = new Map(active.map((node) => [node.key, node]));
  const votes = arrayOf(request.votes, "elect.votes", active.length)
    .map((vote, i) => readSigned(vote, `elect.votes[${i}]`, byKey));
  const caller = readSigned(request.caller, "elect.caller", byKey);

  const digest = openProposalDigest(enclave.sha256, domain, { term, prev, kid, active });
  checkSignature(enclave, caller, callMessage(domain, digest), "elect.caller");
  checkVotes(enclave, votes, active.length, voteMessage(domain, term, digest));
  return certify(enclave, { domain, term, prev, active, digest });
}

function readActive(enclave: EnclaveHost, value: unknown): ListedNode[] {
  const nodes = arrayOf(value, "elect.active", ACTIVE_NODES_MAX).map((item, i): ListedNode => {
    const where = `elect.active[${i}]`;
    const { key, name } = objectOf(item, where, ["key", "name"]);
    const raw = bytesOf(key, `${where}.key`, KEY_BYTES);
    if (!isName(name)) refuse(`${where}.name is no name of 1..64 printable ASCII characters`);
    return { id: ed25519Thumbprint(enclave.sha256, raw), name, key: key as string };
  });
  nodes.forEach((node, i) => {
    const order = i === 0 ? 1 : compareIds(node.id, nodes[i - 1].id);
    if (order === 0) refuse(`elect.active[${i}] is there twice`);
    if (order < 0) refuse(`elect.active[${i}] is out of order: nodes are sorted by id`);
  });
  return nodes;
}

function readSigned(value: unknown, where: string, byKey: Map<string, ListedNode>): Signed {
  const { key, signature } = objectOf(value, where, ["key", "signature"]);
  bytesOf(key, `${where}.key`, KEY_BYTES);
  const node = byKey.get(key as string) ?? refuse(`${where} is by a node that is not in active`);
  return { node, signature: bytesOf(signature, `${where}.signature`, SIGNATURE_BYTES) };
}

function checkVotes(
  enclave: EnclaveHost,
  votes: readonly Signed[],
  activeNodes: number,
  message: Uint8Array,
): void {
  const voters = new Set(votes.map((vote) => vote.node));
  if (voters.size !== votes.length) refuse("elect.votes has two votes by one node");
  const needed = openVotesNeeded(activeNodes);
  if (votes.length < needed) {
    refuse(`elect.votes has ${votes.length} votes; ${activeNodes} active nodes need ${needed}`);
  }
  votes.forEach((vote, i) => checkSignature(enclave, vote, message, `elect.votes[${i}]`));
}

function checkSignature(
  enclave: EnclaveHost,
  signed: Signed,
  message: Uint8Array,
  where: string,
): void {
  const key = bytesOf(signed.node.key, where, KEY_BYTES);
  if (!enclave.verifyEd25519(key, message, signed.signature)) {
    refuse(`${where}.signature is not valid for this proposal`);
  }
}

/** Draws the leader and signs the certificate (RFC 7515, compact; RFC 7800 for `cnf`). */
function certify(enclave: EnclaveHost, proposal: {
  readonly domain: Domain;
  readonly term: number;
  readonly prev: Uint8Array;
  readonly active: readonly ListedNode[];
  readonly digest: Uint8Array;
}): string {
  const { domain, term, prev, active, digest } = proposal;
  const policy = packagePolicy();
  const beaconSignature = enclave.signCertificate(beaconInput(domain, prev));
  const beacon = enclave.sha256(beaconSignature);
  const leader = drawLeader(enclave.sha256, domain, policy, beacon, active) as ListedNode;
  const kid = bytesOf(enclave.kid, "kid", DIGEST_BYTES);
  const id = certificateId(enclave.sha256, domain, {
    term,
    digest,
    kid,
    beacon,
    leader: leader.id,
  });
  const certificate = issue(enclave, "election-open+jwt", {
    iss: issuerOf(domain.checksum),
    aud: domain.cluster,
    sub: base64url(leader.id),
    jti: base64url(id),
    name: leader.name,
    cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: leader.key } },
    term,
    prev: base64url(prev),
    active: active.map((node) => ({ id: base64url(node.id), name: node.name })),
    digest: base64url(digest),
    policy,
    beacon: base64url(beaconSignature),
    lease: 0,
    tee: enclave.tee,
    iat: issuedAt(enclave),
  });
  return JSON.stringify({ certificate });
}
