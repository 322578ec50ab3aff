/**
 * What gossip missed: pings and acks carry a short digest of the sender's view, and a member whose digest stays different is asked for its
 * full state (anti-entropy, Demers et al. 1987, started by evidence and not by the clock). So an update that was lost on the way to one
 * node is there a few probes later and not at the next periodic exchange.
 *
 * While news spreads views differ, so a node waits until its own view has been at rest for a while. A digest that never agrees, because
 * somebody lies or a view is full, costs ever fewer exchanges, until the own view changes again.
 *
 * The digest has two halves of 4 bytes: the sum, modulo 2^32, of one hash for each active member and its incarnation, and a hash of the
 * election's head, which itself travels only to who showed another one. It is a hint and no proof: who makes two views collide on purpose
 * gains that an exchange is left to the clock.
 */
import type { Context } from "./context.ts";
import { syncIntervalMs } from "./settings.ts";
import type { SyncSchedule } from "./sync_schedule.ts";
import { hashOfBytes, hashOfMember } from "./view_hash.ts";
import type { MemberRecord } from "./view.ts";

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
    const view = digestOf(context).slice(0, HALF);
    if (view === own) return;
    own = view;
    pauseMs = INTERVALS_AT_REST * settings.probeIntervalMs;
    nextMs = context.nowMs + pauseMs;
  }

  return {
    heard(record, digest) {
      noteOwn();
      if (digest.startsWith(own) || context.nowMs < nextMs) return;
      sync.want(record.alive.address);
      pauseMs = Math.min(2 * pauseMs, syncIntervalMs(settings, context.view.activeCount() + 1));
      nextMs = context.nowMs + pauseMs;
    },
  };
}

/** Hexadecimal digits of each half. */
const HALF = 8;

/** From now on pings and acks carry this for the election. */
export function setHead(context: Context, head: Uint8Array): void {
  context.head = head;
  context.headWord = headWordOf(head);
}

/** What the digest says of a head. */
export function headWordOf(head: Uint8Array): string {
  return word(hashOfBytes(head));
}

/** The digest of a node's view, itself included, and of its head: 8 bytes as hex. The same members at the same incarnations have the same. */
export function digestOf(context: Context): string {
  const { view, options, incarnation, headWord } = context;
  const sum = view.sum() + hashOfMember(options.self.id, incarnation);
  return word(sum) + headWord;
}

/** The head as it is to be told to somebody with this digest: nothing, when they have the same. */
export function headFor(context: Context, digest: string | undefined): Uint8Array {
  return digest?.slice(HALF) === context.headWord ? NOTHING : context.head;
}

const NOTHING = new Uint8Array(0);

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(HALF, "0");
}
