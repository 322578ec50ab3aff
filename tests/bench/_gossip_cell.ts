/**
 * One cell of the gossip bench: one kind of cluster at one size, all its runs. A cluster is started once for many runs: what was made to
 * fail is killed and started again, so that a round costs what its detections cost. Runs from cold are fewer, for a cold start of 50
 * processes takes longer than everything else.
 */
import { type Kind, ProcessCluster } from "./_gossip_cluster.ts";
import { countTraffic, dropPort, type Traffic, traffic } from "./_gossip_network.ts";

/** How a victim falls silent. */
export type Fault = "kill" | "stop" | "drop";
export const FAULTS: readonly Fault[] = ["kill", "stop", "drop"];

/** What was measured. Times in ms; rates and sizes are for one node. */
export interface Cell {
  readonly name: string;
  readonly size: number;
  readonly joinAllMs: number[];
  readonly joinOneMs: number[];
  readonly firstMs: Record<Fault, number[]>;
  readonly allMs: Record<Fault, number[]>;
  readonly spreadMs: number[];
  /** Updates that did not reach everybody, joins and detections that took too long. */
  incomplete: number;
  packetsPerSecond?: number;
  bytesPerSecond?: number;
  /** Packets and bytes of payload a second, by kind. */
  readonly byKind: Record<string, readonly [number, number]>;
  cpuPercent?: number;
  residentMiB?: number;
}

/** What is to be measured. */
export interface CellOptions {
  readonly name: string;
  readonly size: number;
  readonly runs: number;
  readonly coldRuns: number;
  readonly restMs: number;
  readonly folder: string;
  /** Whether this process is in a network of its own. */
  readonly isIsolated: boolean;
}

/** The longest that anything may take before it counts as missed. */
const WAIT_MS_MAX = 60_000;
/** Time for gossip about the last change to be over before the next is made. */
const CALM_MS = 3_000;
/** From this size on all faults of a round are made at once, on different victims: few enough not to matter to each other. */
const TOGETHER_SIZE_MIN = 10;

/** Measures a cell. */
export async function measureCell(options: CellOptions): Promise<Cell> {
  const { name, size, runs, coldRuns } = options;
  const cell: Cell = {
    name,
    size,
    joinAllMs: [],
    joinOneMs: [],
    firstMs: { kill: [], stop: [], drop: [] },
    allMs: { kill: [], stop: [], drop: [] },
    spreadMs: [],
    incomplete: 0,
    byKind: {},
  };
  if (options.isIsolated) await countTraffic(name.startsWith("fumata"));
  for (let cold = 1; cold < coldRuns; cold++) {
    await using cluster = await started(options, cold);
    await joinAll(cluster, size, cell);
  }
  await using cluster = await started(options, 0);
  await joinAll(cluster, size, cell);
  await pause(CALM_MS);
  await rest(cluster, options, cell);
  for (let run = 0; run < runs; run++) {
    await faults(cluster, options, cell);
    console.error(`${name}, ${size} members, run ${run + 1} of ${runs}`);
  }
  // Afterwards: Serf counts a member that left as one that might confirm a suspicion, and waits twice as long in a cluster of three.
  for (let run = 0; run < runs; run++) {
    await oneMore(cluster, size + run, size, cell);
    await pause(CALM_MS);
  }
  return cell;
}

async function started(options: CellOptions, cold: number): Promise<ProcessCluster> {
  const [kind, profile] = options.name.split(":") as [Kind, string];
  const folder = `${options.folder}/${cold}`;
  await Deno.mkdir(folder);
  await ProcessCluster.prepare(folder);
  const cluster = new ProcessCluster(kind, profile, folder, 20_000);
  for (let number = 0; number < options.size; number++) {
    cluster.start(number, number === 0 ? undefined : 0);
  }
  return cluster;
}

/** From when the last process runs until all see all. */
async function joinAll(cluster: ProcessCluster, size: number, cell: Cell): Promise<void> {
  for (const { running } of cluster.members.values()) await running;
  const startedMs = performance.now();
  const joins = () => cluster.seen.filter(({ what }) => what === "join").length;
  if (await cluster.until(() => joins() >= size * (size - 1), WAIT_MS_MAX)) {
    cell.joinAllMs.push(performance.now() - startedMs);
  } else cell.incomplete++;
}

