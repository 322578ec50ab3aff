/**
 * One run: a phase of faults in which the checkers look on after every effect (safety), then everything is healed and a leader with a lease must
 * come about within a stated time, and everybody must see who lives and who does not (liveness). After TigerBeetle's simulator (VOPR),
 * which has the same two phases.
 *
 * The seed decides everything: how large the cluster is, unless that is given, how far clocks run apart, which faults strike and when,
 * every delay and every draw.
 */
import { FumataError } from "../base/errors.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import { ElectionChecker } from "./election_checker.ts";
import { FaultPlayer } from "./fault_player.ts";
import { drawSchedule, type Mix } from "./fault_schedule.ts";
import { faultText, type ScheduledFault } from "./faults.ts";
import { MembershipChecker } from "./membership_checker.ts";
import { type TraceEntry, traceInto } from "./trace.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** What a run is made of. What is left out follows from the seed. */
export interface SimulationOptions {
  /** Any whole number of 0..2^32-1. */
  readonly seed: number;
  /** Voters, 2..64. */
  readonly nodes?: number;
  /** f: how many of them may lie; needs 3f + 1 nodes. */
  readonly faultBound?: number;
  /** What goes wrong; default `all`. */
  readonly mix?: Mix;
  /** Length of the phase of faults, virtual ms; default 10 s. */
  readonly faultsMs?: number;
  /** Everything is encoded, signed, decoded and verified, as between real nodes; some ten times slower. */
  readonly wire?: boolean;
  /** Places in the schedule of the faults to play; all, if left out. */
  readonly keep?: readonly number[];
  /** Takes what happens, for reading: a run with it is the same run. */
  readonly trace?: (entry: TraceEntry) => void;
}

/** What a run came to. */
export interface SimulationResult {
  readonly seed: number;
  readonly nodes: number;
  readonly faultBound: number;
  readonly mix: Mix;
  /** Absent when nothing was broken. */
  readonly violation?: {
    readonly invariant: string;
    readonly message: string;
    readonly atMs: number;
  };
  readonly virtualMs: number;
  readonly events: number;
  /** Faults that struck, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** The whole schedule, also of what was not played. */
  readonly schedule: readonly ScheduledFault[];
  readonly reigns: number;
  /** Elections in which liars were among the active, what they should have won by chance, its variance, and what they won. */
  readonly draws: LiarDraws;
  /** Messages that were sent, and that the network lost. */
  readonly messages: { readonly sent: number; readonly lost: number };
  /** From the healing to the first lease, ms; absent when it was not reached. */
  readonly leaseAfterMs?: number;
  /** The same for two equal runs. */
  readonly fingerprint: number;
}

/** For the fairness of draws (I8). */
export interface LiarDraws {
  readonly elections: number;
  readonly expected: number;
  readonly variance: number;
  readonly won: number;
}

/** From the healing to a lease, ms: a suspicion, some terms whose collector is dead or lies, each with the longest timeout. */
export const LEASE_MS_MAX = 60_000;
/** From the healing until all see all, ms: the dead are tried every few seconds, full states meet every 10 s. */
export const AGREEMENT_MS_MAX = 60_000;
/** Length of the phase of faults unless told otherwise, ms. */
export const FAULTS_MS = 10_000;

const SIZES = [[2, 0], [3, 0], [4, 1], [5, 0], [5, 1], [7, 1], [7, 2]] as const;
const LEASES_MS = [240, 480, 800] as const;
const DRIFTS_PPM = [1_000, 2_000, 20_000, 50_000] as const;

/** Runs a seed to its end. Never throws for what the run finds; a `usage` error for options that make no cluster. */
export function simulate(options: SimulationOptions): SimulationResult {
  const { seed, mix = "all", faultsMs = FAULTS_MS } = options;
  const prng = createPrng(seed);
  const { nodes, faultBound } = sizeOf(options, prng);
  const enclaves = 1 + prng.below(2);
  const world = new World({
    seed: prng.uint32(),
    nodes,
    kind: "roster",
    faultBound,
    leaseMs: pick(prng, LEASES_MS),
    driftPpm: pick(prng, DRIFTS_PPM),
    enclaves,
    encodes: options.wire ?? false,
    signs: faultBound > 0,
  });
  const schedule = drawSchedule(createPrng(prng.uint32()), {
    mix,
    nodes,
    faultBound,
    enclaves,
    faultsMs,
  });
  const run = new Run(world, createPrng(prng.uint32()), options.trace);
  const violation = run.play(schedule, options.keep, faultsMs);
  return {
    seed,
    nodes,
    faultBound,
    mix,
    ...(violation && { violation }),
    virtualMs: world.nowMs,
    events: world.events,
    faults: run.faults,
    schedule,
    reigns: run.checker.reigns.size,
    draws: drawsOf(run.checker, world),
    messages: { sent: world.network.sent, lost: world.network.lost },
    ...(run.leaseAfterMs !== undefined && { leaseAfterMs: run.leaseAfterMs }),
    fingerprint: world.fingerprint >>> 0,
  };
}

