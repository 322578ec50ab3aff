/**
 * The rules of an election as plain arithmetic: what is hashed, what is signed, who collects, who is drawn. The enclave, the nodes
 * and every verifier run this same file, so that a certificate can be recomputed by anyone (design §4).
 *
 * Everything that is hashed or signed is deterministic CBOR of an array that begins with a domain tag, the function checksum
 * and the cluster. Hashes are SHA-256, injected, because the enclave has no WebCrypto. Ids are 32 bytes: a node's is the RFC 7638
 * thumbprint of its Ed25519 key (RFC 8037), a kid the thumbprint of the enclave's RSA key.
 *
 * | name | bytes |
 * |---|---|
 * | genesis | H(`fumata-genesis-v1`, checksum, cluster) |
 * | D, open | H(`fumata-proposal-open-v1`, checksum, cluster, term, prev, kid, [[id, name], …] by id) |
 * | vote | `fumata-vote-v1`, checksum, cluster, term, D |
 * | call | `fumata-call-v1`, checksum, cluster, D |
 * | gave up | `fumata-gave-up-v1`, checksum, cluster, prev, term |
 * | collector | least H(`fumata-collector-v1`, checksum, cluster, prev, term, id) |
 * | beacon input | `fumata-beacon-v1` 00, then CBOR of [checksum, cluster, prev] |
 * | beacon | H(beacon signature) |
 * | ticket | H(`fumata-draw-v1`, checksum, cluster, beacon, id) |
 * | certificate id | H(`fumata-certificate-v1`, checksum, cluster, term, D, kid, beacon, leader) |
 */
import { type Cbor, encodeCbor } from "./cbor.ts";

/** SHA-256. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** What every hash and signature of an election is bound to. */
export interface Domain {
  /** Function checksum, 32 bytes. */
  readonly checksum: Uint8Array;
  /** Cluster name. */
  readonly cluster: string;
}

/** A node that a proposal lists as active. */
export interface ActiveNode {
  /** Thumbprint of its key, 32 bytes. */
  readonly id: Uint8Array;
  /** Its label, by default `host:port`. */
  readonly name: string;
}

/** What is voted on in an open cluster. */
export interface OpenProposal {
  /** 1..2^53-1. */
  readonly term: number;
  /** Id of the head certificate, or genesis; 32 bytes. */
  readonly prev: Uint8Array;
  /** Thumbprint of the enclave key that is to sign, 32 bytes. */
  readonly kid: Uint8Array;
  /** Sorted by id, no id twice. */
  readonly active: readonly ActiveNode[];
}

/** How the leader is drawn: the greatest name, or the least hash over a beacon that nobody can steer. */
export type Policy = "highest" | "random";

/** All policies. */
export const POLICIES: readonly Policy[] = ["highest", "random"];

/** The most active nodes that one open proposal may list: keeps certificates under 64 KiB. */
export const ACTIVE_NODES_MAX = 512;

/** The longest node or cluster name in UTF-16 units. */
export const NAME_CHARACTERS_MAX = 64;

/** Terms stay below 2^53, so that they are exact in every JSON parser. */
export const TERM_MAX = Number.MAX_SAFE_INTEGER;

/** Whether a text can be the name of a node or a cluster: 1..64 printable ASCII characters without spaces. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= NAME_CHARACTERS_MAX &&
    /^[\x21-\x7e]+$/.test(value);
}

/** Votes that an open proposal needs: a majority of its active nodes. */
export function openVotesNeeded(activeNodes: number): number {
  return Math.floor(activeNodes / 2) + 1;
}

/** `prev` of the first certificate of a cluster. */
export function genesisId(sha256: Sha256, domain: Domain): Uint8Array {
  return hash(sha256, "fumata-genesis-v1", domain);
}

/** The digest `D` of an open proposal. */
export function openProposalDigest(
  sha256: Sha256,
  domain: Domain,
  proposal: OpenProposal,
): Uint8Array {
  const active = proposal.active.map((node): Cbor => [node.id, node.name]);
  return hash(
    sha256,
    "fumata-proposal-open-v1",
    domain,
    proposal.term,
    proposal.prev,
    proposal.kid,
    active,
  );
}

/** The bytes that a voter signs. */
export function voteMessage(domain: Domain, term: number, digest: Uint8Array): Uint8Array {
  return tagged("fumata-vote-v1", domain, term, digest);
}

