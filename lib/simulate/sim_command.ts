/**
 * A command that runs under a sub-lease on a node's machine (design §4.7; what `fumata lock` starts): a process of its own, which asks the node over
 * loopback, counts each grant from the sending of its request, and outlives a crash of the node. It is stopped by a refusal, after a while, and
 * by the end of its sub-lease in any case. How long it may run is all that is modelled; the margins that a real one keeps would only hide errors.
 */
import type { Prng } from "../base/prng.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** The name of the sub-lease: two commands of one name on one machine must not run at one time. */
const NAME = "work";
/** Longest way of a request or an answer over loopback, ms. */
const WAY_MS_MAX = 3;
/** How long a request waits in the socket of a process that stands still before it is looked at again, ms. */
const WAITING_MS = 10;
/** Requests per lease. */
const RENEWALS = 6;
/** How far the clocks part between two readings without a sleep, ms: far less than `fumata lock` reads apart. */
const SLEW_MS_MAX = 20;
/** Longest time that a command takes to stop after it was asked to, in parts of a lease. */
const GRACE_SHARE = 0.5;

/** One command. */
export class SimCommand {
  readonly node: SimNode;
  readonly #world: World;
  readonly #holder: string;
  readonly #leaseMs: number;
  readonly #prng: Prng;
  readonly #changed: () => void;
  /** Runs until then by its steady clock, unless it stops before. */
  #untilMs = -Infinity;
  #stopAtMs = Infinity;
  /** How far the wall clock was ahead of the monotonic one at the last reading. */
  #offsetMs: number;
  #sleptMs = 0;

  /** `changed` is called when it starts, or may run longer. */
  constructor(
    world: World,
    node: SimNode,
    said: {
      readonly holder: string;
      readonly leaseMs: number;
      readonly prng: Prng;
      readonly changed: () => void;
    },
  ) {
    this.#world = world;
    this.node = node;
    this.#holder = said.holder;
    this.#leaseMs = said.leaseMs;
    this.#prng = said.prng;
    this.#changed = said.changed;
    this.#offsetMs = node.clock.wallMs(world.nowMs) - node.clock.monotonicMs(world.nowMs);
    this.#askLater();
  }

  /** Whether it does its work at this instant. */
  get isRunning(): boolean {
    return !this.node.clock.isSuspended(this.#world.nowMs) &&
      this.#steadyMs() < Math.min(this.#untilMs, this.#stopAtMs);
  }

  #askLater(): void {
    const inMs = this.#leaseMs / RENEWALS * (0.5 + this.#prng.float());
    this.#world.at(this.#world.nowMs + inMs, () => {
      if (!this.node.clock.isSuspended(this.#world.nowMs)) this.#ask();
      this.#askLater();
    });
  }

  #ask(): void {
    const sentMs = this.#steadyMs();
    // It was asked to stop: it asks for nothing, and says when it has stopped.
    if (this.#stopAtMs < Infinity && sentMs < this.#stopAtMs && sentMs < this.#untilMs) return;
    if (this.#stopAtMs < Infinity) {
      this.#stopAtMs = Infinity;
      this.#untilMs = -Infinity;
      return this.#way(() => this.node.subLeases?.giveBack(NAME, this.#holder));
    }
    this.#way(() => {
      const answer = this.node.subLeases?.take(NAME, this.#holder, this.#leaseMs);
      if (!answer) return;
      this.#way(() => this.#answered(sentMs, "grantedMs" in answer ? answer.grantedMs : 0));
    });
  }

  #answered(sentMs: number, grantedMs: number): void {
    if (this.#stopAtMs < Infinity) return;
    if (grantedMs > 0) {
      this.#untilMs = Math.max(this.#untilMs, sentMs + grantedMs);
      return this.#changed();
    }
    const nowMs = this.#steadyMs();
    if (nowMs >= this.#untilMs) return;
    this.#stopAtMs = nowMs + this.#prng.float() * this.#leaseMs * GRACE_SHARE;
  }

  /** Something arrives over loopback: when the machine is awake and the process at the other end, if it is the node, takes it. */
  #way(arrive: () => void): void {
    const { generation } = this.node;
    const look = () => {
      if (!this.node.isUp || this.node.generation !== generation) return;
      if (this.node.isAwake) return arrive();
      this.#world.at(this.#world.nowMs + WAITING_MS, look);
    };
    this.#world.at(this.#world.nowMs + this.#prng.float() * WAY_MS_MAX, look);
  }

  /** The monotonic clock, and the time that the machine slept, which the wall clock gives away. */
  #steadyMs(): number {
    const { clock } = this.node;
    const { nowMs } = this.#world;
    const monotonicMs = clock.monotonicMs(nowMs);
    const offsetMs = clock.wallMs(nowMs) - monotonicMs;
    if (offsetMs - this.#offsetMs > SLEW_MS_MAX) this.#sleptMs += offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    return monotonicMs + this.#sleptMs;
  }
}