class Run {
  readonly checker: ElectionChecker;
  readonly faults: Record<string, number> = {};
  leaseAfterMs?: number;
  readonly #world: World;
  readonly #membership: MembershipChecker;
  readonly #player: FaultPlayer;
  readonly #trace?: (entry: TraceEntry) => void;

  constructor(world: World, prng: Prng, trace: ((entry: TraceEntry) => void) | undefined) {
    this.#world = world;
    this.#trace = trace;
    this.checker = new ElectionChecker(world);
    this.#membership = new MembershipChecker(world);
    this.#player = new FaultPlayer(world, prng, () => this.checker.leader());
    if (trace) traceInto(world, trace);
    world.watchers.push(this.checker, this.#membership);
  }

  play(
    schedule: readonly ScheduledFault[],
    keep: readonly number[] | undefined,
    faultsMs: number,
  ): SimulationResult["violation"] {
    const kept = keep && new Set(keep);
    for (const [index, { atMs, fault }] of schedule.entries()) {
      if (kept && !kept.has(index)) continue;
      if (atMs === 0) this.#strike(fault);
      else this.#world.at(atMs, () => this.#strike(fault));
    }
    try {
      this.#world.start();
      this.#world.runUntil(faultsMs);
      this.#heal();
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
      const { invariant, message, atMs } = thrown;
      return { invariant, message, atMs };
    }
  }

  #strike(fault: ScheduledFault["fault"]): void {
    if (!this.#player.strike(fault)) return;
    this.#membership.disturbed();
    this.faults[fault.kind] = (this.faults[fault.kind] ?? 0) + 1;
    this.#say(faultText(fault, (place) => this.#world.nodes[place]?.name ?? String(place)));
  }

  #heal(): void {
    const world = this.#world;
    this.#player.heal();
    this.#membership.disturbed();
    this.#say("everything is healed");
    const healedMs = world.nowMs;
    const { checker } = this;
    if (!world.runUntil(healedMs + LEASE_MS_MAX, () => checker.leaseSeenMs > healedMs)) {
      throw new Violation("I7", `nobody holds a lease ${LEASE_MS_MAX} ms later`, world.nowMs);
    }
    this.leaseAfterMs = world.nowMs - healedMs;
    while (this.#membership.disagreements().length > 0) {
      const [first] = this.#membership.disagreements();
      if (world.nowMs - healedMs > AGREEMENT_MS_MAX) {
        const message = `${first} ${AGREEMENT_MS_MAX} ms after everything was healed`;
        throw new Violation("completeness", message, world.nowMs);
      }
      world.runUntil(world.nowMs + 250);
    }
  }

  #say(text: string): void {
    this.#trace?.({ atMs: this.#world.nowMs, type: "fault", text });
  }
}

function sizeOf(
  options: SimulationOptions,
  prng: Prng,
): { readonly nodes: number; readonly faultBound: number } {
  const [drawnNodes, drawnBound] = pick(prng, SIZES);
  const nodes = options.nodes ?? drawnNodes;
  const faultBound = options.faultBound ?? (options.nodes === undefined ? drawnBound : 0);
  if (nodes < 3 * faultBound + 1) {
    throw new FumataError(
      "usage",
      `Cannot simulate ${nodes} nodes with ${faultBound} liars: ${3 * faultBound + 1} are needed`,
    );
  }
  return { nodes, faultBound };
}

function drawsOf(checker: ElectionChecker, world: World): LiarDraws {
  let [elections, expected, variance, won] = [0, 0, 0, 0];
  for (const { certificate: { proposal, leader } } of checker.reigns.values()) {
    if (proposal.type === "closing") continue;
    const active = world.nodes.filter((node) => proposal.active.includes(node.id));
    const liars = active.filter((node) => node.liar);
    if (liars.length === 0) continue;
    const p = liars.length / active.length;
    elections++;
    expected += p;
    variance += p * (1 - p);
    if (liars.some((node) => node.id === leader)) won++;
  }
  return { elections, expected, variance, won };
}

function pick<T>(prng: Prng, items: readonly T[]): T {
  return items[prng.below(items.length)];
}
