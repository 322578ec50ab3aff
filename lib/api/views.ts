/** What a node's HTTP interface answers, as data: the shapes that its clients may rely on, and how they are made from a node. */
import { formatAddress } from "../base/address.ts";
import { fromBase64url, hex } from "../base/bytes.ts";
import type { CertificateDocument } from "../certificate/types.ts";
import { nodeId, type RsaJwk } from "../crypto/thumbprint.ts";
import type { Coordinate } from "../membership/coordinate.ts";
import type { MemberState } from "../membership/types.ts";
import type { Refusal } from "../node/history.ts";
import type { Node } from "../node/node.ts";

/** One member as a node sees it. */
export interface MemberView {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly state: MemberState;
  /** Since when it has been in this state, as this node saw it. */
  readonly since: string;
  readonly incarnation: number;
  /** Last round trip of a probe, ms; `null` for the node itself and before the first. */
  readonly rttMs: number | null;
  /** Where it has placed itself in the network, by its own word, for estimates between any two; `null` before its first answer. */
  readonly coordinate: Coordinate | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether it is the node that answers. */
  readonly self: boolean;
}

/** The leader that a node respects. */
export interface LeaderView {
  readonly id: string;
  readonly name: string;
  readonly term: number;
  readonly certificateId: string;
  /** Whether it is the node that answers. */
  readonly self: boolean;
  /** Of the cluster. */
  readonly kind: "open" | "roster";
  /** Whether the node that answers holds the lease of this certificate. Never in an open cluster: it has no leases. */
  readonly leads: boolean;
  /** For how long it holds the lease, ms; 0 without one. Whoever asks counts from when the question was sent, which errs on the safe side. */
  readonly leaseRemainingMs: number;
  /** The TEE that elected it; `simulated` protects nothing. */
  readonly tee: string;
}