/** The bytes that the caller of the election function signs, so that only a listed node can spend the enclave's time. */
export function callMessage(domain: Domain, digest: Uint8Array): Uint8Array {
  return tagged("fumata-call-v1", domain, digest);
}

/** The bytes that a node signs to say that it gave up a term after `prev`. */
export function gaveUpMessage(domain: Domain, prev: Uint8Array, term: number): Uint8Array {
  return tagged("fumata-gave-up-v1", domain, prev, term);
}

/** The node that gathers the votes of a term: the least hash, so that nobody can choose it. `ids` must not be empty. */
export function collectorOf(
  sha256: Sha256,
  domain: Domain,
  prev: Uint8Array,
  term: number,
  ids: readonly Uint8Array[],
): Uint8Array {
  return leastBy(ids, (id) => hash(sha256, "fumata-collector-v1", domain, prev, term, id));
}

/** What the enclave signs to make the beacon. The NUL makes it impossible as a JWS signing input, which is ASCII without NUL. */
export function beaconInput(domain: Domain, prev: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode("fumata-beacon-v1\0");
  const rest = encodeCbor([domain.checksum, domain.cluster, prev]);
  const whole = new Uint8Array(prefix.length + rest.length);
  whole.set(prefix);
  whole.set(rest, prefix.length);
  return whole;
}

/** Draws the leader. `beacon` is the hash of the beacon signature; `active` must not be empty. */
export function drawLeader(
  sha256: Sha256,
  domain: Domain,
  policy: Policy,
  beacon: Uint8Array,
  active: readonly ActiveNode[],
): ActiveNode {
  switch (policy) {
    case "highest":
      return active.reduce((best, node) => compareNodes(node, best) > 0 ? node : best);
    case "random":
      return leastBy(
        active,
        (node) => hash(sha256, "fumata-draw-v1", domain, beacon, node.id),
      );
  }
}

/** The id of a certificate: a hash of what it says, so that the same decision has the same id whatever its bytes are. */
export function certificateId(
  sha256: Sha256,
  domain: Domain,
  said: {
    readonly term: number;
    readonly digest: Uint8Array;
    readonly kid: Uint8Array;
    readonly beacon: Uint8Array;
    readonly leader: Uint8Array;
  },
): Uint8Array {
  return hash(
    sha256,
    "fumata-certificate-v1",
    domain,
    said.term,
    said.digest,
    said.kid,
    said.beacon,
    said.leader,
  );
}

/** Order of names: by the text before a port at the end, then the port as a number, so that `host:10000` is above `host:9000`. */
export function compareNames(a: string, b: string): number {
  const [hostA, portA] = splitPort(a);
  const [hostB, portB] = splitPort(b);
  if (hostA !== hostB) return hostA < hostB ? -1 : 1;
  return portA - portB || (a < b ? -1 : a > b ? 1 : 0);
}

/** Order of byte strings of equal length. */
export function compareIds(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return 0;
}

/** Two nodes may claim one name; then the greater id wins, so that the draw stays a function of the list. */
function compareNodes(a: ActiveNode, b: ActiveNode): number {
  return compareNames(a.name, b.name) || compareIds(a.id, b.id);
}

function splitPort(name: string): [string, number] {
  const match = /^(.*?):?([0-9]{1,15})$/.exec(name);
  return match ? [match[1], Number(match[2])] : [name, -1];
}

/** The item with the least measure; the first of equals. `items` must not be empty. */
export function leastBy<T>(items: readonly T[], measure: (item: T) => Uint8Array): T {
  let best = items[0];
  let least = measure(best);
  for (const item of items.slice(1)) {
    const bytes = measure(item);
    if (compareIds(bytes, least) < 0) [best, least] = [item, bytes];
  }
  return best;
}

/** Deterministic CBOR of a tag, the domain and what follows: what is signed. */
export function tagged(tag: string, domain: Domain, ...rest: Cbor[]): Uint8Array {
  return encodeCbor([tag, domain.checksum, domain.cluster, ...rest]);
}

/** The hash of {@linkcode tagged}. */
export function hash(sha256: Sha256, tag: string, domain: Domain, ...rest: Cbor[]): Uint8Array {
  return sha256(tagged(tag, domain, ...rest));
}
