/**
 * A queue that is fair between owners, not between items: next comes the owner who has used the least time so far, and its items in their
 * order (start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996, with the time measured afterwards). So a function that computes for
 * seconds in a hundred sessions delays another one by one of its calls, not by a hundred.
 *
 * Who comes after a pause begins at the level of who was served last: time that was not used is not saved up.
 */

/** Owners whose use is remembered; beyond, those who wait for nothing are forgotten. */
const OWNERS_MAX = 1024;

/** Items by owner. */
export class FairQueue<T> {
  readonly #waiting = new Map<string, T[]>();
  /** Time used, in the units of `charge`; never below the level for those who wait. */
  readonly #used = new Map<string, number>();
  #level = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts an item behind its owner's others. */
  push(owner: string, item: T): void {
    const items = this.#waiting.get(owner);
    if (items) items.push(item);
    else {
      this.#waiting.set(owner, [item]);
      this.#used.set(owner, Math.max(this.#used.get(owner) ?? 0, this.#level));
    }
    this.#size++;
    if (this.#used.size > OWNERS_MAX) this.#forget();
  }

  /** Takes the item whose turn it is. Among equals the owner who has waited longest. */
  shift(): T | undefined {
    let least: string | undefined;
    for (const owner of this.#waiting.keys()) {
      if (least === undefined || this.#used.get(owner)! < this.#used.get(least)!) least = owner;
    }
    if (least === undefined) return undefined;
    const items = this.#waiting.get(least)!;
    const item = items.shift()!;
    // Taken out and put back at the end, so that equals take turns.
    this.#waiting.delete(least);
    if (items.length > 0) this.#waiting.set(least, items);
    this.#level = Math.max(this.#level, this.#used.get(least)!);
    this.#size--;
    return item;
  }

  /** Notes that an owner used this much time. */
  charge(owner: string, time: number): void {
    this.#used.set(owner, (this.#used.get(owner) ?? this.#level) + time);
  }

  /** Takes an item out before its turn; whether it was there. */
  remove(owner: string, item: T): boolean {
    const items = this.#waiting.get(owner);
    const at = items?.indexOf(item) ?? -1;
    if (!items || at < 0) return false;
    items.splice(at, 1);
    if (items.length === 0) this.#waiting.delete(owner);
    this.#size--;
    return true;
  }

  /** Takes out everything, in no order. */
  clear(): T[] {
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    this.#size = 0;
    return all;
  }

  #forget(): void {
    for (const owner of [...this.#used.keys()]) {
      if (!this.#waiting.has(owner)) this.#used.delete(owner);
    }
  }
}
