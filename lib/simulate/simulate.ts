/**
 * One run: a phase of faults in which the checkers look on after every effect (safety), then everything is healed and a leader with a lease must
 * come about within a stated time, and everybody must see who lives and who does not (liveness). After TigerBeetle's simulator (VOPR),
 * which has the same two phases.
 *
 * The seed decides everything: how large the cluster is, unless that is given, how far clocks run apart, which faults strike and when,
 * every delay and every draw.
 */
import { ACTIVE_NODES_MAX } from "../../function/leader-election/rules.ts";
import { FumataError } from "../base/errors.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import { CommandChecker } from "./command_checker.ts";
import { ElectionChecker } from "./election_checker.ts";
import { FaultPlayer } from "./fault_player.ts";
import { drawImpostors, drawSchedule, type Mix, prolongLies } from "./fault_schedule.ts";
import { faultText, type ScheduledFault } from "./faults.ts";
import { MembershipChecker } from "./membership_checker.ts";
import { OpenChecker } from "./open_checker.ts";
import { ModelChecker } from "./model_checker.ts";
import { Operator } from "./operator.ts";
import { RuleChecker } from "./rule_checker.ts";
import { SuccessionChecker } from "./succession_checker.ts";
import { drawSuccessions } from "./succession_schedule.ts";
import { type TraceEntry, traceInto } from "./trace.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** Kinds of clusters. */
export const CLUSTER_KINDS = ["roster", "open"] as const;

/** One of {@linkcode CLUSTER_KINDS}. */
export type ClusterKind = typeof CLUSTER_KINDS[number];

