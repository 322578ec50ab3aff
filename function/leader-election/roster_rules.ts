/**
 * The rules of roster clusters (design §4) beside those of `rules.ts`: the package's `cluster.json` fixes who votes, so a proposal
 * lists its active nodes as a bitmap over the roster and every quorum is one number.
 *
 * | name | bytes |
 * |---|---|
 * | D | H(`fumata-proposal-v1`, checksum, cluster, term, prev, kid, bitmap, incumbent, tenure) |
 * | D of a closing | H(`fumata-closing-v1`, checksum, cluster, term, prev, kid, successor checksum) |
 * | heartbeat | `fumata-heartbeat-v1`, checksum, cluster, certificate id, nonce, incarnation, sequence, echo |
 * | lease ack | `fumata-lease-ack-v1`, checksum, cluster, certificate id, nonce |
 * | step-down | `fumata-step-down-v1`, checksum, cluster, certificate id |
 * | succession order | `fumata-succession-v1`, checksum, cluster, successor checksum |
 * | possession | `fumata-possession-v1`, checksum, cluster, certificate id, challenge |
 * | weighted ticket | H(`fumata-ticket-v1`, checksum, cluster, beacon, id, k), k = 0..weight-1 |
 *
 * Votes, calls, gave-up statements, collectors, beacons and certificate ids are those of open clusters. `incumbent` is the leader of
 * `prev` (empty after genesis or a closing) and `tenure` the number of certificates in a row, `prev` the last, that drew it: both are in D, so
 * that a `sticky` draw can be recomputed from the certificate alone. The id of a closing certificate is that of a certificate with an empty
 * beacon and an empty leader.
 */
import { encodeCbor } from "./cbor.ts";
import {
  certificateId,
  compareIds,
  compareNames,
  type Domain,
  hash,
  leastBy,
  type Sha256,
  tagged,
} from "./rules.ts";

/** A voter of the roster. The index in the roster is its bit. */
export interface RosterNode {
  /** Thumbprint of its key, 32 bytes. */
  readonly id: Uint8Array;
  readonly name: string;
  /** Whole number of 1..WEIGHT_MAX; counts under `weighted` only. */
  readonly weight: number;
}

/** What is voted on in a roster cluster. */
export interface RosterProposal {
  readonly term: number;
  readonly prev: Uint8Array;
  readonly kid: Uint8Array;
  /** Bit i (least significant first in byte i / 8) is set when roster node i is active; `ceil(n / 8)` bytes, no bit beyond n. */
  readonly bitmap: Uint8Array;
  /** Leader of `prev`: 32 bytes, or empty. */
  readonly incumbent: Uint8Array;
  /** 0 when there is no incumbent. */
  readonly tenure: number;
}

/** How the leader is drawn among the active nodes of a roster. */
export type RosterPolicy = "highest" | "random" | "weighted";

/** Policy with its modifier, as `cluster.json` has it. */
export interface DrawRules {
  readonly policy: RosterPolicy;
  /** The incumbent stays while it is active. */
  readonly sticky: boolean;
  /** With `sticky`: after so many certificates in a row the incumbent is drawn like anybody else. 0: no bound. */
  readonly maxTenure: number;
}

/** Voters of one roster: their bits, votes and names stay within one frame. */
export const ROSTER_MAX = 64;

/** Tickets of one node: the draw hashes once a ticket. */
export const WEIGHT_MAX = 1000;

/** Votes that open a term, elect, or hold a lease: two such sets share `f + 1` voters, so an honest one. */
export function quorum(voters: number, faultBound: number): number {
  return Math.floor((voters + faultBound) / 2) + 1;
}

/** The digest `D` of a proposal. */
export function rosterProposalDigest(
  sha256: Sha256,
  domain: Domain,
  { term, prev, kid, bitmap, incumbent, tenure }: RosterProposal,
): Uint8Array {
  const rest = [term, prev, kid, bitmap, incumbent, tenure];
  return hash(sha256, "fumata-proposal-v1", domain, ...rest);
}

/** The digest of a closing proposal: the electorate hands over to another checksum and has no leader afterwards. */
export function closingDigest(
  sha256: Sha256,
  domain: Domain,
  term: number,
  prev: Uint8Array,
  kid: Uint8Array,
  successor: Uint8Array,
): Uint8Array {
  return hash(sha256, "fumata-closing-v1", domain, term, prev, kid, successor);
}

/** The bytes of a heartbeat that the leader signs. `nonce` has 16 bytes, `echo` is the follower's boot nonce of 16 bytes or empty. */
export function heartbeatMessage(
  domain: Domain,
  heartbeat: {
    readonly certificateId: Uint8Array;
    readonly nonce: Uint8Array;
    readonly incarnation: number;
    readonly sequence: number;
    readonly echo: Uint8Array;
  },
): Uint8Array {
  const { certificateId, nonce, incarnation, sequence, echo } = heartbeat;
  return tagged("fumata-heartbeat-v1", domain, certificateId, nonce, incarnation, sequence, echo);
}

