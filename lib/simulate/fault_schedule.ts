/** Draws a list of faults from a seed. A mix is what the list is made of; `all` has everything at once. */
import type { Prng } from "../base/prng.ts";
import { type Fault, LIES, type ScheduledFault, type Target } from "./faults.ts";
import { DISGUISES, ENCLAVE_MOODS, type EnclaveMood } from "./sim_enclave.ts";

/** What runs are made of. */
export const MIXES = [
  "calm",
  "network",
  "crashes",
  "clocks",
  "disks",
  "enclaves",
  "liars",
  "all",
] as const;

/** One of {@linkcode MIXES}. */
export type Mix = typeof MIXES[number];

/** What a schedule is drawn for. */
export interface ScheduleOptions {
  readonly mix: Mix;
  readonly nodes: number;
  /** Liars there may be. */
  readonly faultBound: number;
  readonly enclaves: number;
  /** Length of the phase of faults, ms. */
  readonly faultsMs: number;
}

/** Faults of one family, by how often each is drawn. */
type Family = (prng: Prng, options: ScheduleOptions) => Fault;

/** Mean time between two faults, ms: a few in every lease. */
const BETWEEN_MS = 150;
/** Faults of a run: more would only blur it. */
const FAULTS_MAX = 2_000;
/** The longest that one fault lasts, ms: several leases, one suspicion, one timeout of a collector. */
const LASTS_MS_MAX = 3_000;
/** Cuts and crashes of the leader are what elections are for: one target in so many. */
const LEADER_ONE_IN = 3;

/** The list, in the order of time. Every entry is drawn whether or not the ones before it are played. */
export function drawSchedule(prng: Prng, options: ScheduleOptions): ScheduledFault[] {
  const { mix, nodes, faultBound, faultsMs } = options;
  const schedule: ScheduledFault[] = [];
  if (mix === "liars" || mix === "all") {
    for (
      const node of prng.shuffled(Array.from({ length: nodes }, (_, i) => i)).slice(0, faultBound)
    ) {
      schedule.push({ atMs: 0, fault: { kind: "liar", node, lie: LIES[prng.below(LIES.length)] } });
    }
  }
  if (mix !== "calm") schedule.push({ atMs: 0, fault: drawNetwork(prng, mix) });
  // A clock that is set back by as much as the machine slept hides the sleep; nobody can tell then, and the design says so.
  const clocks = prng.below(2) === 0 ? "suspend" : "wall-jump";
  const families = FAMILIES[mix].map((name) =>
    name === "clocks" ? clockFaults(clocks) : FAULTS_OF[name]
  );
  if (families.length === 0) return schedule;
  for (let atMs = 0; schedule.length < FAULTS_MAX;) {
    atMs += 1 + prng.below(2 * BETWEEN_MS);
    if (atMs >= faultsMs) break;
    schedule.push({ atMs, fault: families[prng.below(families.length)](prng, options) });
  }
  return schedule;
}

type FamilyName = "network" | "crashes" | "clocks" | "disks" | "enclaves" | "replays";

const FAMILIES: Readonly<Record<Mix, readonly FamilyName[]>> = {
  calm: [],
  network: ["network", "network", "replays"],
  crashes: ["crashes"],
  clocks: ["clocks", "crashes", "network"],
  disks: ["disks", "crashes"],
  enclaves: ["enclaves", "crashes"],
  liars: ["network", "crashes", "enclaves", "replays"],
  all: ["network", "network", "crashes", "crashes", "clocks", "disks", "enclaves", "replays"],
};

