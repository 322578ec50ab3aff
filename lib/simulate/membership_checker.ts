/**
 * Watches membership from outside. I6: nobody is known by an incarnation that its owner never wrote down. Accuracy: an honest node that
 * lives undisturbed is not held dead by most honest others for longer than the bound. Completeness: when all is well again, the dead
 * are known for dead and the living for living within the bound.
 */
import type { SimEffect } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

/**
 * For how long an undisturbed node may be held dead by most of the others, ms. It has to hear of it, refute, and be believed: the dead are tried
 * every 3 s, with ever longer waits between tries at one that stays away, and full states meet every 10 s.
 */
export const FALSE_DEATH_MS_MAX = 60_000;

/** How often the views are compared, ms. */
const LOOK_MS = 500;

/** The eyes of one run. */
export class MembershipChecker implements Watcher {
  readonly #world: World;
  /** Since when each node is held dead by a majority while it lived and nothing was done to it. */
  readonly #falselyDeadMs = new Map<SimNode, number>();
  #disturbedMs = 0;

  constructor(world: World) {
    this.#world = world;
    this.#lookLater();
  }

  effect(node: SimNode, effect: SimEffect): void {
    if (effect.type !== "member" || node.liar) return;
    const { id, incarnation } = effect.change.member;
    const subject = this.#world.nodeOf(id);
    if (subject && !subject.liar && incarnation > subject.disk.incarnation) {
      const message = `${node.name} knows ${subject.name} by an incarnation that it never had`;
      throw new Violation("I6", message, this.#world.nowMs);
    }
  }

  crashed(): void {}

  /** Something was done to the network or a node: what follows is nobody's fault for a while. */
  disturbed(): void {
    this.#disturbedMs = this.#world.nowMs;
    this.#falselyDeadMs.clear();
  }

  /** Somebody honest who does not see a living node as living, or a dead one as dead or unknown, for a report; `undefined` when all do. */
  disagreement(): string | undefined {
    for (const node of this.#world.nodes) {
      if (node.liar || !node.isAwake) continue;
      for (const other of this.#world.nodes) {
        if (other === node || other.liar) continue;
        const state = node.membership.member(other.id)?.state ?? "unknown";
        const isRight = other.isUp
          ? state === "alive" || state === "suspect"
          : state === "dead" || state === "unknown" || state === "left";
        if (!isRight) return `${node.name} holds ${other.name} for ${state}`;
      }
    }
    return undefined;
  }

  #lookLater(): void {
    this.#world.at(this.#world.nowMs + LOOK_MS, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { nodes, nowMs } = this.#world;
    const honest = nodes.filter((node) => !node.liar && node.isAwake);
    for (const node of honest) {
      const others = honest.filter((other) => other !== node);
      const deniers = others.filter((other) => other.membership.member(node.id)?.state === "dead");
      if (deniers.length * 2 <= others.length) {
        this.#falselyDeadMs.delete(node);
        continue;
      }
      const sinceMs = this.#falselyDeadMs.get(node) ?? nowMs;
      this.#falselyDeadMs.set(node, sinceMs);
      if (nowMs - Math.max(sinceMs, this.#disturbedMs) > FALSE_DEATH_MS_MAX) {
        const message = `${node.name} lives, and most others hold it for dead`;
        throw new Violation("accuracy", message, nowMs);
      }
    }
  }
}