/** How a node is. */
export interface StatusView {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly cluster: string;
  /** Of the election function, hex. */
  readonly checksum: string;
  readonly startedAt: string;
  readonly incarnation: number;
  readonly members: Readonly<Record<MemberState, number>>;
  readonly term: number;
  readonly leader: LeaderView | null;
  /** Platform of the TEE whose evidence this node verified in this run; `null` before. */
  readonly platform: string | null;
  readonly policy: string | null;
  /** Whether gossip is sealed with a cluster key. */
  readonly sealed: boolean;
  /** Frames from the network that were dropped, by reason; only reasons that occurred. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** A part of the leader's lease, for a process that acts under it. */
export interface SubLeaseView {
  /** For how long the process may act, ms, counted from when it sent the request. */
  readonly grantedMs: number;
  readonly term: number;
  /** Of the certificate by which this node leads. */
  readonly certificateId: string;
}

/** What came of a step-down. */
export interface SteppedDownView {
  readonly term: number;
  readonly certificateId: string;
  readonly steppedDown: boolean;
}

/** What came of a leave. */
export interface LeftView {
  readonly left: boolean;
}

/** A member that was given up. */
export interface ForceLeaveView {
  readonly id: string;
  /** Its state before. */
  readonly was: MemberState;
}

/** What came of giving a sub-lease back. */
export interface SubLeaseReturnedView {
  readonly returned: boolean;
}

/** Keys of enclaves with the evidence that names them, of whatever worth. */
export interface AttestationView {
  readonly keys: readonly RsaJwk[];
  readonly evidence: readonly EvidenceView[];
}

/** Evidence as it travels (`attestation/envelope.ts`); texts are base64. */
export interface EvidenceView {
  readonly platform: string;
  readonly document: string;
  readonly endorsements?: readonly string[];
  readonly bound?: string;
}

/** Every certificate that a node keeps, with what it takes to judge them. */
export interface ChainView extends AttestationView {
  readonly chain: readonly CertificateDocument[];
}

/** The cluster keys of a node, by their ids. */
export interface KeysView {
  /** Seals what this node sends. */
  readonly primary: string;
  /** All of them open; the primary first. */
  readonly keys: readonly string[];
}

/** What came of a join. */
export interface JoinView {
  readonly answered: readonly { readonly seed: string; readonly id: string }[];
  readonly silent: readonly string[];
}

/** What happened lately, as the node saw it. */
export interface HistoryView {
  readonly elections: readonly ElectionView[];
  readonly events: readonly EventView[];
}

/** One term. */
export interface ElectionView {
  readonly term: number;
  readonly beganAt: string;
  readonly endedAt: string | null;
  readonly outcome: "running" | "elected" | "given-up";
  readonly leader: { readonly id: string; readonly name: string } | null;
  /** Ids of those whose votes are in the certificate's bundle. */
  readonly voters: readonly string[];
  readonly refusals: readonly Refusal[];
}

/** One event in short. */
export interface EventView {
  readonly id: number;
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly message: string;
}

/** All members, the node itself among them, by name. */
export function membersView(node: Node): MemberView[] {
  const own = node.self;
  const self: MemberView[] = own
    ? [{
      id: node.id,
      name: node.name,
      address: formatAddress(node.address),
      state: "alive",
      since: wallTime(node.startedMs),
      incarnation: own.incarnation,
      rttMs: null,
      coordinate: node.coordinate,
      tags: own.tags,
      self: true,
    }]
    : [];
  const others = node.members().map((member): MemberView => ({
    id: member.id,
    name: member.name,
    address: formatAddress(member.address),
    state: member.state,
    since: wallTime(member.sinceMs),
    incarnation: member.incarnation,
    rttMs: member.rttMs === undefined ? null : Math.round(member.rttMs * 100) / 100,
    coordinate: member.coordinate ?? null,
    tags: member.tags,
    self: false,
  }));
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  return [...self, ...others].sort((a, b) => compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
}

/** The last terms and events, oldest first. */
export function historyView({ history }: Node): HistoryView {
  return {
    elections: history.elections.map((record): ElectionView => ({
      term: record.term,
      beganAt: new Date(record.beganMs).toISOString(),
      endedAt: record.endedMs === undefined ? null : new Date(record.endedMs).toISOString(),
      outcome: record.outcome,
      leader: record.leader ? { id: record.leader.id, name: record.leader.name } : null,
      voters: record.votes.map(({ key }) => nodeId(fromBase64url(key)!)),
      refusals: record.refusals,
    })),
    events: history.incidents.map(({ id, atMs, level, event, message }) => ({
      id,
      time: new Date(atMs).toISOString(),
      level,
      event,
      message,
    })),
  };
}

/** The leader, or `null`. */
export function leaderView(node: Node): LeaderView | null {
  // First: to ask for the lease is to look at the clocks, and that may end a leadership.
  const leaseRemainingMs = node.leaseRemainingMs();
  const certificate = node.leader;
  return certificate
    ? {
      id: certificate.leader,
      name: certificate.leaderName,
      term: certificate.term,
      certificateId: certificate.id,
      self: certificate.leader === node.id,
      tee: certificate.tee,
      kind: node.kind,
      leads: leaseRemainingMs > 0,
      leaseRemainingMs: Math.floor(leaseRemainingMs),
    }
    : null;
}

/** How many members are in each state, the node itself among them. */
export function memberCounts(node: Node): Record<MemberState, number> {
  const counts = { alive: 0, suspect: 0, dead: 0, left: 0 };
  for (const { state } of membersView(node)) counts[state]++;
  return counts;
}

/** The node in short. */
export function statusView(node: Node): StatusView {
  return {
    id: node.id,
    name: node.name,
    address: formatAddress(node.address),
    cluster: node.cluster,
    checksum: hex(node.checksum),
    startedAt: wallTime(node.startedMs),
    incarnation: node.self?.incarnation ?? 0,
    members: memberCounts(node),
    term: node.term,
    leader: leaderView(node),
    platform: node.enclave.platform ?? null,
    policy: node.enclave.policy ?? null,
    sealed: node.keyring !== undefined,
    dropped: Object.fromEntries(Object.entries(node.drops).filter(([, count]) => count > 0)),
  };
}

function wallTime(monotonicMs: number): string {
  return new Date(Date.now() - (performance.now() - monotonicMs)).toISOString();
}
