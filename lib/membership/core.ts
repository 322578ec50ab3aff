/**
 * The membership protocol of one node: SWIM (Das, Gupta, Motivala: "SWIM: Scalable Weakly-consistent Infection-style Process Group
 * Membership Protocol", DSN 2002) with the Lifeguard extensions (Dadgar, Phillips, Currey: "Lifeguard: Local Health Awareness for More
 * Accurate Failure Detection", 2017), against liars (design §3). Pure and synchronous: events in, effects out.
 *
 * This file only composes: each part of the protocol has a file of its own and says when it wants to run. What differs from the papers:
 * nobody becomes a member before it answered this very node's nonce; an accused member is probed out of turn by everyone who hears of it;
 * a process that was paused takes the pause out of its timeouts before it judges others.
 */
import { createAntiEntropy, digestOf, headFor, setHead } from "./anti_entropy.ts";
import { createContacts } from "./contacts.ts";
import { createContext, type MembershipOptions, type Part, send, sendFilled } from "./context.ts";
import type { Coordinate } from "./coordinate.ts";
import { createGossip } from "./gossip.ts";
import { createJudgement } from "./judgement.ts";
import { createLeaving } from "./leaving.ts";
import { HEAD_BYTES_MAX, messageBytes } from "./limits.ts";
import { createOwn } from "./own.ts";
import { createProber } from "./probe.ts";
import { createReconnect } from "./reconnect.ts";
import { createRelays } from "./relays.ts";
import { createSyncSchedule } from "./sync_schedule.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  Member,
  MembershipEffect,
  MembershipEvent,
  MemberState,
  NodeId,
} from "./types.ts";
import { isActive, memberOf, type MemberRecord, sameAddress } from "./view.ts";

export type { MembershipOptions } from "./context.ts";

/** The membership of one node. */
export interface Membership {
  /** Takes one event at a monotonic time that never falls; gives what is to be done, in this order. */
  step(event: MembershipEvent, nowMs: number): MembershipEffect[];
  /** When a `tick` is wanted at the latest, in monotonic ms; `undefined` for never. A tick at any other time does no harm. */
  deadlineMs(): number | undefined;
  /** All members but this node, in no order. */
  members(): Member[];
  /** One member. */
  member(id: NodeId): Member | undefined;
  /** How a member stands, and nothing else of it. */
  state(id: NodeId): MemberState | undefined;
  /** This node's own claim; `undefined` before the first step. */
  self(): AliveClaim | undefined;
  /** Where this node has placed itself among the others. */
  coordinate(): Coordinate;
  /** All claims that another node needs to hold the same view: for push/pull, and for the state folder. */
  snapshot(): Claim[];
}

/**
 * Up to so many claims of the full state by which a node came in are passed on all the same: when all start at once each knows others, and it
 * speeds them up. To pass on thousands that everyone has takes minutes, in which real news waits.
 */
const ARRIVAL_TOLD_MAX = 128;

type Datagram = MembershipEvent & { type: "message" };
type Ping = GossipMessage & { kind: "ping" };
type Ack = GossipMessage & { kind: "ack" };

