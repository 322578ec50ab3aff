/**
 * The state folder of one simulated node: what was saved survives a crash, as the texts that a real folder would hold. It can be slow (a save
 * completes late, and the process waits for it), full (a save fails, and the process stops), and lost.
 */
import type { AliveClaim } from "../membership/types.ts";
import type { KeyStore } from "../node/known_keys.ts";
import type { RosterStore } from "../node/roster_memory.ts";
import type { History, StoredKey } from "../node/state_store.ts";

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
  #rosters = new Map<string, string>();
  #keys = new Map<string, StoredKey>();

  constructor(folder: string) {
    this.folder = folder;
  }

  rosters(_cluster: string): { readonly checksum: string; readonly memory: string }[] {
    return [...this.#rosters].map(([checksum, memory]) => ({ checksum, memory }));
  }

  saveRoster(checksum: string, memory: string): void {
    this.#rosters.set(checksum, memory);
  }

  keys(_checksum: string): StoredKey[] {
    return [...this.#keys.values()];
  }

  saveKey(_checksum: string, key: StoredKey, outdated: readonly string[]): void {
    for (const kid of [key.kid, ...outdated]) this.#keys.delete(kid);
    this.#keys.set(key.kid, key);
  }

  /** What the elections of this node had to remember is gone: a copy of the folder from before the first vote was put back. */
  forget(): void {
    this.#rosters = new Map();
    this.history = {};
  }
}
