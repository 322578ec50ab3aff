/**
 * What gossip missed: pings and acks carry a short digest of the sender's view, and a member whose digest stays different is asked for its
 * full state (anti-entropy, Demers et al. 1987, started by evidence and not by the clock). So an update that was lost on the way to one
 * node is there a few probes later and not at the next periodic exchange.
 *
 * While news spreads views differ, so a node waits until its own view has been at rest for a while. A digest that never agrees, because
 * somebody lies or a view is full, costs ever fewer exchanges, until the own view changes again.
 *
 * The digest is the sum, modulo 2^32 in two lanes, of one hash for each active member and its incarnation. It is a hint and no proof: who
 * makes two views collide on purpose gains that an exchange is left to the clock.
 */
import type { Context } from "./context.ts";
import { syncIntervalMs } from "./settings.ts";
import type { SyncSchedule } from "./sync_schedule.ts";
import type { NodeId } from "./types.ts";
import { isActive, type MemberRecord } from "./view.ts";

/** Compares the views of one node and its members. */
export interface AntiEntropy {
  /** A trusted member has this digest. */
  heard(record: MemberRecord, digest: string): void;
}

/** Probe intervals for which the own view has to be at rest: gossip has had its rounds by then. */
const INTERVALS_AT_REST = 2;

/** The comparison in a context. */
export function createAntiEntropy(context: Context, sync: SyncSchedule): AntiEntropy {
  const { settings } = context;
  let own = "";
  let nextMs = 0;
  let pauseMs = 0;

  function noteOwn(): void {
    const digest = viewDigest(context);
    if (digest === own) return;
    own = digest;
    pauseMs = INTERVALS_AT_REST * settings.probeIntervalMs;
    nextMs = context.nowMs + pauseMs;
  }

  return {
    heard(record, digest) {
      noteOwn();
      if (digest === own || context.nowMs < nextMs) return;
      sync.want(record.alive.address);
      pauseMs = Math.min(2 * pauseMs, syncIntervalMs(settings, context.view.activeCount() + 1));
      nextMs = context.nowMs + pauseMs;
    },
  };
}

/** The digest of a node's view, itself included: 8 bytes as hex. Views of the same members at the same incarnations have the same. */
export function viewDigest(context: Context): string {
  const { view, options, incarnation } = context;
  let [low, high] = view.cachedDigest() ?? sumOf(view.records());
  view.cacheDigest([low, high]);
  const [a, b] = hashOf(options.self.id, incarnation);
  low = (low + a) >>> 0;
  high = (high + b) >>> 0;
  return low.toString(16).padStart(8, "0") + high.toString(16).padStart(8, "0");
}

function sumOf(records: Iterable<MemberRecord>): [number, number] {
  let [low, high] = [0, 0];
  for (const record of records) {
    if (!isActive(record)) continue;
    const [a, b] = hashOf(record.id, record.incarnation);
    low = (low + a) >>> 0;
    high = (high + b) >>> 0;
  }
  return [low, high];
}

/** Ids are hashes already, so two windows of one and a mixer (murmur3's finalizer) do. */
function hashOf(id: NodeId, incarnation: number): [number, number] {
  let [a, b] = [0x9e3779b9, 0x85ebca6b];
  for (let i = 0; i < 8; i++) {
    a = Math.imul(a ^ id.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ id.charCodeAt(i + 8), 0x01000193);
  }
  const [low, high] = [incarnation >>> 0, Math.floor(incarnation / 0x100000000)];
  return [
    mixed(a ^ Math.imul(low, 0xcc9e2d51) ^ high),
    mixed(b ^ Math.imul(low, 0x1b873593) ^ high),
  ];
}

function mixed(value: number): number {
  let v = value;
  v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
  v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
  return (v ^ (v >>> 16)) >>> 0;
}