/** The bytes of an ack: "I hold this certificate and promise not to vote for the lease from now". */
export function leaseAckMessage(
  domain: Domain,
  certificateId: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  return tagged("fumata-lease-ack-v1", domain, certificateId, nonce);
}

/** The bytes of a step-down: final for this certificate. */
export function stepDownMessage(domain: Domain, certificateId: Uint8Array): Uint8Array {
  return tagged("fumata-step-down-v1", domain, certificateId);
}

/** The bytes that the operator signs to let the electorate close in favour of another checksum. */
export function successionMessage(domain: Domain, successor: Uint8Array): Uint8Array {
  return tagged("fumata-succession-v1", domain, successor);
}

/** The bytes that a leader signs to prove that it holds the key in `cnf`. `challenge` has 32 bytes that the asker has just drawn. */
export function possessionMessage(
  domain: Domain,
  certificateId: Uint8Array,
  challenge: Uint8Array,
): Uint8Array {
  return tagged("fumata-possession-v1", domain, certificateId, challenge);
}

/** The id of a closing certificate: like any other's, but nothing was drawn. */
export function closingCertificateId(
  sha256: Sha256,
  domain: Domain,
  said: { readonly term: number; readonly digest: Uint8Array; readonly kid: Uint8Array },
): Uint8Array {
  const nothing = new Uint8Array();
  return certificateId(sha256, domain, { ...said, beacon: nothing, leader: nothing });
}

/** `incumbent` and `tenure` of the proposal that follows a certificate with this leader and proposal. */
export function incumbencyAfter(
  leader: Uint8Array,
  proposal: Pick<RosterProposal, "incumbent" | "tenure">,
): Pick<RosterProposal, "incumbent" | "tenure"> {
  const stayed = proposal.incumbent.length === leader.length &&
    compareIds(proposal.incumbent, leader) === 0;
  return { incumbent: leader, tenure: stayed ? proposal.tenure + 1 : 1 };
}

/** Whether bytes are a bitmap over so many voters: the right length and no bit beyond. */
export function isBitmap(voters: number, bitmap: Uint8Array): boolean {
  if (bitmap.length !== Math.ceil(voters / 8)) return false;
  const bits = voters % 8;
  return bits === 0 || bitmap[bitmap.length - 1] >> bits === 0;
}

/** Whether the roster's node at an index is in a bitmap. */
export function isActive(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3] ?? 0) >> (index & 7) & 1) === 1;
}

/** The bitmap of a set of roster indexes. */
export function bitmapOf(voters: number, indexes: Iterable<number>): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(voters / 8));
  for (const index of indexes) bitmap[index >> 3] |= 1 << (index & 7);
  return bitmap;
}

/** The leader of a proposal, or `undefined` when its bitmap is empty. `beacon` is the hash of the beacon signature. */
export function drawRosterLeader<Node extends RosterNode>(
  sha256: Sha256,
  domain: Domain,
  rules: DrawRules,
  beacon: Uint8Array,
  roster: readonly Node[],
  proposal: Pick<RosterProposal, "bitmap" | "incumbent" | "tenure">,
): Node | undefined {
  const active = roster.filter((_, index) => isActive(proposal.bitmap, index));
  if (active.length === 0) return undefined;
  const incumbent = proposal.incumbent.length === 0
    ? undefined
    : active.find((node) => compareIds(node.id, proposal.incumbent) === 0);
  const mayStay = rules.maxTenure === 0 || proposal.tenure < rules.maxTenure;
  if (rules.sticky && incumbent && mayStay) return incumbent;
  switch (rules.policy) {
    case "highest":
      return active.reduce((best, node) => isAbove(node, best) ? node : best);
    case "random":
      return leastBy(active, (node) => hash(sha256, "fumata-draw-v1", domain, beacon, node.id));
    case "weighted":
      return leastBy(active, (node) => leastTicket(sha256, domain, beacon, node));
  }
}

/** The least of a node's tickets; each unit of weight is one more chance, so shares follow weights. */
function leastTicket(
  sha256: Sha256,
  domain: Domain,
  beacon: Uint8Array,
  node: RosterNode,
): Uint8Array {
  // Only k differs, and it stands last: with 0 in its place one byte is cut off, and k's own encoding is put there.
  const first = tagged("fumata-ticket-v1", domain, beacon, node.id, 0);
  const prefixBytes = first.length - 1;
  let least = sha256(first);
  for (let k = 1; k < node.weight; k++) {
    const last = encodeCbor(k);
    const message = new Uint8Array(prefixBytes + last.length);
    message.set(first);
    message.set(last, prefixBytes);
    const ticket = sha256(message);
    if (compareIds(ticket, least) < 0) least = ticket;
  }
  return least;
}

function isAbove(a: RosterNode, b: RosterNode): boolean {
  return (compareNames(a.name, b.name) || compareIds(a.id, b.id)) > 0;
}
