/**
 * Failure detection (SWIM, sections 3.1 and 4.3; Lifeguard, section IV-A). One member is probed each interval, in the order of a list
 * that is shuffled anew when it has been gone through; new members come in at random places. A member that is accused is
 * probed out of turn, by some nodes at once and by the others in their next slot, so that every node soon has evidence of its own.
 *
 * A probe is a direct ping; without an answer, k others are asked to ping; without an answer through them either, the probe failed. Others
 * that could not reach the member say so (nack), which tells a node whose own network is bad from one whose target is dead.
 */
import { headFor } from "./anti_entropy.ts";
import { bare, clusterSize, type Context, type Part, sendFilled } from "./context.ts";
import type { Judgement } from "./judgement.ts";
import type { Own } from "./own.ts";
import type { Claim, GossipMessage, NodeId } from "./types.ts";
import { isActive, type MemberRecord } from "./view.ts";

/** Probes of one node. */
export interface Prober extends Part {
  /** A member to be probed from now on. */
  insert(id: NodeId): void;
  /** Probe this one in the next slot. */
  soon(id: NodeId): void;
  /** Gives whether the ack belongs to the probe under way. */
  acked(message: GossipMessage & { kind: "ack" }): boolean;
  nacked(sender: NodeId, nonce: string): void;
  /** Up to `count` distinct active members at random, without `except`. */
  sample(count: number, except?: NodeId): MemberRecord[];
}

/** Probes that show a new member this node's own claim: it may not have answered because first words were lost. */
const INTRODUCTIONS = 2;

/** Probe intervals after its arrival in which it may be introduced to: later the digest finds a member that does not hold this node. */
const INTERVALS_INTRODUCED = 4;

/** How many times the wanted confirmations try at once, on average, when a member is accused: some will be busy. */
const ENOUGH_CONFIRMATIONS = 2;

interface Probe {
  readonly target: NodeId;
  readonly nonce: string;
  readonly sentMs: number;
  /** When others are asked; `Infinity` once they were. */
  indirectMs: number;
  endMs: number;
  /** Whom it asked and has not heard from. */
  readonly relays: Set<NodeId>;
}