async function rest(cluster: ProcessCluster, options: CellOptions, cell: Cell): Promise<void> {
  const { size, restMs, isIsolated } = options;
  const before = isIsolated ? await traffic() : undefined;
  const usage = await cluster.usage();
  await pause(restMs);
  const usageAfter = await cluster.usage();
  const seconds = restMs / 1000;
  cell.cpuPercent = 100 * (usageAfter.cpuSeconds - usage.cpuSeconds) / seconds;
  cell.residentMiB = usageAfter.residentMiB;
  if (before) noteTraffic(before, await traffic(), seconds * size, cell);
}

function noteTraffic(before: Traffic, after: Traffic, nodeSeconds: number, cell: Cell): void {
  cell.packetsPerSecond = 0;
  cell.bytesPerSecond = 0;
  for (const [kind, now] of after) {
    const packets = (now.packets - before.get(kind)!.packets) / nodeSeconds;
    const bytes = (now.bytes - before.get(kind)!.bytes) / nodeSeconds;
    cell.byKind[kind] = [packets, bytes];
    cell.packetsPerSecond += packets;
    cell.bytesPerSecond += bytes;
  }
}

/** One more joins, and leaves again: a signed update that everybody has to get. */
async function oneMore(
  cluster: ProcessCluster,
  extra: number,
  size: number,
  cell: Cell,
): Promise<void> {
  const name = cluster.name(extra);
  await cluster.start(extra, 1).running;
  const joinMs = performance.now();
  const seenBy = () => cluster.sawSince("join", name, 0).length;
  const sees = () =>
    new Set(
      cluster.seen.filter(({ by, what }) => by === extra && what === "join").map((seen) =>
        seen.name
      ),
    ).size;
  if (await cluster.until(() => seenBy() >= size && sees() >= size, WAIT_MS_MAX)) {
    cell.joinOneMs.push(Math.max(0, performance.now() - joinMs));
  } else cell.incomplete++;
  await pause(CALM_MS);
  const leaveMs = performance.now();
  cluster.members.get(extra)!.up = false;
  cluster.signal(extra, "SIGINT");
  const told = () => cluster.sawSince("leave", name, leaveMs);
  if (await cluster.until(() => told().length >= size, WAIT_MS_MAX / 6)) {
    const times = told().map(({ atMs }) => atMs);
    cell.spreadMs.push(Math.max(...times) - Math.min(...times));
  } else cell.incomplete++;
}

async function faults(
  cluster: ProcessCluster,
  { size, isIsolated }: CellOptions,
  cell: Cell,
): Promise<void> {
  const wanted = FAULTS.filter((fault) => isIsolated || fault !== "drop");
  const groups = size >= TOGETHER_SIZE_MIN ? [wanted] : wanted.map((fault) => [fault]);
  for (const group of groups) {
    // Never the first two: they are the seeds of those that start.
    const victims = group.map((_, i) => size - 1 - i);
    for (const victim of victims) cluster.members.get(victim)!.up = false;
    await Promise.all(group.map((fault, i) => detect(cluster, victims[i], fault, cell)));
    const fromMs = performance.now();
    for (const victim of victims) await cluster.restart(victim, 0);
    const back = () =>
      victims.every((victim) =>
        cluster.sawSince("join", cluster.name(victim), fromMs).length >= size - victims.length
      );
    if (!await cluster.until(back, WAIT_MS_MAX)) cell.incomplete++;
    await pause(CALM_MS);
  }
}

/** The victim falls silent; the others have to hold it for dead. */
async function detect(
  cluster: ProcessCluster,
  victim: number,
  fault: Fault,
  cell: Cell,
): Promise<void> {
  const fromMs = performance.now();
  if (fault === "drop") await dropPort(cluster.port(victim), true);
  else cluster.signal(victim, fault === "kill" ? "SIGKILL" : "SIGSTOP");
  const others = () => [...cluster.members.values()].filter(({ up }) => up);
  const saw = () => {
    const up = new Set(others().map(({ number }) => number));
    return cluster.sawSince("fail", cluster.name(victim), fromMs).filter(({ by }) => up.has(by));
  };
  if (await cluster.until(() => saw().length >= others().length, WAIT_MS_MAX)) {
    const times = saw().map(({ atMs }) => atMs - fromMs);
    cell.firstMs[fault].push(Math.min(...times));
    cell.allMs[fault].push(Math.max(...times));
  } else cell.incomplete++;
  cluster.signal(victim, "SIGKILL");
  if (fault === "drop") await dropPort(cluster.port(victim), false);
}

/** Lets time pass: what is measured are processes in real time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
