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

/** A claim that waits. */
interface Waiting {
  readonly claim: Claim;
  readonly bytes: number;
  /** How often it was sent. */
  sent: number;
  /** Its place in the order of arrival among those that were sent as often. */
  order: number;
}

/** Claims that were sent equally often, by their bytes; those of one size in the order of arrival. There are few sizes. */
type Bucket = Map<number, Set<Waiting>>;

/** An empty queue. */
export function createBroadcastQueue(): BroadcastQueue {
  /** By how often its claims were sent. */
  const buckets: Bucket[] = [];
  const bySubject = new Map<NodeId, Waiting[]>();
  let count = 0;
  let orders = 0;

  function insert(waiting: Waiting): void {
    const bucket = buckets[waiting.sent] ??= new Map();
    waiting.order = orders++;
    const alike = bucket.get(waiting.bytes);
    if (alike) alike.add(waiting);
    else bucket.set(waiting.bytes, new Set([waiting]));
  }

  function takeOut(waiting: Waiting): void {
    const bucket = buckets[waiting.sent];
    const alike = bucket.get(waiting.bytes)!;
    alike.delete(waiting);
    if (alike.size === 0) bucket.delete(waiting.bytes);
  }

  function remove(waiting: Waiting): void {
    takeOut(waiting);
    const { subject } = waiting.claim;
    const others = bySubject.get(subject)!.filter((other) => other !== waiting);
    if (others.length > 0) bySubject.set(subject, others);
    else bySubject.delete(subject);
    count--;
  }

  function dropMostSent(): void {
    for (let sent = buckets.length - 1; sent >= 0; sent--) {
      for (const first of inOrder(buckets[sent] ?? [], () => Infinity)) return remove(first);
    }
  }

  return {
    push(claim) {
      for (const waiting of bySubject.get(claim.subject) ?? []) {
        if (replaces(claim, waiting.claim)) remove(waiting);
      }
      if (count >= QUEUE_CLAIMS_MAX) dropMostSent();
      const waiting = { claim, bytes: claimBytes(claim), sent: 0, order: 0 };
      insert(waiting);
      const others = bySubject.get(claim.subject);
      bySubject.set(claim.subject, others ? [...others, waiting] : [waiting]);
      count++;
    },
    take(roomBytes, limit) {
      const taken: Waiting[] = [];
      let room = roomBytes;
      for (const bucket of buckets) {
        if (!bucket) continue;
        for (const waiting of inOrder(bucket, () => room)) {
          room -= waiting.bytes;
          taken.push(waiting);
        }
      }
      for (const waiting of taken) {
        if (waiting.sent + 1 >= limit) remove(waiting);
        else {
          takeOut(waiting);
          waiting.sent++;
          insert(waiting);
        }
      }
      return taken.map(({ claim }) => claim);
    },
    size: () => count,
  };
}

/**
 * The claims of a bucket in the order of arrival, as far as each fits into the room that there is at that moment, which only shrinks. What
 * does not fit is never looked at: of the thousands that may wait while a cluster comes together most fit no rest of a datagram.
 */
function* inOrder(bucket: Iterable<[number, Set<Waiting>]>, room: () => number) {
  const rows: { next?: Waiting; readonly rest: Iterator<Waiting, undefined> }[] = [];
  for (const [bytes, alike] of bucket) {
    if (bytes > room()) continue;
    const rest = alike.values();
    rows.push({ next: rest.next().value, rest });
  }
  for (;;) {
    let first: typeof rows[number] | undefined;
    for (const row of rows) {
      if (!row.next || row.next.bytes > room()) continue;
      if (!first?.next || row.next.order < first.next.order) first = row;
    }
    if (!first?.next) return;
    yield first.next;
    first.next = first.rest.next().value;
  }
}

/** Whether a claim makes another about the same subject obsolete: it is newer, or of the same kind; accusations count by accuser. */
function replaces(newer: Claim, older: Claim): boolean {
  if (older.incarnation < newer.incarnation) return true;
  if (newer.type === "left" && older.incarnation === newer.incarnation) return true;
  return accuserOf(newer) === accuserOf(older);
}

function accuserOf(claim: Claim): NodeId | undefined {
  return claim.type === "suspect" || claim.type === "dead" ? claim.accuser : undefined;
}
