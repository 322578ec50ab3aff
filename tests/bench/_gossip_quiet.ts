/**
 * Nobody dies, and nobody may be held for dead: a cluster with 5 % of its datagrams lost, all processors busy, and members that stand still for
 * half a second every now and then. Then the pauses grow until somebody is held for dead, which gives the longest pause tolerated.
 */
import { pause } from "./_gossip_cell.ts";
import { type Kind, ProcessCluster } from "./_gossip_cluster.ts";
import { loseDatagrams } from "./_gossip_network.ts";

/** What was seen. */
export interface Quiet {
  readonly name: string;
  readonly minutes: number;
  /** Pauses of half a second that were made. */
  readonly pauses: number;
  /** Pairs of a member and one that held it for dead. */
  readonly falseDeaths: number;
  /** The longest pause with no death in all of its tries; 0 for none. */
  readonly toleratedMs: number;
}

const LOSS = 0.05;
const PAUSE_MS = 500;
/** Between two pauses, so that the cluster is never wholly at rest. */
const BETWEEN_MS = 2_000;
const JOIN_MS_MAX = 60_000;
/** Longer pauses that are tried, each so many times; a death that comes is there within the wait. */
const LONGER_MS = [750, 1000, 1500, 2000, 3000, 4000, 6000, 8000];
const TRIES = 5;
const DEATH_MS_MAX = 15_000;

/** One kind at one size. */
export async function quietRun(options: {
  readonly name: string;
  readonly size: number;
  readonly minutes: number;
  readonly folder: string;
  readonly isIsolated: boolean;
}): Promise<Quiet> {
  const { name, size, minutes, folder, isIsolated } = options;
  if (!isIsolated) throw new Error("Cannot lose datagrams: no network namespace can be made here");
  const [kind, profile] = name.split(":") as [Kind, string];
  await ProcessCluster.prepare(folder);
  await using cluster = new ProcessCluster(kind, profile, folder, 20_000);
  for (let number = 0; number < size; number++) {
    cluster.start(number, number === 0 ? undefined : 0);
  }
  const joins = () => cluster.seen.filter(({ what }) => what === "join").length;
  if (!await cluster.until(() => joins() >= size * (size - 1), JOIN_MS_MAX)) {
    throw new Error(`${name} with ${size} members has not formed`);
  }
  await loseDatagrams(LOSS);
  const burners = burn(navigator.hardwareConcurrency);
  let pauses = 0;
  let falseDeaths = 0;
  try {
    const endMs = performance.now() + minutes * 60_000;
    for (; performance.now() < endMs; pauses++) {
      await standStill(cluster, pauses % size, PAUSE_MS);
      await pause(BETWEEN_MS);
    }
    falseDeaths = deaths(cluster);
  } finally {
    for (const burner of burners) burner.kill("SIGKILL");
    for (const burner of burners) await burner.status;
  }
  let toleratedMs = falseDeaths === 0 ? PAUSE_MS : 0;
  for (const longerMs of LONGER_MS) {
    const before = deaths(cluster);
    for (let attempt = 0; attempt < TRIES && deaths(cluster) === before; attempt++) {
      await standStill(cluster, attempt % size, longerMs);
      await cluster.until(() => deaths(cluster) > before, Math.min(DEATH_MS_MAX, 2 * longerMs));
    }
    if (deaths(cluster) > before) break;
    toleratedMs = longerMs;
  }
  return {
    name,
    minutes,
    pauses,
    falseDeaths,
    toleratedMs,
  };
}

function deaths(cluster: ProcessCluster): number {
  return cluster.seen.filter(({ what }) => what === "fail").length;
}

async function standStill(cluster: ProcessCluster, number: number, ms: number): Promise<void> {
  cluster.signal(number, "SIGSTOP");
  await pause(ms);
  cluster.signal(number, "SIGCONT");
}

/** Processes that do nothing but use a processor each. */
function burn(count: number): Deno.ChildProcess[] {
  const args = ["-c", "while :; do :; done"];
  return Array.from({ length: count }, () => new Deno.Command("sh", { args }).spawn());
}
