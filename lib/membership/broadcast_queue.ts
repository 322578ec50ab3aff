/**
 * Claims that wait to ride on outgoing datagrams (SWIM, section 4.1): the ones sent least often go first, each is sent a limited
 * number of times, a newer claim about the same thing replaces the older. A claim never is split: one that does not fit waits.
 */
import { claimBytes, QUEUE_CLAIMS_MAX } from "./limits.ts";
import type { Claim, NodeId } from "./types.ts";

/** The queue of one node. */
export interface BroadcastQueue {
  /** Adds a claim; what it makes obsolete goes. */
  push(claim: Claim): void;
  /** Takes claims for one datagram with so many bytes of room. Each counts as sent once; at `limit` it is dropped. */
  take(roomBytes: number, limit: number): Claim[];
  /** Claims that wait. */
  size(): number;
}

/** No claim is smaller (a signature and a key): below it looking on is in vain. */
const CLAIM_BYTES_MIN = 96;

/** An empty queue. */
export function createBroadcastQueue(): BroadcastQueue {
  /** By how often its claims were sent; each bucket in the order of arrival. */
  const buckets: Map<string, Claim>[] = [];
  /** Keys of each subject, with the bucket they are in. */
  const places = new Map<NodeId, Map<string, number>>();
  let count = 0;

  function remove(subject: NodeId, key: string): void {
    const keys = places.get(subject)!;
    buckets[keys.get(key)!].delete(key);
    keys.delete(key);
    if (keys.size === 0) places.delete(subject);
    count--;
  }

  function insert(key: string, claim: Claim, sent: number): void {
    (buckets[sent] ??= new Map()).set(key, claim);
    const keys = places.get(claim.subject);
    if (keys) keys.set(key, sent);
    else places.set(claim.subject, new Map([[key, sent]]));
    count++;
  }

  function dropObsolete(claim: Claim): void {
    for (const [key, sent] of [...places.get(claim.subject) ?? []]) {
      if (supersedes(claim, buckets[sent].get(key)!)) remove(claim.subject, key);
    }
  }

  function dropMostSent(): void {
    for (let sent = buckets.length - 1; sent >= 0; sent--) {
      const first = buckets[sent]?.entries().next().value;
      if (first) return remove(first[1].subject, first[0]);
    }
  }

  return {
    push(claim) {
      dropObsolete(claim);
      const key = keyOf(claim);
      if (places.get(claim.subject)?.has(key)) remove(claim.subject, key);
      if (count >= QUEUE_CLAIMS_MAX) dropMostSent();
      insert(key, claim, 0);
    },
    take(roomBytes, limit) {
      const taken: [string, Claim, number][] = [];
      let room = roomBytes;
      search: for (let sent = 0; sent < buckets.length; sent++) {
        for (const [key, claim] of buckets[sent] ?? []) {
          if (room < CLAIM_BYTES_MIN) break search;
          const bytes = claimBytes(claim);
          if (bytes > room) continue;
          room -= bytes;
          taken.push([key, claim, sent]);
        }
      }
      for (const [key, claim, sent] of taken) {
        remove(claim.subject, key);
        if (sent + 1 < limit) insert(key, claim, sent + 1);
      }
      return taken.map(([, claim]) => claim);
    },
    size: () => count,
  };
}

/** Of one kind there is one claim a subject; accusations count by accuser. */
function keyOf(claim: Claim): string {
  const accuser = claim.type === "suspect" || claim.type === "dead" ? claim.accuser : "";
  return `${claim.subject} ${accuser}`;
}

function supersedes(newer: Claim, older: Claim): boolean {
  if (newer.type === "alive") return older.incarnation < newer.incarnation;
  if (newer.type === "left") return older.incarnation <= newer.incarnation;
  return older.incarnation < newer.incarnation;
}
