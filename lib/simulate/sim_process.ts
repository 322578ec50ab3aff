/**
 * The process of one simulated node, as the shell of `lib/node/node.ts` runs it, in virtual time: events come one at a time, effects are carried
 * out in their order, one timer waits for the next deadline. It can die between any two effects, be stopped, sleep with its machine, or
 * stand still while a save takes long; what comes up meanwhile waits.
 */
import type { Prng } from "../base/prng.ts";
import type { ClockReading } from "../node/roster_voter.ts";
import type { NodeClock } from "./node_clock.ts";
import type { SimEffect } from "./sim_body.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { World } from "./world.ts";

/** What a process does with one event. */
export type Step = (clock: ClockReading) => readonly SimEffect[];

/** What runs in the process. */
export interface Program {
  /** When the next tick is wanted, monotonic ms. */
  deadlineMs(): number | undefined;
  readonly tick: Step;
  carryOut(effect: SimEffect): void;
}

/** How late a timer fires at most, ms. */
const TIMER_LATE_MS = 4;

/** The process. */
export class SimProcess {
  isUp = false;
  readonly #world: World;
  readonly #clock: NodeClock;
  readonly #disk: SimDisk;
  readonly #prng: Prng;
  readonly #program: Program;
  #generation = 0;
  #pausedUntilMs = 0;
  #saving?: { commit(): void };
  #steps: Step[] = [];
  #effects: readonly SimEffect[] = [];
  #done = 0;
  #isBusy = false;
  #tickAtMs = Infinity;
  /** What kills it in the middle of its effects. */
  #doom?: { effectsLeft: number; readonly strike: () => void };
  #steppedMs = -Infinity;
  #stepped = 0;

  constructor(world: World, clock: NodeClock, disk: SimDisk, prng: Prng, program: Program) {
    this.#world = world;
    this.#clock = clock;
    this.#disk = disk;
    this.#prng = prng;
    this.#program = program;
  }

  /** Another number for every start and every death: what an earlier life planned is void. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether it is stopped, asleep or waits for its disk. */
  get isHalted(): boolean {
    const { nowMs } = this.#world;
    return nowMs < this.#pausedUntilMs || this.#saving !== undefined ||
      this.#clock.isSuspended(nowMs);
  }

  /** Steps that wait. */
  get waiting(): number {
    return this.#steps.length;
  }

  /** When the step began whose effects are carried out now or were last, by the monotonic clock. */
  get steppedMs(): number {
    return this.#steppedMs;
  }

  /** Steps that began, in all lives. */
  get stepped(): number {
    return this.#stepped;
  }

  /** Starts, on a machine that is awake. */
  start(): void {
    this.isUp = true;
    this.#generation++;
    this.#pausedUntilMs = 0;
    this.#clock.wake(this.#world.nowMs);
    this.#tickAtMs = Infinity;
    this.#doom = undefined;
  }

  /** Dies; of a save under way nobody knows whether it is on the disk. */
  stop(): void {
    this.isUp = false;
    if (this.#saving && this.#prng.below(2) === 0) this.#saving.commit();
    this.#saving = undefined;
  }

  /** Forgets everything that was not saved: after {@linkcode SimProcess.stop}, when nobody asks it any more. */
  clear(): void {
    this.#generation++;
    this.#steps = [];
    this.#effects = [];
    this.#done = 0;
  }

  /** Instead of the effect after so many more, `strike` is called, which stops it; the sooner of two dooms counts. */
  doom(effects: number, strike: () => void): void {
    if (this.#doom && this.#doom.effectsLeft <= effects) return;
    this.#doom = { effectsLeft: effects, strike };
  }

  /** Nothing is to strike it any more. */
  spare(): void {
    this.#doom = undefined;
  }

  /** Is stopped until then. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    this.later(untilMs, () => this.#resume());
  }

  /** Sleeps with its machine until then. */
  suspend(untilMs: number): void {
    const world = this.#world;
    if (!this.isUp || this.#clock.isSuspended(world.nowMs)) return;
    this.#clock.suspend(world.nowMs, untilMs);
    this.later(untilMs, () => this.#resume());
  }

  /** Runs a step and carries out what follows; a step that comes up meanwhile runs after it. */
  tell(step: Step): void {
    if (!this.isUp) return;
    this.#steps.push(step);
    this.#proceed();
  }

  /** Runs a step after those that wait, when the present one is carried out. */
  tellNext(step: Step): void {
    this.#steps.push(step);
  }

  /** Plans something, unless the process dies before. */
  later(atMs: number, run: () => void): void {
    const generation = this.#generation;
    this.#world.at(atMs, () => {
      if (this.#generation === generation) run();
    });
  }

  /** Saves, and stands still until that is done. False when the disk is full. */
  save(commit: () => void): boolean {
    const { saveMs, isFull } = this.#disk;
    if (isFull) return false;
    if (saveMs === 0) {
      commit();
      return true;
    }
    const saving = { commit };
    this.#saving = saving;
    this.later(this.#world.nowMs + saveMs, () => {
      if (this.#saving !== saving) return;
      commit();
      this.#saving = undefined;
      this.#proceed();
    });
    return true;
  }

  #resume(): void {
    if (!this.isUp || this.isHalted) return;
    const { tick } = this.#program;
    // Timers and sockets are both overdue, and either may come first.
    if (this.#prng.below(2) === 0) this.#steps.unshift(tick);
    else this.#steps.push(tick);
    this.#proceed();
  }

  #proceed(): void {
    if (this.#isBusy || this.isHalted) return;
    this.#isBusy = true;
    while (this.isUp && !this.isHalted) {
      if (this.#done < this.#effects.length) {
        const doom = this.#doom;
        if (doom && doom.effectsLeft-- <= 0) doom.strike();
        else this.#program.carryOut(this.#effects[this.#done++]);
      } else {
        const step = this.#steps.shift();
        if (!step) break;
        this.#done = 0;
        this.#effects = step(this.#reading());
      }
    }
    this.#isBusy = false;
    this.#arm();
  }

  #reading(): ClockReading {
    const { nowMs } = this.#world;
    this.#stepped++;
    this.#steppedMs = this.#clock.monotonicMs(nowMs);
    return { nowMs: this.#steppedMs, wallMs: this.#clock.wallMs(nowMs) };
  }

  #arm(): void {
    if (!this.isUp || this.isHalted) return;
    const world = this.#world;
    const deadline = this.#program.deadlineMs();
    if (deadline === undefined) return;
    const waitMs = this.#clock.trueMs(
      Math.max(0, deadline - this.#clock.monotonicMs(world.nowMs)),
    );
    const dueMs = world.nowMs + waitMs;
    // A timer that fires earlier does no harm: it looks again.
    if (this.#tickAtMs <= dueMs + TIMER_LATE_MS) return;
    const atMs = dueMs + 0.001 + this.#prng.float() * TIMER_LATE_MS;
    this.#tickAtMs = atMs;
    this.later(atMs, () => {
      if (this.#tickAtMs !== atMs) return;
      this.#tickAtMs = Infinity;
      if (!this.isHalted) this.tell(this.#program.tick);
    });
  }
}