/** A membership that starts with its first step; a head may be given before. */
export function createMembership(options: MembershipOptions): Membership {
  const context = createContext(options);
  const { view, settings } = context;
  const own = createOwn(context);
  const judgement = createJudgement(context, own, {
    candidate: (claim, vouched, isNews) => contacts.offer(claim, vouched, isNews),
    isCandidate: (id) => contacts.candidate(id) !== undefined,
    arrived(record, cameBack) {
      contacts.settled(record.id);
      prober.insert(record.id);
      // Who comes back may bring others along that this node has not heard of.
      if (cameBack) sync.want(record.alive.address);
    },
    probeSoon: (id) => prober.soon(id),
  });
  const contacts = createContacts(context, own, refutable);
  const prober = createProber(context, own, judgement);
  const relays = createRelays(context);
  const gossip = createGossip(context, prober);
  const reconnect = createReconnect(context, contacts);
  const sync = createSyncSchedule(context, prober);
  const antiEntropy = createAntiEntropy(context, sync);
  const leaving = createLeaving(context, own, prober);
  // Judgement comes after whatever makes it judge, so that nothing is overdue when a step ends.
  const parts: Part[] = [
    own,
    contacts,
    prober,
    relays,
    reconnect,
    judgement,
    sync,
    leaving,
    gossip,
  ];
  let started = false;
  /** When the next part is due, where that is known. */
  let knownDueMs: number | undefined;

  function start(): void {
    started = true;
    own.start();
    reconnect.addKnown(options.known);
    reconnect.addSeeds(options.seeds);
  }

  /** What a dead member has to see in order to refute: this node's own word, for it may not know the first accuser. */
  function refutable(id: NodeId): Claim[] {
    const record = view.get(id);
    if (record && record.state !== "dead") return [];
    const incarnation = record?.incarnation ?? view.tombstone(id)?.incarnation;
    return incarnation === undefined ? [] : [judgement.ownDead(id, incarnation)];
  }

  function handle(event: Exclude<MembershipEvent, { type: "head" }>): void {
    switch (event.type) {
      case "tick":
        return;
      case "message":
        return receive(event);
      case "synced":
        return synced(event);
      case "sync-failed":
        return sync.ended(event.address, false);
      case "join":
        return reconnect.join(event.seeds);
      case "give-up": {
        const record = view.get(event.id);
        return record && judgement.giveUp(record);
      }
      case "leave":
        return leaving.begin();
      default:
        return event satisfies never;
    }
  }

  function synced(event: MembershipEvent & { type: "synced" }): void {
    const { sender, address, claims } = event;
    const known = sender !== undefined && isTrusted(view.get(sender));
    const fromMember = known || sync.asked(address);
    const isArrival = sync.asked(address) && !sync.everDone() && claims.length > ARRIVAL_TOLD_MAX;
    const heard = { sender, fromMember, fullState: true, isArrival };
    for (const claim of claims) judgement.hear(claim, heard);
    sync.ended(address, true);
  }

  function receive(datagram: Datagram): void {
    const { sender, message } = datagram;
    if (sender === options.self.id) return receiveOwn(message);
    const fromMember = isTrusted(view.get(sender));
    for (const claim of message.claims) {
      judgement.hear(claim, { sender, fromMember, fullState: false, isArrival: false });
    }
    // The claims may have changed how the sender stands.
    const record = view.get(sender);
    switch (message.kind) {
      case "ping":
        answer(datagram, message);
        break;
      case "ack":
        acked(sender, message);
        break;
      case "ping-request":
        if (isTrusted(record)) relays.requested(record, message.nonce, message.target);
        break;
      case "nack":
        prober.nacked(sender, message.nonce);
        break;
      case "gossip":
        break;
      default:
        message satisfies never;
    }
    reviveSoon(sender);
    if (message.kind === "ping" || message.kind === "ack") compareViews(sender, message);
  }

  /** Own datagrams come back when a seed address is this node's own; any other is somebody else with this node's key. */
  function receiveOwn(message: GossipMessage): void {
    if (message.kind !== "ping") return;
    const contact = contacts.answered(message.nonce);
    if (contact) reconnect.answered(contact.address, options.self.id);
    // An equal incarnation may be an old datagram of this node that somebody plays back.
    else if (message.incarnation > context.incarnation) own.foreign(message.incarnation);
  }

  /** Full answers go only to an address that the sender has proven; else the answer is no longer than the question. */
  function answer(datagram: Datagram, ping: Ping): void {
    const { sender, source, datagramBytes } = datagram;
    const { nonce, prober } = ping;
    const { incarnation } = context;
    const head = headFor(context, ping.digest);
    const ack = {
      kind: "ack",
      nonce,
      subject: options.self.id,
      incarnation,
      digest: digestOf(context),
      head,
      claims: [],
    } as const;
    const record = view.get(sender);
    if (isTrusted(record) && sameAddress(record.alive.address, source)) {
      const first = owedTo(record, ping);
      if (prober === undefined) {
        const placed = { ...ack, coordinate: context.place.coordinate() };
        return sendFilled(context, source, sender, placed, first);
      }
      const signature = options.signAck({ prober, nonce, incarnation });
      const proof = { subjectKey: options.self.publicKey, prober, signature };
      return sendFilled(context, source, sender, { ...ack, proof }, first);
    }
    if (prober !== undefined) return;
    const sizes = [{ ...ack, claims: [own.claim()] }, ack, { ...ack, head: new Uint8Array(0) }];
    const fitting = sizes.find((answer) => messageBytes(answer) <= datagramBytes);
    if (fitting) send(context, source, sender, fitting);
  }

  /** What the sender of a ping must hear above all. */
  function owedTo(record: MemberRecord, ping: Ping): Claim[] {
    const owed: Claim[] = [];
    // It accuses this node: it may have missed the refutation that others got long ago.
    if (ping.claims.some((claim) => claim.subject === options.self.id)) owed.push(own.claim());
    // It speaks as an older incarnation, so it lost its state: it has to hear what it once signed.
    if (ping.incarnation < record.incarnation) owed.push(record.alive);
    return owed;
  }

  function acked(sender: NodeId, ack: Ack): void {
    if (relays.acked(ack)) return;
    if (prober.acked(ack)) return;
    if (sender !== ack.subject) return;
    if (leaving.acked(ack.nonce, sender)) return;
    const contact = contacts.answered(ack.nonce);
    if (!contact || (contact.id !== undefined && contact.id !== sender)) return;
    const candidate = contacts.candidate(sender);
    if (candidate && sameAddress(candidate.claim.address, contact.address)) {
      const { claim, isNews } = candidate;
      judgement.prove(claim, isNews);
      const record = view.get(sender);
      if (record?.alive === claim) record.rttMs = context.nowMs - contact.sentMs;
      contacts.settled(sender);
    }
    if (reconnect.answered(contact.address, sender)) sync.want(contact.address);
  }

  /** Somebody who is held for dead speaks: show it its death, so that it refutes. At most once each probe interval. */
  function reviveSoon(id: NodeId): void {
    const record = view.get(id);
    if (record && record.state !== "dead") return;
    const buried = record ?? view.tombstone(id);
    const address = record ? record.alive.address : view.tombstone(id)?.address;
    if (!buried || !address || contacts.candidate(id)) return;
    if (context.nowMs - (buried.shownMs ?? -Infinity) < settings.probeIntervalMs) return;
    buried.shownMs = context.nowMs;
    contacts.ping(address, id);
  }

  function compareViews(sender: NodeId, { head, digest }: Ping | Ack): void {
    const record = view.get(sender);
    if (!isTrusted(record)) return;
    record.digest = digest;
    antiEntropy.heard(record, digest);
    if (head.length > 0 && !sameBytes(head, context.head)) {
      context.effects.push({ type: "head-seen", from: sender, head });
    }
  }

  /** Asked before and after every step, and nothing moves it between two: the parts are asked once. */
  function dueMs(): number {
    if (knownDueMs !== undefined) return knownDueMs;
    let due = Infinity;
    for (const part of parts) due = Math.min(due, part.dueMs());
    return knownDueMs = due;
  }

  /** A wake-up that is far too late means that this process was paused, not that the others were silent. */
  function allowForPause(nowMs: number): void {
    const lateMs = nowMs - dueMs();
    if (lateMs <= settings.stallMs || lateMs === Infinity) return;
    for (const part of parts) part.shift(lateMs);
    context.health.note(1);
  }

  return {
    step(event, nowMs) {
      context.effects = [];
      if (started && !leaving.done()) allowForPause(nowMs);
      knownDueMs = undefined;
      context.nowMs = nowMs;
      if (leaving.done()) return [];
      if (event.type === "head") {
        setHead(context, event.head.slice(0, HEAD_BYTES_MAX));
        return [];
      }
      if (!started) start();
      handle(event);
      for (const part of parts) {
        if (!leaving.done() && part.dueMs() <= nowMs) part.run();
      }
      return context.effects;
    },
    deadlineMs() {
      if (!started) return 0;
      const due = leaving.done() ? Infinity : dueMs();
      return due === Infinity ? undefined : due;
    },
    members: () => [...view.records()].map(memberOf),
    member(id) {
      const record = view.get(id);
      return record && memberOf(record);
    },
    state: (id) => view.get(id)?.state,
    self: () => started ? own.claim() : undefined,
    coordinate: () => context.place.coordinate(),
    snapshot() {
      if (!started) return [];
      const claims: Claim[] = [own.left() ?? own.claim()];
      for (const record of view.records()) claims.push(...claimsOf(record));
      return claims;
    },
  };
}

/** Accusations of one member in a snapshot: enough to count, few enough to send. */
const SNAPSHOT_VERDICTS_MAX = 4;

function claimsOf(record: MemberRecord): Claim[] {
  if (record.left) return [record.alive, record.left];
  if (record.verdicts.size === 0) return [record.alive];
  const verdicts = [...record.verdicts.values()].map((verdict) => verdict.claim);
  return [record.alive, ...verdicts.slice(0, SNAPSHOT_VERDICTS_MAX)];
}

function isTrusted(record: MemberRecord | undefined): record is MemberRecord {
  return record !== undefined && record.verified && isActive(record);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
