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
  /** Who holds a node for dead, as they said when they changed their minds: asking all about all is a million questions among 1,000. */
  readonly #deniers = new Map<SimNode, Set<SimNode>>();
  /** Who was found last to see another wrongly. */
  #wrongPair?: readonly [node: SimNode, other: SimNode];
  #disturbedMs = 0;

  constructor(world: World) {
    this.#world = world;
    this.#lookLater();
  }

  effect(node: SimNode, effect: SimEffect): void {
    if (effect.type !== "member") return;
    const { kind, member: { id, incarnation, state } } = effect.change;
    const subject = this.#world.nodeOf(id);
    if (!subject) return;
    if (!node.liar && !subject.liar && incarnation > subject.disk.incarnation) {
      const message = `${node.name} knows ${subject.name} by an incarnation that it never had`;
      throw new Violation("I6", message, this.#world.nowMs);
    }
    if (state === "dead" && kind !== "reap") this.#deniersOf(subject).add(node);
    else this.#deniers.get(subject)?.delete(node);
  }

  /** A process that starts holds nobody for dead. */
  booted(node: SimNode): void {
    for (const deniers of this.#deniers.values()) deniers.delete(node);
  }

  crashed(): void {}

  /** Something was done to the network or a node: what follows is nobody's fault for a while. */
  disturbed(): void {
    this.#disturbedMs = this.#world.nowMs;
    this.#falselyDeadMs.clear();
  }

  /** Somebody honest who does not see a living node as living, or a dead one as dead or unknown, for a report; `undefined` when all do. */
  disagreement(): string | undefined {
    // Whoever was wrong a moment ago most often still is, and all the others need not be asked.
    const held = this.#wrongPair && wrongIn(...this.#wrongPair);
    if (held !== undefined) return held;
    const honest = this.#world.nodes.filter((node) => !node.liar);
    for (const node of honest) {
      for (const other of honest) {
        const wrong = wrongIn(node, other);
        if (wrong === undefined) continue;
        this.#wrongPair = [node, other];
        return wrong;
      }
    }
    return undefined;
  }

  #deniersOf(subject: SimNode): Set<SimNode> {
    const known = this.#deniers.get(subject);
    if (known) return known;
    const made = new Set<SimNode>();
    this.#deniers.set(subject, made);
    return made;
  }

  #lookLater(): void {
    this.#world.at(this.#world.nowMs + LOOK_MS, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { nodes, nowMs } = this.#world;
    const honest = nodes.filter(isWitness);
    for (const node of honest) {
      const deniers = [...this.#deniers.get(node) ?? []].filter(isWitness);
      if (deniers.length * 2 <= honest.length - 1) {
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

function isWitness(node: SimNode): boolean {
  return !node.liar && node.isAwake;
}

/** In what an honest node sees another wrongly, if it runs and does. */
function wrongIn(node: SimNode, other: SimNode): string | undefined {
  if (other === node || !node.isAwake) return undefined;
  const state = node.membership.state(other.id) ?? "unknown";
  const isRight = other.isUp
    ? state === "alive" || state === "suspect"
    : state === "dead" || state === "unknown" || state === "left";
  return isRight ? undefined : `${node.name} holds ${other.name} for ${state}`;
}
