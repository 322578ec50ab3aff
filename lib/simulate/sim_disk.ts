/**
 * The state folder of one simulated node: what was saved survives a crash, as the texts that a real folder would hold. It can be slow (a save
 * completes late, and the process waits for it), full (a save fails, and the process stops), and lost.
 */
import type { RosterMemory } from "../election/roster/types.ts";
import type { AliveClaim } from "../membership/types.ts";
import type { KeyStore } from "../node/known_keys.ts";
import { SimChain } from "./sim_chain.ts";
import type { RosterStore } from "../node/roster_memory.ts";
import type { History, StoredKey } from "../node/state_store.ts";

/** What a voter wrote, and what that reads as once somebody asked: between two saves it is asked again and again. */
interface Written {
  readonly text: string;
  memory?: RosterMemory;
}

/** The folder. */
export class SimDisk implements KeyStore, RosterStore {
  readonly folder: string;
  /** How long one save takes, ms. */
  saveMs = 0;
  isFull = false;
  incarnation = -1;
  /** Members of an earlier run. */
  members: readonly AliveClaim[] = [];
  history: History = {};
  readonly chain = new SimChain();
  /** By checksum. */
  readonly #rosters = new Map<string, Written>();
  /** By checksum, then by kid. */
  readonly #keys = new Map<string, Map<string, StoredKey>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  rosters(_cluster: string): { readonly checksum: string; readonly memory: string }[] {
    return [...this.#rosters].map(([checksum, { text }]) => ({ checksum, memory: text }));
  }

  saveRoster(checksum: string, _cluster: string, memory: string): void {
    this.#rosters.set(checksum, { text: memory });
  }

  keys(checksum: string): StoredKey[] {
    return [...this.#keys.get(checksum)?.values() ?? []];
  }

  saveKey(checksum: string, key: StoredKey, outdated: readonly string[]): void {
    const keys = this.#keys.get(checksum) ?? new Map<string, StoredKey>();
    this.#keys.set(checksum, keys);
    for (const kid of [key.kid, ...outdated]) keys.delete(kid);
    keys.set(key.kid, key);
  }

  /** What the voter remembers under a function; `undefined` when that is nothing. */
  rosterMemory(checksum: string): RosterMemory | undefined {
    const written = this.#rosters.get(checksum);
    if (!written) return undefined;
    written.memory ??= JSON.parse(written.text) as RosterMemory;
    return written.memory;
  }

  /** What the elections under a function had to remember is gone: a copy of the folder from before the first vote was put back. */
  forget(checksum: string): void {
    this.#rosters.delete(checksum);
    this.history = {};
  }
}
