/**
 * A bound on the work that others can cause: a datagram costs two signature checks and more, so a flood would leave no time to read what
 * comes from the rest, which then overflows in the socket's buffer and looks like silence. Each member's address has a rate of its own, all
 * other addresses share a smaller one, and who was asked something may answer beside it. Who forges a member's address can use up that
 * member's rate, as it could overflow the buffer without it.
 */
import { type Address, formatAddress } from "../base/address.ts";

/** A rate and how much of it may be saved up. */
interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** For one member: a node sends fewer than 20 datagrams a second at rest. */
const MEMBER: Rate = { perSecond: 500, burst: 500 };
/** For all strangers: a hundred nodes that start together knock a few times each. At half a ms for each that is a twentieth of a processor. */
const STRANGERS: Rate = { perSecond: 100, burst: 400 };
/** Addresses that were asked and may still answer; the oldest go first. As many as there may be open first pings. */
const EXPECTED_MAX = 4096;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Decides by source address; one for each node. */
export class SourceLimit {
  readonly #strangers: Bucket = { tokens: STRANGERS.burst, atMs: 0 };
  readonly #expected = new Set<string>();
  #members = new Map<string, Bucket>();
  /** Datagrams that were refused. */
  refused = 0;

  /** From now on these are the members' addresses. */
  setMembers(addresses: Iterable<Address>): void {
    const before = this.#members;
    this.#members = new Map(
      Array.from(addresses, formatAddress)
        .map((key) => [key, before.get(key) ?? { tokens: MEMBER.burst, atMs: 0 }]),
    );
  }

  /** A ping goes to this address: if it is no member's, one answer is expected from there. */
  expect(address: Address): void {
    const key = formatAddress(address);
    if (this.#members.has(key)) return;
    this.#expected.delete(key);
    if (this.#expected.size >= EXPECTED_MAX) {
      this.#expected.delete(this.#expected.values().next().value!);
    }
    this.#expected.add(key);
  }

  /** Whether a datagram from this source is to be looked at. */
  admits(source: Address, nowMs: number): boolean {
    const key = formatAddress(source);
    const member = this.#members.get(key);
    if (!member && this.#expected.delete(key)) return true;
    if (take(member ?? this.#strangers, member ? MEMBER : STRANGERS, nowMs)) return true;
    this.refused++;
    return false;
  }
}

function take(bucket: Bucket, { perSecond, burst }: Rate, nowMs: number): boolean {
  const refill = (nowMs - bucket.atMs) * perSecond / 1000;
  bucket.tokens = Math.min(burst, bucket.tokens + refill);
  bucket.atMs = nowMs;
  if (bucket.tokens < 1) return false;
  bucket.tokens--;
  return true;
}