/** Probes in a context. */
export function createProber(context: Context, own: Own, judgement: Judgement): Prober {
  const { options, settings, view, health } = context;
  let order: NodeId[] = [];
  /** Who is in `order`: looking through thousands at every arrival costs more than the arrival. */
  let listed = new Set<NodeId>();
  let at = 0;
  let slot = 0;
  let atOnce = false;
  /** Bounded by the view: ids of members only. */
  const urgent = new Set<NodeId>();
  let probe: Probe | undefined;
  let nextMs = Infinity;

  function activeRecord(id: NodeId): MemberRecord | undefined {
    const record = view.get(id);
    return record && isActive(record) ? record : undefined;
  }

  function nextTarget(): MemberRecord | undefined {
    const accusedNow = nextUrgent();
    if (accusedNow) return accusedNow;
    // Every other slot goes to the accused until they are settled: the ping or ack that would clear one may have been lost.
    const accused = ++slot % 2 === 0 ? judgement.accused() : [];
    if (accused.length > 0) return activeRecord(accused[options.prng.below(accused.length)]);
    for (let round = 0; round < 2; round++) {
      while (at < order.length) {
        const record = activeRecord(order[at++]);
        if (record) return record;
      }
      const active = [...view.records()].filter(isActive).map((record) => record.id);
      order = options.prng.shuffled(active);
      listed = new Set(order);
      at = 0;
    }
  }

  function nextUrgent(): MemberRecord | undefined {
    for (const id of urgent) {
      urgent.delete(id);
      const record = activeRecord(id);
      if (record) return record;
    }
  }

  /** Out of turn; the schedule goes on as it is. */
  function beginUrgent(): void {
    atOnce = false;
    const record = nextUrgent();
    if (record) begin(record);
  }

  function begin(record: MemberRecord): void {
    const nonce = options.nonce();
    const { nowMs } = context;
    const factor = health.multiplier();
    const indirectMs = nowMs + settings.probeTimeoutMs * factor;
    probe = {
      target: record.id,
      nonce,
      sentMs: nowMs,
      indirectMs,
      endMs: indirectMs + settings.indirectTimeoutMs * factor,
      relays: new Set(),
    };
    const ping = { ...bare(context, nonce), head: headFor(context, record.digest) };
    sendFilled(context, record.alive.address, record.id, ping, owedTo(record));
  }

  /** A suspect learns of it with the next ping (Lifeguard's buddy system), by one accusation. */
  function owedTo(record: MemberRecord): Claim[] {
    const verdict = record.verdicts.get(options.self.id) ??
      record.verdicts.values().next().value;
    const owed: Claim[] = verdict ? [verdict.claim] : [];
    const agoMs = context.nowMs - record.sinceMs;
    const isNew = agoMs < INTERVALS_INTRODUCED * settings.probeIntervalMs;
    if (isNew && record.introductions < INTRODUCTIONS) {
      record.introductions++;
      owed.push(own.claim());
    }
    return owed;
  }

  function askOthers(running: Probe): void {
    running.indirectMs = Infinity;
    const { nonce, target } = running;
    for (const relay of sample(settings.indirectProbes, target)) {
      running.relays.add(relay.id);
      sendFilled(context, relay.alive.address, relay.id, {
        kind: "ping-request",
        nonce,
        target,
        claims: [],
      });
    }
  }

  function fail(running: Probe): void {
    probe = undefined;
    // Relays that were asked and said nothing are a sign that this node does not hear well.
    const silent = running.relays.size;
    health.note(silent > 0 ? silent : view.activeCount() > 1 ? 0 : 1);
    const record = activeRecord(running.target);
    if (record) judgement.accuse(record);
  }

  function sample(count: number, except?: NodeId): MemberRecord[] {
    const chosen = new Map<NodeId, MemberRecord>();
    // A few draws more than needed, for some hit the same member or one that is gone.
    for (let draw = 0; draw < 3 * count + 3 && chosen.size < count && order.length > 0; draw++) {
      const record = activeRecord(order[options.prng.below(order.length)]);
      if (record && record.id !== except) chosen.set(record.id, record);
    }
    return [...chosen.values()];
  }

  return {
    insert(id) {
      if (!listed.has(id)) {
        order.splice(at + options.prng.below(order.length - at + 1), 0, id);
        listed.add(id);
      }
      // The first member starts the schedule at a random phase, so that nodes do not probe in step.
      if (nextMs === Infinity) {
        nextMs = context.nowMs + options.prng.float() * settings.probeIntervalMs;
      }
    },
    soon(id) {
      if (probe?.target === id) return;
      urgent.add(id);
      // As many as are wanted to confirm do not wait for their slot; in a large cluster not everyone at once.
      const enough = ENOUGH_CONFIRMATIONS * (settings.confirmations + 1) / clusterSize(context);
      if (options.prng.float() < enough) atOnce = true;
    },
    acked(message) {
      if (probe?.nonce !== message.nonce || probe.target !== message.subject) return false;
      if (message.proof && message.proof.prober !== options.self.id) return false;
      const record = view.get(probe.target);
      if (record && !message.proof) {
        record.rttMs = context.nowMs - probe.sentMs;
        record.coordinate = message.coordinate;
        if (message.coordinate) context.place.observe(message.coordinate, record.rttMs);
      }
      health.note(-1);
      probe = undefined;
      return true;
    },
    nacked(sender, nonce) {
      if (probe?.nonce === nonce) probe.relays.delete(sender);
    },
    sample,
    dueMs() {
      if (probe) return Math.min(nextMs, probe.indirectMs, probe.endMs);
      return atOnce ? context.nowMs : nextMs;
    },
    run() {
      const { nowMs } = context;
      if (probe && probe.endMs <= nowMs) fail(probe);
      if (probe && probe.indirectMs <= nowMs) askOthers(probe);
      if (atOnce && !probe) beginUrgent();
      if (nextMs > nowMs) return;
      const intervalMs = settings.probeIntervalMs * health.multiplier();
      // On an even schedule; after a pause without catching up.
      nextMs = Math.max(nextMs + intervalMs, nowMs + intervalMs / 2);
      if (view.activeCount() === 0) nextMs = Infinity;
      else if (!probe) {
        const target = nextTarget();
        if (target) begin(target);
      }
    },
    shift(byMs) {
      if (!probe) return;
      probe.indirectMs += byMs;
      probe.endMs += byMs;
    },
  };
}
