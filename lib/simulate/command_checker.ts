/**
 * Watches the commands that run under sub-leases: no two at one time, and none while another node holds the lease (I2 for what acts outside of
 * the node). Each of the two begins with something that is seen here, so it is enough to look then.
 */
import type { Prng } from "../base/prng.ts";
import type { ElectionChecker } from "./election_checker.ts";
import type { SimEffect } from "./sim_body.ts";
import { SimCommand } from "./sim_command.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

/** Commands that were started on each machine, under one name. */
const COMMANDS_A_NODE = 2;

/** The eyes of one run, and the commands that they watch. */
export class CommandChecker implements Watcher {
  readonly #world: World;
  readonly #election: ElectionChecker;
  readonly #commands: readonly SimCommand[];
  #seen = 0;

  constructor(world: World, election: ElectionChecker, leaseMs: number, prng: Prng) {
    this.#world = world;
    this.#election = election;
    const changed = () => {
      this.#seen++;
      this.#check();
    };
    this.#commands = world.nodes.flatMap((node) =>
      Array.from({ length: COMMANDS_A_NODE }, (_, i) => {
        const holder = `${node.name}${i + 1}`;
        return new SimCommand(world, node, { holder, leaseMs, prng, changed });
      })
    );
  }

  /** Sub-leases that were granted or renewed. */
  get grants(): number {
    return this.#seen;
  }

  effect(node: SimNode, effect: SimEffect): void {
    if (effect.type === "lease-held" && !node.liar) this.#check();
  }

  crashed(): void {}

  #check(): void {
    const running = this.#commands.filter(({ node, isRunning }) => !node.liar && isRunning);
    if (running.length === 0) return;
    const [{ node }] = running;
    if (running.length > 1) {
      throw this.#broken(`commands of ${running.map(({ node }) => node.name)} run at one time`);
    }
    const others = this.#election.holders().filter((holder) => holder !== node);
    if (others.length > 0) {
      throw this.#broken(`a command of ${node.name} runs while ${others[0].name} holds the lease`);
    }
  }

  #broken(message: string): Violation {
    return new Violation("I2", message, this.#world.nowMs);
  }
}
