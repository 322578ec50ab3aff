/**
 * A bound on the work that others can cause: a datagram costs two signature checks and more, so a flood would leave no time to read what
 * comes from the rest, which then overflows in the socket's buffer and looks like silence. Each member's address has a rate of its own, all
 * other addresses share one. Who forges a member's address can use up that member's rate, as it could overflow the buffer without it.
 */
import { type Address, formatAddress } from "../base/address.ts";

/** Datagrams a second and at once, for one member and for all strangers: a node sends fewer than 20 a second at rest, and a hundred
 * nodes that start together knock a few times each. */
const DATAGRAMS_PER_SECOND = 500;
const BURST = 500;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Decides by source address; one for each node. */
export class SourceLimit {
  readonly #strangers: Bucket = { tokens: BURST, atMs: 0 };
  #members = new Map<string, Bucket>();
  /** Datagrams that were refused. */
  refused = 0;

  /** From now on these are the members' addresses. */
  setMembers(addresses: Iterable<Address>): void {
    const before = this.#members;
    this.#members = new Map(
      Array.from(addresses, formatAddress)
        .map((key) => [key, before.get(key) ?? { tokens: BURST, atMs: 0 }]),
    );
  }

  /** Whether a datagram from this source is to be looked at. */
  admits(source: Address, nowMs: number): boolean {
    const bucket = this.#members.get(formatAddress(source)) ?? this.#strangers;
    const refill = (nowMs - bucket.atMs) * DATAGRAMS_PER_SECOND / 1000;
    bucket.tokens = Math.min(BURST, bucket.tokens + refill);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) {
      this.refused++;
      return false;
    }
    bucket.tokens--;
    return true;
  }
}