const FAULTS_OF: Readonly<Record<Exclude<FamilyName, "clocks">, Family>> = {
  network(prng, { nodes }) {
    const forMs = lasts(prng);
    switch (prng.below(7)) {
      case 0:
      case 1: {
        const shuffled = prng.shuffled(Array.from({ length: nodes }, (_, i) => i));
        // Not all of them: that would cut nothing.
        const side = shuffled.slice(0, 1 + prng.below(nodes) % (nodes - 1));
        return { kind: "partition", side, forMs };
      }
      case 2: {
        const from = prng.below(nodes);
        const further = 1 + prng.below(nodes) % (nodes - 1);
        return { kind: "one-way", from, to: (from + further) % nodes, forMs };
      }
      case 3:
        return drawNetwork(prng, "network");
      case 4:
        return drawHush(prng);
      default: {
        const direction = (["in", "out", "both"] as const)[prng.below(3)];
        return { kind: "isolate", node: target(prng, nodes), direction, forMs };
      }
    }
  },
  crashes(prng, { nodes }) {
    const forMs = lasts(prng);
    switch (prng.below(9)) {
      case 0:
      case 1:
        return { kind: "restart-others", forMs };
      case 4:
        return drawHush(prng);
      case 2:
        return { kind: "step-down" };
      case 3:
        return prng.below(8) === 0
          ? { kind: "lose-state", node: prng.below(nodes) }
          : { kind: "crash", node: target(prng, nodes), afterEffects: 0, forMs: 1 };
      default: {
        const afterEffects = prng.below(2) === 0 ? 0 : 1 + prng.below(12);
        return { kind: "crash", node: target(prng, nodes), afterEffects, forMs };
      }
    }
  },
  disks(prng, { nodes }) {
    const node = target(prng, nodes);
    const forMs = lasts(prng);
    return prng.below(4) === 0
      ? { kind: "full-disk", node, forMs }
      : { kind: "slow-disk", node, saveMs: 1 + prng.below(600), forMs };
  },
  enclaves(prng, { nodes, enclaves }) {
    const enclave = prng.below(enclaves);
    const forMs = lasts(prng);
    switch (prng.below(6)) {
      case 0:
        return { kind: "rekey", enclave };
      case 1:
        return { kind: "slow-enclave", enclave, byMs: prng.below(1_000), forMs };
      case 2:
        return { kind: "no-enclave", node: target(prng, nodes), forMs };
      default: {
        const mood = ENCLAVE_MOODS[1 + prng.below(ENCLAVE_MOODS.length - 1)];
        return { kind: "enclave", enclave, mood, forMs };
      }
    }
  },
  replays: (prng) => ({ kind: "replay", messages: 1 + prng.below(20) }),
};

function clockFaults(kind: "suspend" | "wall-jump"): Family {
  return (prng, { nodes }) => {
    const node = target(prng, nodes);
    if (prng.below(3) === 0) return { kind: "pause", node, forMs: lasts(prng) };
    if (kind === "suspend") return { kind, node, forMs: lasts(prng) };
    const sign = prng.below(2) === 0 ? -1 : 1;
    return { kind, node, byMs: sign * prng.below(5_000) };
  };
}

function drawNetwork(prng: Prng, mix: Mix): Fault {
  const isRough = mix === "network" || mix === "all" || mix === "liars";
  return {
    kind: "network",
    lossRate: isRough ? prng.below(4) * 0.08 : 0,
    duplicateRate: isRough ? prng.below(3) * 0.1 : 0,
    corruptRate: isRough ? prng.below(2) * 0.05 : 0,
    delayMs: [1, [4, 8, 40, 250][prng.below(4)]],
  };
}

/** Longer than any lease, so that the collector gets impatient; the others start anew about then, or not at all. */
function drawHush(prng: Prng): Fault {
  const forMs = 1_000 + prng.below(1_000);
  return prng.below(2) === 0
    ? { kind: "hush", forMs }
    : { kind: "hush", forMs, restartAfterMs: prng.below(forMs) };
}

function target(prng: Prng, nodes: number): Target {
  return prng.below(LEADER_ONE_IN) === 0 ? "leader" : prng.below(nodes);
}

/** Most faults are short; few last as long as anything may. */
function lasts(prng: Prng): number {
  const u = prng.float();
  return 20 + Math.floor(LASTS_MS_MAX * u * u);
}

/** One in so many hostile moods lasts until a call came: calls are rare, and most moods would be over before. */
const UNTIL_CALLED_ONE_IN = 2;
/** Moods in which an enclave answers something else than it should. */
const LYING_MOODS: readonly EnclaveMood[] = ["replays", "forks", "chooses", "rerolls"];

/** The same faults at the same times, but that some enclaves lie for as long as nobody has called them. */
export function prolongLies(prng: Prng, schedule: readonly ScheduledFault[]): ScheduledFault[] {
  return schedule.map((scheduled) => {
    const { fault, atMs } = scheduled;
    if (fault.kind !== "enclave" || !LYING_MOODS.includes(fault.mood)) return scheduled;
    return prng.below(UNTIL_CALLED_ONE_IN) > 0
      ? scheduled
      : { atMs, fault: { ...fault, untilCalled: true } };
  });
}

/** Most times in one run that somebody takes the place of an enclave. */
const IMPOSTORS_MAX = 3;
/** How long for at most, ms: longer than a node remembers an enclave that is out of reach. */
const IMPOSTOR_MS_MAX = 4_000;

/** Who answers in place of enclaves, and when. */
export function drawImpostors(prng: Prng, enclaves: number, faultsMs: number): ScheduledFault[] {
  return Array.from({ length: 1 + prng.below(IMPOSTORS_MAX) }, () => ({
    atMs: Math.floor(prng.float() * faultsMs),
    fault: {
      kind: "impostor",
      enclave: prng.below(enclaves),
      disguise: DISGUISES[prng.below(DISGUISES.length)],
      forMs: Math.floor(prng.float() * IMPOSTOR_MS_MAX),
    },
  }));
}
