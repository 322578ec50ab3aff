/**
 * Who is who: one record for each member that has answered a nonce of this node at least once, and tombstones of the reaped. Only
 * data and counts; the rules that change it are in `judgement.ts`.
 */
import type { Address } from "../base/address.ts";
import type { Coordinate } from "./coordinate.ts";
import { TOMBSTONES_MAX } from "./limits.ts";
import { hashOfMember } from "./view_hash.ts";
import type {
  AccusationClaim,
  AliveClaim,
  LeftClaim,
  Member,
  MemberState,
  NodeId,
} from "./types.ts";

/** What one accuser says about the present incarnation. */
export interface Verdict {
  readonly claim: AccusationClaim;
  /** Whether it counts as "dead" and not only as "suspect": full states of others never do (see `judgement.ts`). */
  readonly dead: boolean;
}

/** Nobody accuses. */
export const NO_VERDICTS: ReadonlyMap<NodeId, Verdict> = new Map();

/** A member as the core keeps it. */
export interface MemberRecord {
  readonly id: NodeId;
  readonly publicKey: Uint8Array;
  /** What its first claim said: a key is made once, whatever later claims say. */
  readonly keyMadeS: number;
  /** The newest claim that was accepted. */
  alive: AliveClaim;
  /** The greatest incarnation that it signed and this node accepted. */
  incarnation: number;
  state: MemberState;
  sinceMs: number;
  verified: boolean;
  rttMs?: number;
  coordinate?: Coordinate;
  /** The digest that it showed last, for `headFor`. */
  digest?: string;
  /** When it was last shown its death because it spoke. */
  shownMs?: number;
  /** How many probes introduced this node to it since it arrived. */
  introductions: number;
  /** When it came back after it had failed, for `flapping.ts`. */
  returnsMs?: readonly number[];
  /** By accuser, about `incarnation`; replaced and not changed, so that those of whom nobody accuses share one. */
  verdicts: ReadonlyMap<NodeId, Verdict>;
  left?: LeftClaim;
}

/** What is kept of a reaped member. `address` is where a dead one was last; one that left is let go. */
export interface Tombstone {
  readonly incarnation: number;
  readonly address?: Address;
  /** Whether it is still looked for; not, when an operator gave it up. */
  readonly isSought: boolean;
  /** When it was last shown its death because it spoke. */
  shownMs?: number;
}

/** The tables of one node. */
export interface View {
  get(id: NodeId): MemberRecord | undefined;
  records(): Iterable<MemberRecord>;
  size(): number;
  /** Members alive or suspect. */
  activeCount(): number;
  /** Members that are dead. */
  dead(): Iterable<MemberRecord>;
  /** Members of this name, in any state. */
  named(name: string): Iterable<MemberRecord>;
  add(record: MemberRecord): void;
  /** Moves a record to a state; `sinceMs` becomes `nowMs`. */
  setState(record: MemberRecord, state: MemberState, nowMs: number): void;
  /** Takes a dead or left record out and leaves a tombstone. A dead one is looked for further, unless `isSought` is false. */
  reap(record: MemberRecord, isSought?: boolean): void;
  /** Gives a record a newer claim of its subject, without a change of state. */
  renew(record: MemberRecord, claim: AliveClaim): void;
  /** Raises a record's incarnation by what its subject said when it left. */
  leave(record: MemberRecord, claim: LeftClaim): void;
  /** The sum, modulo 2^32, of the hashes of all active members: for `anti_entropy.ts`. */
  sum(): number;
  tombstone(id: NodeId): Tombstone | undefined;
  tombstones(): Iterable<[NodeId, Tombstone]>;
}

/** Empty tables. */
export function createView(): View {
  const records = new Map<NodeId, MemberRecord>();
  const tombstones = new Map<NodeId, Tombstone>();
  /** Indexes, for what is asked at every round or change: in a large view looking through all of it would cost most of a step. */
  const dead = new Map<NodeId, MemberRecord>();
  const byName = new Map<string, readonly MemberRecord[]>();
  let active = 0;
  let sum = 0;

  /** Before a record changes it is taken out of the indexes and counts, and then put in again. */
  function enter(record: MemberRecord): void {
    if (isActive(record)) {
      active++;
      sum = (sum + hashOfMember(record.id, record.incarnation)) >>> 0;
    }
    if (record.state === "dead") dead.set(record.id, record);
    const { name } = record.alive;
    const others = byName.get(name);
    // Nearly all names are those of one; an array that grew is ten times as large as one of one.
    byName.set(name, others ? [...others, record] : [record]);
  }

  function remove(record: MemberRecord): void {
    if (isActive(record)) {
      active--;
      sum = (sum - hashOfMember(record.id, record.incarnation)) >>> 0;
    }
    dead.delete(record.id);
    const { name } = record.alive;
    const others = byName.get(name)!.filter((other) => other !== record);
    if (others.length > 0) byName.set(name, others);
    else byName.delete(name);
  }

  return {
    get: (id) => records.get(id),
    records: () => records.values(),
    size: () => records.size,
    activeCount: () => active,
    dead: () => dead.values(),
    named: (name) => byName.get(name) ?? [],
    add(record) {
      records.set(record.id, record);
      tombstones.delete(record.id);
      enter(record);
    },
    setState(record, state, nowMs) {
      remove(record);
      record.state = state;
      record.sinceMs = nowMs;
      enter(record);
    },
    reap(record, isSought = true) {
      remove(record);
      records.delete(record.id);
      if (tombstones.size >= TOMBSTONES_MAX) tombstones.delete(tombstones.keys().next().value!);
      const { incarnation, alive } = record;
      tombstones.set(
        record.id,
        record.state === "left"
          ? { incarnation, isSought: false }
          : { incarnation, isSought, address: alive.address },
      );
    },
    renew(record, claim) {
      remove(record);
      record.alive = claim;
      record.incarnation = claim.incarnation;
      enter(record);
    },
    leave(record, claim) {
      remove(record);
      record.incarnation = claim.incarnation;
      record.left = claim;
      enter(record);
    },
    sum: () => sum,
    tombstone: (id) => tombstones.get(id),
    tombstones: () => tombstones.entries(),
  };
}

/** Whether a member takes part: alive, or suspect and not yet given up. */
export function isActive(record: MemberRecord): boolean {
  return record.state === "alive" || record.state === "suspect";
}

/** The record as others see it. */
export function memberOf(record: MemberRecord): Member {
  const { id, publicKey, alive, incarnation, state, sinceMs, verified, rttMs, coordinate } = record;
  const { name, address, tags } = alive;
  return {
    id,
    publicKey,
    name,
    address,
    tags,
    incarnation,
    state,
    sinceMs,
    verified,
    accusations: record.verdicts.size,
    ...(rttMs !== undefined && { rttMs }),
    ...(coordinate && { coordinate }),
  };
}

/** Whether two addresses are the same text. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.host === b.host;
}
