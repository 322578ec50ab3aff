/**
 * First words to addresses that have proven nothing yet: nodes that somebody signed for (new ones, dead ones that came back, members at
 * a new address), seeds, and the dead. Each gets a ping with a fresh nonce and this node's own claim, and nothing else but what it
 * needs to refute its own death; who answers the nonce has proven the address (design §3).
 *
 * Candidates get a few tries with doubling pauses. All first words together are limited in rate, so that claims which name a victim's
 * address do it no harm.
 */
import type { Address } from "../base/address.ts";
import { bare, type Context, type Part, send } from "./context.ts";
import { CANDIDATES_MAX, CONTACTS_MAX } from "./limits.ts";
import type { Own } from "./own.ts";
import type { AliveClaim, Claim, NodeId } from "./types.ts";

/** A ping that may still be answered. */
export interface Contact {
  readonly address: Address;
  /** Unknown for a seed. */
  readonly id?: NodeId;
  readonly sentMs: number;
}

/** First words of one node. */
export interface Contacts extends Part {
  /**
   * Adds the subject of a claim, or replaces its older claim. `vouched` means that a member passed the claim on, `isNews` that others may
   * not have it.
   */
  offer(claim: AliveClaim, vouched: boolean, isNews: boolean): void;
  candidate(id: NodeId): { readonly claim: AliveClaim; readonly isNews: boolean } | undefined;
  /** Pings an address once. Seeds and the dead are paced by the caller. */
  ping(address: Address, id?: NodeId): void;
  /** The contact that has this nonce; it is used up. */
  answered(nonce: string): Contact | undefined;
  /** Forgets a candidate that became a member. */
  settled(id: NodeId): void;
}

/** Tries of a candidate that a member vouched for; with doubling pauses the last comes 30 probe timeouts after the first. */
const ATTEMPTS_VOUCHED = 5;

/** Tries of one that only spoke for itself: it will speak again, and may have given a victim's address. */
const ATTEMPTS_UNVOUCHED = 2;

/** Probe timeouts after which an answer is no answer any more. */
const TIMEOUTS_WAITED = 20;

/** A walk past so many places of candidates that are gone costs less than copying the others. */
const GAPS_MAX = 64;

interface Candidate {
  readonly claim: AliveClaim;
  readonly isNews: boolean;
  vouched: boolean;
  attempts: number;
  nextMs: number;
}

/** First words in a context. `refutable` gives the claims that the addressee should see about itself. */
export function createContacts(
  context: Context,
  own: Own,
  refutable: (id: NodeId) => readonly Claim[],
): Contacts {
  const { options, settings } = context;
  let candidates = new Map<NodeId, Candidate>();
  /** How many were taken out of `candidates`: a walk through a map passes the places of those as well. */
  let takenOut = 0;
  const contacts = new Map<string, Contact>();
  /** No contact is older. */
  let oldestMs = -Infinity;
  let tokens = settings.contactsPerSecond;
  let tokensMs = 0;
  /** No candidate is due before; found anew when they are tried, for looking through thousands at every step costs more than the step. */
  let earliestMs = Infinity;

  function ping(address: Address, id?: NodeId): void {
    if (contacts.size >= CONTACTS_MAX || isOver(oldestMs)) forgetOldest();
    const nonce = options.nonce();
    contacts.set(nonce, { address, ...(id && { id }), sentMs: context.nowMs });
    const claims = [own.claim(), ...(id ? refutable(id) : [])];
    send(context, address, id, { ...bare(context, nonce), claims });
  }

  /** Those that are over go, and one more when there is no room else. */
  function forgetOldest(): void {
    oldestMs = context.nowMs;
    for (const [nonce, { sentMs }] of contacts) {
      if (contacts.size < CONTACTS_MAX && !isOver(sentMs)) {
        oldestMs = sentMs;
        return;
      }
      contacts.delete(nonce);
    }
  }

  function isOver(sentMs: number): boolean {
    return context.nowMs - sentMs > TIMEOUTS_WAITED * settings.probeTimeoutMs;
  }

  function takeOut(id: NodeId): void {
    if (candidates.delete(id)) takenOut++;
  }

  function closeGaps(): void {
    if (takenOut <= GAPS_MAX || takenOut <= candidates.size) return;
    candidates = new Map(candidates);
    takenOut = 0;
  }

  function refillTokens(): void {
    const perMs = settings.contactsPerSecond / 1000;
    tokens = Math.min(
      settings.contactsPerSecond,
      tokens + Math.max(0, context.nowMs - tokensMs) * perMs,
    );
    tokensMs = context.nowMs;
  }

  /** Room for one more: one that nobody vouched for goes, else the one that has been tried most, if any was tried. */
  function makeRoom(): boolean {
    if (candidates.size < CANDIDATES_MAX) return true;
    let worst: NodeId | undefined;
    let weight = 0;
    for (const [id, { vouched, attempts }] of candidates) {
      const own = vouched ? attempts : ATTEMPTS_VOUCHED + 1 + attempts;
      if (own > weight) [worst, weight] = [id, own];
    }
    if (worst) takeOut(worst);
    return worst !== undefined;
  }

  /** Gives whether all that were due have been tried; not, when there were more than the rate allows. */
  function tryDue(vouched: boolean): boolean {
    for (const [id, candidate] of candidates) {
      if (candidate.vouched !== vouched || candidate.nextMs > context.nowMs) continue;
      if (candidate.attempts >= (vouched ? ATTEMPTS_VOUCHED : ATTEMPTS_UNVOUCHED)) {
        takeOut(id);
        continue;
      }
      if (tokens < 1) return false;
      tokens--;
      // Who was tried goes to the end: of thousands that wait for their first word only the foremost are looked at.
      takeOut(id);
      candidates.set(id, candidate);
      candidate.nextMs = context.nowMs + 2 * settings.probeTimeoutMs * 2 ** candidate.attempts;
      candidate.attempts++;
      ping(candidate.claim.address, id);
    }
    return true;
  }

  return {
    offer(claim, vouched, isNews) {
      const before = candidates.get(claim.subject);
      if (before) before.vouched ||= vouched;
      if (before && before.claim.incarnation >= claim.incarnation) return;
      if (!before && !makeRoom()) return;
      earliestMs = Math.min(earliestMs, context.nowMs);
      candidates.set(claim.subject, {
        claim,
        isNews,
        vouched,
        attempts: 0,
        nextMs: context.nowMs,
      });
    },
    candidate: (id) => candidates.get(id),
    ping,
    answered(nonce) {
      const contact = contacts.get(nonce);
      contacts.delete(nonce);
      return contact && !isOver(contact.sentMs) ? contact : undefined;
    },
    settled: takeOut,
    dueMs() {
      const missing = Math.max(0, 1 - tokens) * 1000 / settings.contactsPerSecond;
      return missing > 0 ? Math.max(earliestMs, tokensMs + Math.ceil(missing)) : earliestMs;
    },
    run() {
      refillTokens();
      closeGaps();
      // Whom members vouch for goes first, so that a flood of strangers holds no join up.
      const allTried = tryDue(true) && tryDue(false);
      earliestMs = allTried ? Infinity : context.nowMs;
      if (!allTried) return;
      for (const { nextMs } of candidates.values()) earliestMs = Math.min(earliestMs, nextMs);
    },
    shift() {},
  };
}
