/**
 * Lets faults strike a world, takes them back when their time is over, and heals everything at the end. Of several of one kind at one place each lasts
 * as long as it is said to: an enclave is as the last of them has it, a disk or an enclave as slow as the slowest, and what is full or out
 * of reach is so until the last of them is over.
 */
import type { Prng } from "../base/prng.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import type { Fault, Target } from "./faults.ts";
import { liarOf } from "./liars.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** How often it is looked whether what lasts until it was met may end, ms. */
const LOOK_MS = 50;

/** Something that lasts, an object of its own: two may be of one value. */
interface Lasting {
  readonly value: unknown;
}

/** The player. */
export class FaultPlayer {
  /** Nodes whose state is gone: without its key a node is no voter any more. */
  readonly lost = new Set<SimNode>();
  readonly #world: World;
  readonly #prng: Prng;
  readonly #leader: () => SimNode | undefined;
  readonly #order: () => boolean;
  /** What lasts now: by place, then by kind, in the order in which it struck. */
  readonly #lasting = new Map<object, Map<Fault["kind"], Set<Lasting>>>();
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
          const struck = () => this.#after(fault.forMs, () => this.restart(node));
          if (fault.afterEffects > 0) return node.crashAfter(fault.afterEffects, struck);
          node.crash();
          struck();
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
          this.#impose(disk, fault, fault.saveMs, (all) => disk.saveMs = Math.max(0, ...all));
        });
      case "full-disk":
        return this.#on(fault.node, (node) => {
          this.#impose(node.disk, fault, true, ({ length }) => {
            node.disk.isFull = length > 0;
            if (length === 0) this.restart(node);
          });
        });
      case "enclave": {
        const enclave = enclaves[fault.enclave % enclaves.length];
        const { mood, untilCalled } = fault;
        const before = enclave.calls.get(mood);
        const isMet = () => !untilCalled || enclave.calls.get(mood) !== before;
        this.#impose(enclave, fault, mood, (all) => enclave.mood = all.at(-1) ?? "honest", isMet);
        return true;
      }
      case "slow-enclave": {
        const enclave = enclaves[fault.enclave % enclaves.length];
        this.#impose(enclave, fault, fault.byMs, (all) => enclave.slowMs = Math.max(0, ...all));
        return true;
      }
      case "impostor": {
        const enclave = enclaves[fault.enclave % enclaves.length];
        this.#impose(enclave, fault, fault.disguise, (all) => enclave.disguise = all.at(-1));
        return true;
      }
      case "rekey":
        enclaves[fault.enclave % enclaves.length].rekey();
        return true;
      case "no-enclave":
        return this.#on(fault.node, (node) => {
          this.#impose(node, fault, true, ({ length }) => node.isWithoutEnclave = length > 0);
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
      node.spare();
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

  /**
   * Lets something be so at a place for a time, and for longer until it `isMet`; `set` is told all of that kind that last there, whenever that
   * changes.
   */
  #impose<Value>(
    place: object,
    { kind, forMs }: Extract<Fault, { readonly forMs: number }>,
    value: Value,
    set: (values: readonly Value[]) => void,
    isMet: () => boolean = () => true,
  ): void {
    const kinds = this.#lasting.get(place) ?? new Map<Fault["kind"], Set<Lasting>>();
    this.#lasting.set(place, kinds);
    const lasting = kinds.get(kind) ?? new Set();
    kinds.set(kind, lasting);
    const tell = () => set([...lasting].map((each) => each.value as Value));
    const own = { value };
    lasting.add(own);
    tell();
    const end = () => {
      if (!isMet()) return this.#after(LOOK_MS, end);
      lasting.delete(own);
      tell();
    };
    this.#after(forMs, end);
  }

  #after(forMs: number, undo: () => void): void {
    this.#world.at(this.#world.nowMs + forMs, () => {
      if (!this.#isHealed) undo();
    });
  }
}
