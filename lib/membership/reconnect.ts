/**
 * Coalescence: seeds and dead members are tried for ever, so that a healed partition or a network whose members were all replaced is
 * found again without an operator (design §3). Alone, a node tries all its seeds with doubling pauses; in company it tries one address
 * at a time at a slow rate. Here the view is also rid of members that have been dead or gone for long.
 */
import { type Address, formatAddress } from "../base/address.ts";
import { changed, type Context, type Part, reported } from "./context.ts";
import type { Contacts } from "./contacts.ts";
import { SEEDS_MAX } from "./limits.ts";
import type { AliveClaim, NodeId } from "./types.ts";
import { isActive, sameAddress } from "./view.ts";

/** Seeds and the dead of one node. */
export interface Reconnect extends Part {
  addSeeds(addresses: readonly Address[]): void;
  /** Seeds that the operator names while the node runs: all are tried at once. */
  join(addresses: readonly Address[]): void;
  /** Members of an earlier run; as many as there may be seeds are tried like seeds. */
  addKnown(claims: readonly AliveClaim[]): void;
  /** Somebody answered at this address. Gives whether it is a seed that has not answered since it was last out of reach. */
  answered(address: Address, id: NodeId): boolean;
}

interface Seed {
  readonly address: Address;
  /** Who answered there last. */
  id?: NodeId;
  answered: boolean;
  /** Only seeds that an operator named are reported. */
  readonly named: boolean;
}

interface Target {
  readonly address: Address;
  readonly id?: NodeId;
}

/** Rounds without any answer after which the operator hears of it, once. */
const ROUNDS_BEFORE_REPORT = 3;

/** Seeds and the dead in a context. */
export function createReconnect(context: Context, contacts: Contacts): Reconnect {
  const { settings, view, options } = context;
  const seeds = new Map<string, Seed>();
  let nextMs = Infinity;
  let backoffMs = settings.probeTimeoutMs;
  let rounds = 0;
  let turn = 0;
  let unreachableReported = false;

  function add(address: Address, named: boolean, id?: NodeId): void {
    const key = formatAddress(address);
    if (seeds.has(key) || sameAddress(address, options.self.address)) return;
    const count = [...seeds.values()].filter((seed) => seed.named === named).length;
    if (count >= SEEDS_MAX) return;
    seeds.set(key, { address, answered: false, named, ...(id && { id }) });
  }

  function soon(): void {
    nextMs = context.nowMs;
    backoffMs = settings.probeTimeoutMs;
    rounds = 0;
  }

  /** Seeds at which no live member is known to be. Another node than before may live there now, so the id is not asked for. */
  function openSeeds(): Target[] {
    const open = new Map<string, Target>();
    for (const [key, { address, id }] of seeds) {
      const record = id === undefined ? undefined : view.get(id);
      if (id !== options.self.id && !(record && isActive(record))) open.set(key, { address });
    }
    // Most often nothing is left by now, and of thousands of members none needs to be looked at.
    if (open.size === 0) return [];
    for (const record of view.records()) {
      if (isActive(record)) open.delete(formatAddress(record.alive.address));
    }
    return [...open.values()];
  }

  function theDead(): Target[] {
    const dead: Target[] = [];
    for (const { id, alive } of view.dead()) dead.push({ id, address: alive.address });
    for (const [id, { address, isSought }] of view.tombstones()) {
      if (address && isSought) dead.push({ id, address });
    }
    return dead;
  }

  function tryAll(): void {
    for (const { address } of openSeeds()) contacts.ping(address);
    tryNext(theDead());
    nextMs = context.nowMs + backoffMs * (0.75 + options.prng.float() / 2);
    backoffMs = Math.min(settings.reconnectIntervalMs, 2 * backoffMs);
    if (++rounds > ROUNDS_BEFORE_REPORT) reportUnreachable();
  }

  function tryNext(targets: readonly Target[]): void {
    if (targets.length === 0) return;
    const { address, id } = targets[turn++ % targets.length];
    contacts.ping(address, id);
  }

  function reportUnreachable(): void {
    const all = [...seeds.values()];
    const named = all.filter((seed) => seed.named && seed.id !== options.self.id);
    if (unreachableReported || named.length === 0) return;
    unreachableReported = true;
    for (const seed of all) seed.answered = false;
    reported(context, {
      kind: "seeds-unreachable",
      seeds: named.map((seed) => seed.address),
    });
  }

  function reap(): void {
    for (const record of [...view.records()]) {
      if (isActive(record) || context.nowMs - record.sinceMs < settings.reapAfterMs) continue;
      view.reap(record);
      changed(context, "reap", record);
    }
  }

  return {
    addSeeds(addresses) {
      for (const address of addresses) add(address, true);
      soon();
    },
    join(addresses) {
      for (const address of addresses.slice(0, SEEDS_MAX)) {
        add(address, true);
        const seed = seeds.get(formatAddress(address));
        if (!seed) continue;
        seed.answered = false;
        contacts.ping(address);
      }
      if (view.activeCount() === 0) soon();
    },
    addKnown(claims) {
      for (const { address, subject } of claims) {
        if (subject !== options.self.id) add(address, false, subject);
      }
    },
    answered(address, id) {
      const seed = seeds.get(formatAddress(address));
      if (!seed) return false;
      const fresh = !seed.answered;
      seed.id = id;
      seed.answered = true;
      if (id === options.self.id) return false;
      unreachableReported = false;
      if (fresh && seed.named) reported(context, { kind: "seed-answered", seed: seed.address, id });
      return fresh;
    },
    dueMs: () => nextMs,
    run() {
      if (nextMs > context.nowMs) return;
      reap();
      if (view.activeCount() === 0) return tryAll();
      backoffMs = settings.probeTimeoutMs;
      rounds = 0;
      tryNext([...theDead(), ...openSeeds()]);
      nextMs = context.nowMs + settings.reconnectIntervalMs * (0.75 + options.prng.float() / 2);
    },
    shift() {},
  };
}
