/**
 * What is known of a cluster through one of its nodes: its answers to questions, and its events since. Pure: times come as arguments, `nowMs` and
 * the like by the watcher's monotonic clock; times of events are the node's wall clock and only compared with each other.
 *
 * Nothing here is verified again: the node respects only certificates that it has verified, and this is a view of that node. Who does not
 * trust the node takes `fumata verify`.
 */
import type { LeaderView, MemberView, StatusView } from "../../api/views.ts";
import { decodeUnverified } from "../../certificate/format.ts";
import type { StreamedEvent } from "../event_stream.ts";
import type { EventRow, FailoverRow } from "../view/model.ts";
import { eventRow } from "./event_words.ts";

/** Whom the node respects, as far as status and events tell alike. */
export type WatchedLeader = Pick<
  LeaderView,
  "id" | "name" | "term" | "certificateId" | "self" | "tee"
>;

type EventData = StreamedEvent["data"];

/** How long the node may lead on without hearing from the others. */
interface WatchedLease {
  readonly remainingMs: number;
  /** When it was told. */
  readonly atMs: number;
}

/** Rows that are remembered: more than the tallest window shows. */
const EVENTS_MAX = 200;
const FAILOVERS_MAX = 20;

/** Ids are 43 characters; a node that names another of its kind is taken at its word, up to this many. */
const SUSPECTED_MAX = 1_024;

/** The model of one watched node. */
export class WatchModel {
  status?: StatusView;
  members: readonly MemberView[] = [];
  leader?: WatchedLeader;
  /** Length of the lease of the leader's certificate, ms; absent in open clusters and while the certificate was not seen. */
  leaseMs?: number;
  policy?: string;
  /** Newest last. */
  readonly events: EventRow[] = [];
  readonly failovers: FailoverRow[] = [];
  /** Proofs of lies that the node has told of. */
  readonly proofs: string[] = [];
  /** When the node was heard last, and since when it is out of reach. */
  heardMs?: number;
  lost?: { readonly sinceMs: number; readonly why: string };
  /** Since when there is no leader; by the watcher's clock. */
  leaderlessMs?: number;
  #lease?: WatchedLease;
  /** Members by id, since when they did not answer: the moment that a failover begins. */
  readonly #suspectedAt = new Map<string, number>();
  #failover?: { readonly what: string; readonly atMs: number };
  #lastId?: number;

  /** The id of the newest event. */
  get lastId(): number | undefined {
    return this.#lastId;
  }

  /** The node answered; `askedMs` is when it was asked. */
  answered(status: StatusView, members: readonly MemberView[], askedMs: number): void {
    this.status = status;
    this.members = members;
    this.policy = status.policy ?? this.policy;
    this.#heard(askedMs);
    this.#leads(status.leader ?? undefined, askedMs);
    const remainingMs = status.leader?.leaseRemainingMs ?? 0;
    this.#lease = remainingMs > 0 ? { remainingMs, atMs: askedMs } : undefined;
  }

  /** The node told of an event; gives it in words when it is fit for people. */
  happened(event: StreamedEvent, nowMs: number): EventRow | undefined {
    this.#lastId = event.id;
    this.#heard(nowMs);
    this.#apply(event, nowMs);
    const row = eventRow(event, this.status?.name ?? "the node");
    if (!row) return undefined;
    this.events.push(row);
    if (this.events.length > EVENTS_MAX) this.events.shift();
    return row;
  }

  /** The leader's certificate was told. */
  certified(document: unknown): void {
    const { certificate } = (document ?? {}) as { certificate?: unknown };
    const decoded = decodeUnverified(certificate);
    if (typeof decoded === "string" || decoded.claims.kind === "closing") return;
    const { claims } = decoded;
    this.policy = claims.policy;
    this.leaseMs = claims.kind === "roster" ? claims.leaseMs : undefined;
  }

  /** The node is out of reach. */
  lose(why: string, nowMs: number): void {
    this.lost = { sinceMs: this.lost?.sinceMs ?? nowMs, why };
    this.#lease = undefined;
  }

  /** What is left of the lease, when the watched node holds one. */
  leaseRemainingMs(nowMs: number): number | undefined {
    return this.#lease && Math.max(0, this.#lease.remainingMs - (nowMs - this.#lease.atMs));
  }

  #heard(nowMs: number): void {
    this.heardMs = nowMs;
    this.lost = undefined;
  }

  #apply({ event, data }: StreamedEvent, nowMs: number): void {
    const atMs = Date.parse(String(data.time));
    const id = String(data.id);
    switch (event) {
      case "leader": {
        const { leader: id, name, term, certificateId, self, tee } = data;
        const leader = { id, name, term, certificateId, self, tee } as WatchedLeader;
        if (leader.certificateId !== this.leader?.certificateId) this.#elected(leader, data, atMs);
        return this.#leads(leader, nowMs);
      }
      case "leaderless":
        this.#failover ??= this.#silentLeader() ?? { what: "no leader", atMs };
        return this.#leads(undefined, nowMs);
      case "lease-held":
        if (typeof data.remainingMs !== "number") return;
        this.#lease = { remainingMs: data.remainingMs, atMs: nowMs };
        return;
      case "lease-lost":
        this.#lease = undefined;
        this.#failover ??= { what: `lease lost: ${data.why}`, atMs };
        return;
      case "election-stepped-down":
        this.#failover = { what: `${this.leader?.name ?? "the leader"} stepped down`, atMs };
        return;
      case "member-suspect":
        if (this.#suspectedAt.size < SUSPECTED_MAX) this.#suspectedAt.set(id, atMs);
        return;
      case "member-fail":
      case "member-leave":
        if (id === this.leader?.id) {
          const what = `${data.name} ${event === "member-fail" ? "failed" : "left"}`;
          this.#failover = { what, atMs: this.#suspectedAt.get(id) ?? atMs };
        }
        this.#suspectedAt.delete(id);
        return;
      case "member-refute":
      case "member-reap":
        this.#suspectedAt.delete(id);
        return;
      case "fork-evidence":
        this.proofs.push(String(data.message));
        if (this.proofs.length > EVENTS_MAX) this.proofs.shift();
    }
  }

  /** A new certificate: ends what began when the last leader went. */
  #elected(leader: WatchedLeader, { document, votes, votesOf }: EventData, atMs: number): void {
    this.certified(document);
    if (this.#failover) {
      this.failovers.push({
        ...this.#failover,
        term: leader.term,
        leader: leader.name,
        tookMs: Math.max(0, atMs - this.#failover.atMs),
        verified: true,
        votes: Number(votes),
        votesOf: Number(votesOf),
      });
      if (this.failovers.length > FAILOVERS_MAX) this.failovers.shift();
    }
    this.#failover = undefined;
  }

  /** A leader may be replaced before it counts as dead. */
  #silentLeader(): { readonly what: string; readonly atMs: number } | undefined {
    const atMs = this.leader && this.#suspectedAt.get(this.leader.id);
    return atMs === undefined ? undefined : { what: `${this.leader!.name} does not answer`, atMs };
  }

  #leads(leader: WatchedLeader | undefined, nowMs: number): void {
    this.leader = leader;
    this.leaderlessMs = leader ? undefined : this.leaderlessMs ?? nowMs;
    if (!leader?.self) this.#lease = undefined;
  }
}