/** What a run is made of. What is left out follows from the seed. */
export interface SimulationOptions {
  /** Any whole number of 0..2^32-1. */
  readonly seed: number;
  /** What kind of cluster; default `roster`. */
  readonly kind?: ClusterKind;
  /** Voters of a roster, 2..64; nodes of an open cluster, 2..1000. */
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
  readonly kind: ClusterKind;
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
  /** Sub-leases that were granted or renewed; in a part of the runs commands ask for them. */
  readonly subLeases: number;
  /** Successions that an operator ordered; in a part of the runs of rosters there is one. */
  readonly successions: number;
  /** Machines that were started without what closed their predecessor, to ask the others for it; in a part of the runs with successions. */
  readonly waits: number;
  /** Elections in which liars were among the active, what they should have won by chance, its variance, and what they won. */
  readonly draws: LiarDraws;
  /** Messages that were sent, and that the network lost. */
  readonly messages: { readonly sent: number; readonly lost: number };
  /** From the healing to the first lease, or in an open cluster to the one leader of all, ms; absent when it was not reached. */
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
/** From the healing until all see all, and from then until an open cluster is one, ms: the dead are tried every few seconds, full states meet every 10 s. */
export const AGREEMENT_MS_MAX = 60_000;
/** Length of the phase of faults unless told otherwise, ms. */
export const FAULTS_MS = 10_000;

/** How often it is looked whether all is well again, virtual ms. */
const LOOK_MS = 250;
/** In one run of so many commands want to run under the lease. */
const COMMANDS_ONE_IN = 3;
/** What their chance differs by from the run's. */
const COMMANDS_STREAM = 0x5ab1ea5e;
const NODES_MAX: Readonly<Record<ClusterKind, number>> = { roster: 64, open: 1_000 };
/** In one run of so many an operator orders successions, of a roster. */
const SUCCESSIONS_ONE_IN = 6;
const SUCCESSIONS_STREAM = 0x50cce55;
/** In one of so many of these nobody brings what closed the last function: voters that missed it ask each other. */
const FETCHES_ONE_IN = 2;
const FETCHES_STREAM = 0xfe7c4e5;
/** In one run of so many of the mixes in which enclaves fail somebody else answers in their place for a while. */
const IMPOSTORS_ONE_IN = 4;
const IMPOSTORS_STREAM = 0x1f057e5;
/** Which enclaves lie until they are called. */
const LIES_STREAM = 0x11e5ca11;
const MIXES_WITH_ENCLAVES: readonly Mix[] = ["enclaves", "liars", "all"];
const NO_DRAWS: LiarDraws = { elections: 0, expected: 0, variance: 0, won: 0 };

const SIZES = [[2, 0], [3, 0], [4, 1], [5, 0], [5, 1], [7, 1], [7, 2]] as const;
const LEASES_MS = [240, 480, 800] as const;
const DRIFTS_PPM = [1_000, 2_000, 20_000, 50_000] as const;

/** Runs a seed to its end. Never throws for what the run finds; a `usage` error for options that make no cluster. */
export function simulate(options: SimulationOptions): SimulationResult {
  const { seed, kind = "roster", mix = "all", faultsMs = FAULTS_MS } = options;
  const prng = createPrng(seed);
  const { nodes, faultBound } = sizeOf(options, prng);
  const enclavesDrawn = 1 + prng.below(2);
  const worldSeed = prng.uint32();
  const leaseMs = pick(prng, LEASES_MS);
  const driftPpm = pick(prng, DRIFTS_PPM);
  const drawn = drawSchedule(createPrng(prng.uint32()), {
    mix,
    nodes,
    faultBound,
    enclaves: enclavesDrawn,
    faultsMs,
  });
  const enclaves = drawn.some(wantsTwoEnclaves) ? 2 : enclavesDrawn;
  const faults = prolongLies(createPrng((seed ^ LIES_STREAM) >>> 0), drawn);
  // From a stream of its own, as that of the commands: runs without successions are what they were before there were any.
  const operatorPrng = createPrng((seed ^ SUCCESSIONS_STREAM) >>> 0);
  const isSucceeded = kind === "roster" && operatorPrng.below(SUCCESSIONS_ONE_IN) === 0;
  const successions = isSucceeded ? drawSuccessions(operatorPrng, nodes, faultsMs) : [];
  const fetchesClosings = isSucceeded &&
    createPrng((seed ^ FETCHES_STREAM) >>> 0).below(FETCHES_ONE_IN) === 0;
  const impostorPrng = createPrng((seed ^ IMPOSTORS_STREAM) >>> 0);
  const hasImpostors = kind === "roster" && MIXES_WITH_ENCLAVES.includes(mix) &&
    impostorPrng.below(IMPOSTORS_ONE_IN) === 0;
  const impostors = hasImpostors ? drawImpostors(impostorPrng, enclaves, faultsMs) : [];
  const schedule = [...faults, ...impostors, ...successions.map(({ scheduled }) => scheduled)]
    .sort((a, b) => a.atMs - b.atMs);
  const missing = options.keep?.find((index) => index >= schedule.length);
  if (missing !== undefined) {
    throw new FumataError(
      "usage",
      `Cannot keep fault ${missing}: the schedule of seed ${seed} has ${schedule.length}, counted from 0`,
    );
  }
  const world = new World({
    seed: worldSeed,
    nodes,
    kind,
    faultBound,
    leaseMs,
    driftPpm,
    enclaves,
    encodes: options.wire ?? false,
    // By the whole schedule: a run in which a liar is left out stays comparable.
    signs: isSucceeded || schedule.some(({ fault }) => fault.kind === "liar"),
    ...(isSucceeded && { successors: successions.map(({ electorate }) => electorate) }),
    fetchesClosings,
  });
  const run = new Run(world, createPrng(prng.uint32()), operatorPrng, options.trace);
  // From a stream of its own: runs without commands are what they were before there were any.
  const commandPrng = createPrng((seed ^ COMMANDS_STREAM) >>> 0);
  if (commandPrng.below(COMMANDS_ONE_IN) === 0) run.startCommands(leaseMs, commandPrng);
  const violation = run.play(schedule, options.keep, faultsMs);
  return {
    seed,
    kind,
    nodes,
    faultBound,
    mix,
    ...(violation && { violation }),
    virtualMs: world.nowMs,
    events: world.events,
    faults: run.faults,
    schedule,
    reigns: run.reigns,
    subLeases: run.subLeases,
    successions: run.successions,
    waits: run.waits,
    draws: run.election ? drawsOf(run.election, world) : NO_DRAWS,
    messages: { sent: world.network.sent, lost: world.network.lost },
    ...(run.leaseAfterMs !== undefined && { leaseAfterMs: run.leaseAfterMs }),
    fingerprint: world.fingerprint >>> 0,
  };
}

/** With one enclave there is no key that this liar could change to. */
function wantsTwoEnclaves({ fault }: ScheduledFault): boolean {
  return fault.kind === "liar" && fault.lie === "changes-keys";
}

class Run {
  /** Absent in an open cluster. */
  readonly election?: ElectionChecker;
  readonly faults: Record<string, number> = {};
  leaseAfterMs?: number;
  readonly #open?: OpenChecker;
  #commands?: CommandChecker;
  readonly #world: World;
  readonly #membership: MembershipChecker;
  readonly #player: FaultPlayer;
  readonly #operator: Operator;
  readonly #succession?: SuccessionChecker;
  readonly #trace?: (entry: TraceEntry) => void;

