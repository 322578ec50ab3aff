/** Lets faults strike a world, takes them back when their time is over, and heals everything at the end. */
import type { Prng } from "../base/prng.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import type { Fault, Target } from "./faults.ts";
import { liarOf } from "./liars.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** The player. */
export class FaultPlayer {
  /** Nodes whose state is gone: without its key a node is no voter any more. */
  readonly lost = new Set<SimNode>();
  readonly #world: World;
  readonly #prng: Prng;
  readonly #leader: () => SimNode | undefined;
  readonly #order: () => boolean;
  #isHealed = false;

  /** `leader` tells who leads now; `order` has the operator order the next succession, and says whether there was one to order. */
  constructor(
    world: World,
    prng: Prng,
    leader: () => SimNode | undefined,
    order: () => boolean = () => false,
  ) {
    this.#world = world;
    this.#prng = prng;
    this.#leader = leader;
    this.#order = order;
  }

  /** Lets a fault strike now. Whether there was anything for it to strike. */
  strike(fault: Fault): boolean {
    const { network, enclaves, nodes } = this.#world;
    switch (fault.kind) {
      case "network":
        network.lossRate = fault.lossRate;
        network.duplicateRate = fault.duplicateRate;
        network.corruptRate = fault.corruptRate;
        network.delayMs = fault.delayMs;
        return true;
      case "partition": {
        const side = new Set(fault.side);
        this.#after(fault.forMs, network.cut((from, to) => side.has(from) !== side.has(to)));
        return true;
      }
      case "one-way": {
        const join = network.cut((from, to) => from === fault.from && to === fault.to);
        this.#after(fault.forMs, join);
        return true;
      }
      case "isolate": {
        const { direction } = fault;
        return this.#on(fault.node, ({ place }) => {
          const join = network.cut((from, to) =>
            (from === place && direction !== "in") || (to === place && direction !== "out")
          );
          this.#after(fault.forMs, join);
        });
      }
      case "crash":
        return this.#on(fault.node, (node) => {
          if (fault.afterEffects === 0) node.crash();
          else node.effectsLeft = fault.afterEffects;
          this.#after(fault.forMs, () => this.restart(node));
        });
      case "hush":
        return this.#hush(fault.forMs, fault.restartAfterMs);
      case "restart-others":
        return this.#restartOthers(fault.forMs);
      case "lose-state": {
        const node = nodes[fault.node];
        if (!node || !this.#canLose(node)) return false;
        node.crash();
        this.lost.add(node);
        return true;
      }
      case "pause":
        return this.#on(fault.node, (node) => node.pause(this.#world.nowMs + fault.forMs));
      case "suspend":
        return this.#on(fault.node, (node) => node.suspend(this.#world.nowMs + fault.forMs));
      case "wall-jump":
        return this.#on(fault.node, (node) => node.clock.jumpWall(fault.byMs));
      case "slow-disk":
        return this.#on(fault.node, ({ disk }) => {
          disk.saveMs = fault.saveMs;
          this.#after(fault.forMs, () => disk.saveMs = 0);
        });
      case "full-disk":
        return this.#on(fault.node, (node) => {
          node.disk.isFull = true;
          this.#after(fault.forMs, () => {
            node.disk.isFull = false;
            this.restart(node);
          });
        });
      case "enclave": {
        const enclave = enclaves[fault.enclave % enclaves.length];
        enclave.mood = fault.mood;
        this.#after(fault.forMs, () => enclave.mood = "honest");
        return true;
      }
      case "slow-enclave": {
        const enclave = enclaves[fault.enclave % enclaves.length];
        enclave.slowMs = fault.byMs;
        this.#after(fault.forMs, () => enclave.slowMs = 0);
        return true;
      }
      case "impostor": {
        const enclave = enclaves[fault.enclave % enclaves.length];
        enclave.disguise = fault.disguise;
        this.#after(fault.forMs, () => enclave.disguise = undefined);
        return true;
      }
      case "rekey":
        enclaves[fault.enclave % enclaves.length].rekey();
        return true;
      case "no-enclave":
        return this.#on(fault.node, (node) => {
          node.isWithoutEnclave = true;
          this.#after(fault.forMs, () => node.isWithoutEnclave = false);
        });
      case "replay":
        network.replay(fault.messages);
        return true;
      case "step-down":
        return this.#on("leader", (node) => node.stepDown());
      case "succession":
        return this.#order();
      case "liar": {
        const node = nodes[fault.node];
        if (!node) return false;
        node.liar = liarOf(fault.lie, node, this.#world, this.#prng);
        return true;
      }
      default:
        return fault satisfies never;
    }
  }

  /** Starts a process that is down, unless it is gone for good. */
  restart(node: SimNode): void {
    if (node.isUp || !node.isEnrolled || this.isGone(node)) return;
    if (!node.disk.isFull) node.boot();
  }

  /** Whether its machine or its memory is gone for good. */
  isGone(node: SimNode): boolean {
    return node.failStopped !== undefined || this.lost.has(node);
  }

  /** Everything is well again, but for what is lost for good; liars stay liars. */
  heal(): void {
    const { network, enclaves, nodes } = this.#world;
    this.#isHealed = true;
    network.heal();
    for (const enclave of enclaves) {
      enclave.mood = "honest";
      enclave.slowMs = 0;
      enclave.disguise = undefined;
    }
    for (const node of nodes) {
      node.disk.isFull = false;
      node.disk.saveMs = 0;
      node.isWithoutEnclave = false;
      node.effectsLeft = Infinity;
      this.restart(node);
    }
  }

  #hush(forMs: number, restartAfterMs: number | undefined): boolean {
    const leader = this.#leader();
    const collector = this.#world.nodes.find((node) => node.id === leader?.collector);
    if (!leader?.isUp || !collector || collector === leader) return false;
    const { network } = this.#world;
    const pair = [leader.place, collector.place];
    this.#after(forMs, network.cut((from, to) => pair.includes(from) && pair.includes(to)));
    if (restartAfterMs !== undefined) {
      this.#after(restartAfterMs, () => this.#restartAllBut([leader, collector]));
    }
    return true;
  }

  #restartOthers(forMs: number): boolean {
    return this.#on("leader", (leader) => {
      const { place } = leader;
      const join = this.#world.network.cut((from, to) => from === place || to === place);
      this.#after(forMs, join);
      this.#restartAllBut([leader]);
    });
  }

  #restartAllBut(spared: readonly SimNode[]): void {
    for (const node of this.#world.nodes) {
      if (spared.includes(node) || !node.isUp) continue;
      node.crash();
      this.restart(node);
    }
  }

  /** Whether a quorum of honest nodes is left without it. */
  #canLose(node: SimNode): boolean {
    const { nodes, functions } = this.#world;
    if (this.lost.has(node) || node.liar) return false;
    return functions.every(({ config, places }) => {
      if (!config) return false;
      const left = places.map((place) => nodes[place])
        .filter((other) => other !== node && !other.liar && !this.lost.has(other));
      return left.length >= rosterOf(config).votesNeeded;
    });
  }

  #on(target: Target, act: (node: SimNode) => void): boolean {
    const node = target === "leader" ? this.#leader() : this.#world.nodes[target];
    if (!node?.isUp) return false;
    act(node);
    return true;
  }

  #after(forMs: number, undo: () => void): void {
    this.#world.at(this.#world.nowMs + forMs, () => {
      if (!this.#isHealed) undo();
    });
  }
}