  constructor(
    world: World,
    prng: Prng,
    operatorPrng: Prng,
    trace: ((entry: TraceEntry) => void) | undefined,
  ) {
    this.#world = world;
    this.#trace = trace;
    const checker = world.functions[0].config ? new ElectionChecker(world) : new OpenChecker(world);
    if (checker instanceof ElectionChecker) this.election = checker;
    else this.#open = checker;
    this.#membership = new MembershipChecker(world);
    this.#operator = new Operator(world, operatorPrng, (node) => this.#player.isGone(node));
    this.#player = new FaultPlayer(
      world,
      prng,
      () => checker.leader(),
      () => this.#operator.order(),
    );
    if (trace) traceInto(world, trace);
    world.watchers.push(checker, this.#membership);
    if (this.election) world.watchers.push(new RuleChecker(world), new ModelChecker(world));
    if (this.election && world.functions.length > 1) {
      this.#succession = new SuccessionChecker(world, this.election);
      world.watchers.push(this.#succession);
    }
  }

  /** Successions that were ordered. */
  get successions(): number {
    return this.#operator.ordered;
  }

  /** Machines that were started without what closed their predecessor. */
  get waits(): number {
    return this.#operator.waited;
  }

  /** Certificates that somebody accepted. */
  get reigns(): number {
    return this.election?.reigns.size ?? this.#open!.reigns;
  }

  /** Sub-leases that were granted or renewed. */
  get subLeases(): number {
    return this.#commands?.grants ?? 0;
  }

  /** From now on commands want to run under the lease; an open cluster has none. */
  startCommands(leaseMs: number, prng: Prng): void {
    if (!this.election) return;
    this.#commands = new CommandChecker(this.#world, this.election, leaseMs, prng);
    this.#world.watchers.push(this.#commands);
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
      this.#say(() => `${invariant} is broken: ${message}`);
      return { invariant, message, atMs };
    }
  }

  #strike(fault: ScheduledFault["fault"]): void {
    if (!this.#player.strike(fault)) return;
    this.#membership.disturbed();
    this.faults[fault.kind] = (this.faults[fault.kind] ?? 0) + 1;
    this.#say(() => faultText(fault, (place) => this.#world.nodes[place]?.name ?? String(place)));
  }

  #heal(): void {
    const world = this.#world;
    this.#player.heal();
    this.#membership.disturbed();
    this.#say(() => "everything is healed");
    const healedMs = world.nowMs;
    const { election } = this;
    if (election) {
      const { target } = this.#operator;
      const isLed = () => election.leaseSeenMs > healedMs && election.leasedUnder === target;
      if (!world.runUntil(healedMs + LEASE_MS_MAX, isLed)) {
        throw new Violation("I7", `nobody holds a lease ${LEASE_MS_MAX} ms later`, world.nowMs);
      }
      this.leaseAfterMs = world.nowMs - healedMs;
    }
    this.#await("completeness", () => this.#membership.disagreement());
    this.#succession?.audit();
    // The function takes no more nodes than that: a larger open cluster has members, and no leader.
    if (this.#open && world.nodes.length <= ACTIVE_NODES_MAX) {
      const open = this.#open;
      this.#await("I7", () => open.disagreement());
      this.leaseAfterMs = world.nowMs - healedMs;
    }
  }

  /** Lets time pass until nothing is wrong any more, at most for the time that is allowed. */
  #await(invariant: string, wrong: () => string | undefined): void {
    const world = this.#world;
    const sinceMs = world.nowMs;
    for (let found = wrong(); found !== undefined; found = wrong()) {
      if (world.nowMs - sinceMs > AGREEMENT_MS_MAX) {
        const message = `${found} ${AGREEMENT_MS_MAX} ms after everything was healed`;
        throw new Violation(invariant, message, world.nowMs);
      }
      world.runUntil(world.nowMs + LOOK_MS);
    }
  }

  #say(text: () => string): void {
    this.#trace?.({ atMs: this.#world.nowMs, type: "fault", text: text() });
  }
}

function sizeOf(
  options: SimulationOptions,
  prng: Prng,
): { readonly nodes: number; readonly faultBound: number } {
  const [drawnNodes, drawnBound] = pick(prng, SIZES);
  const { kind = "roster" } = options;
  const nodes = options.nodes ?? drawnNodes;
  if (nodes > NODES_MAX[kind]) {
    throw new FumataError(
      "usage",
      `Cannot simulate ${nodes} nodes of kind "${kind}": ${NODES_MAX[kind]} are the most`,
    );
  }
  if (kind === "open") {
    if (!options.faultBound) return { nodes, faultBound: 0 };
    throw new FumataError(
      "usage",
      "Cannot simulate liars in an open cluster: it promises nothing against them",
    );
  }
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
  for (const { certificate: { proposal, leader }, under } of checker.reigns.values()) {
    if (proposal.type === "closing" || under.config!.policy !== "random") continue;
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
