/**
 * Membership side by side with Serf, with real processes on this machine:
 *
 * ```sh
 * deno run -A tests/bench/gossip.ts [--sizes 3,10,25,50] [--runs 20] [--rest 30] [--kinds serf:lan,serf:local,fumata:lan,fumata:local] [--write]
 * ```
 *
 * Wants `serf` (Debian's package of that name) and, for traffic and dropped packets, the right to make a network namespace (`unshare`, `ip`,
 * `iptables`): the bench starts itself again in one, so that the counters of its loopback device count nothing else. `--write` puts the
 * table into `tests/bench/README.md`. Every cell is a median and a worst over the runs; what was not measured is `-`.
 */
import { type Kind, ProcessCluster } from "./_gossip_cluster.ts";

/** The longest that a detection may take before it counts as missed. */
const DETECT_MS_MAX = 60_000;
const JOIN_MS_MAX = 60_000;
const SPREAD_MS_MAX = 10_000;
/** Time for gossip about the last change to be over before the next is made. */
const CALM_MS = 3_000;
/** Ethernet, IP and UDP headers, as the loopback device counts them. */
const HEADER_BYTES = 42;
const INSIDE = "FUMATA_BENCH_INSIDE";

interface Cell {
  readonly kind: string;
  readonly size: number;
  readonly joinAllMs: number[];
  readonly joinOneMs: number[];
  readonly firstMs: Record<Fault, number[]>;
  readonly allMs: Record<Fault, number[]>;
  readonly leaveMs: number[];
  incomplete: number;
  readonly packetsPerSecond: number[];
  readonly payloadPerSecond: number[];
  readonly cpuPercent: number[];
  readonly residentMiB: number[];
}

type Fault = "kill" | "stop" | "drop";
const FAULTS: readonly Fault[] = ["kill", "stop", "drop"];

const options = readOptions();
if (Deno.env.get(INSIDE) === undefined && await canIsolate()) Deno.exit(await insideNamespace());
const isIsolated = Deno.env.get(INSIDE) !== undefined;
const folder = await Deno.makeTempDir({ prefix: "fumata-bench-" });
try {
  await Deno.writeTextFile(`${folder}/token`, "none");
  const policy = { platform: "nitro", measurements: { pcr0: "00".repeat(48) } };
  await Deno.writeTextFile(`${folder}/policy.json`, JSON.stringify(policy));
  const cells: Cell[] = [];
  for (const size of options.sizes) {
    for (const kind of options.kinds) cells.push(await measure(kind, size));
  }
  const table = render(cells);
  console.log(table);
  if (options.write) await writeTable(table);
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function measure(name: string, size: number): Promise<Cell> {
  const [kind, profile] = name.split(":") as [Kind, string];
  const cell: Cell = {
    kind: name,
    size,
    joinAllMs: [],
    joinOneMs: [],
    firstMs: { kill: [], stop: [], drop: [] },
    allMs: { kill: [], stop: [], drop: [] },
    leaveMs: [],
    incomplete: 0,
    packetsPerSecond: [],
    payloadPerSecond: [],
    cpuPercent: [],
    residentMiB: [],
  };
  for (let run = 0; run < options.runs; run++) {
    const runFolder = `${folder}/${kind}-${profile}-${size}-${run}`;
    await Deno.mkdir(runFolder);
    for (const file of ["token", "policy.json"]) {
      await Deno.copyFile(`${folder}/${file}`, `${runFolder}/${file}`);
    }
    await using cluster = new ProcessCluster(kind, profile, runFolder, 20_000 + (run % 50) * 200);
    await oneRun(cluster, size, cell);
    console.error(`${name}, ${size} members, run ${run + 1} of ${options.runs}`);
  }
  return cell;
}

async function oneRun(cluster: ProcessCluster, size: number, cell: Cell): Promise<void> {
  const joins = () => cluster.seen.filter(({ what }) => what === "join").length;
  for (let number = 0; number < size; number++) cluster.start(number, number === 0 ? undefined : 0);
  for (const { running } of cluster.members.values()) await running;
  const startedMs = performance.now();
  if (!await cluster.until(() => joins() >= size * (size - 1), JOIN_MS_MAX)) {
    cell.incomplete++;
    return;
  }
  cell.joinAllMs.push(performance.now() - startedMs);
  await pause(CALM_MS);
  await rest(cluster, size, cell);

  const extra = cluster.start(size, 1);
  await extra.running;
  const joinMs = performance.now();
  const seenBy = () => cluster.sawSince("join", cluster.name(size), 0).length;
  const sees = () => cluster.seen.filter(({ by, what }) => by === size && what === "join").length;
  if (await cluster.until(() => seenBy() >= size && sees() >= size, JOIN_MS_MAX)) {
    cell.joinOneMs.push(Math.max(0, performance.now() - joinMs));
  } else cell.incomplete++;
  await pause(CALM_MS);

  // The one more leaves: one signed update that everybody has to get.
  const leaveMs = performance.now();
  cluster.members.get(size)!.up = false;
  cluster.signal(size, "SIGINT");
  const told = () => cluster.sawSince("leave", cluster.name(size), leaveMs);
  if (await cluster.until(() => told().length >= size, SPREAD_MS_MAX)) {
    const times = told().map(({ atMs }) => atMs);
    cell.leaveMs.push(Math.max(...times) - Math.min(...times));
  } else cell.incomplete++;

  let left = size;
  for (const fault of FAULTS) {
    if (left < 3 || (fault === "drop" && !isIsolated)) continue;
    await pause(CALM_MS);
    await detect(cluster, --left, fault, cell);
  }
}

async function rest(cluster: ProcessCluster, size: number, cell: Cell): Promise<void> {
  const [usage, device] = [await cluster.usage(), await deviceCounters()];
  await pause(options.restMs);
  const [usageAfter, deviceAfter] = [await cluster.usage(), await deviceCounters()];
  const seconds = options.restMs / 1000;
  cell.cpuPercent.push(100 * (usageAfter.cpuSeconds - usage.cpuSeconds) / seconds);
  cell.residentMiB.push(usageAfter.residentMiB);
  if (!isIsolated) return;
  const packets = deviceAfter.packets - device.packets;
  cell.packetsPerSecond.push(packets / seconds / size);
  const payload = deviceAfter.bytes - device.bytes - HEADER_BYTES * packets;
  cell.payloadPerSecond.push(payload / seconds / size);
}

/** The victim falls silent; the others have to hold it for dead. */
async function detect(
  cluster: ProcessCluster,
  victim: number,
  fault: Fault,
  cell: Cell,
): Promise<void> {
  const fromMs = performance.now();
  cluster.members.get(victim)!.up = false;
  if (fault === "drop") await dropPackets(cluster.port(victim), "-A");
  else cluster.signal(victim, fault === "kill" ? "SIGKILL" : "SIGSTOP");
  const others = [...cluster.members.values()].filter(({ up }) => up).length;
  const saw = () =>
    cluster.sawSince("fail", cluster.name(victim), fromMs).filter(({ by }) => by !== victim);
  if (await cluster.until(() => saw().length >= others, DETECT_MS_MAX)) {
    const times = saw().map(({ atMs }) => atMs - fromMs);
    cell.firstMs[fault].push(Math.min(...times));
    cell.allMs[fault].push(Math.max(...times));
  } else cell.incomplete++;
  cluster.signal(victim, "SIGKILL");
  if (fault === "drop") await dropPackets(cluster.port(victim), "-D");
}

async function dropPackets(port: number, action: "-A" | "-D"): Promise<void> {
  for (const protocol of ["udp", "tcp"]) {
    for (const side of ["--dport", "--sport"]) {
      const rule = ["INPUT", "-p", protocol, side, String(port), "-j", "DROP"];
      await new Deno.Command("iptables", { args: [action, ...rule], stderr: "null" }).output();
    }
  }
}

async function deviceCounters(): Promise<{ packets: number; bytes: number }> {
  const read = async (name: string) =>
    Number(await Deno.readTextFile(`/sys/class/net/lo/statistics/${name}`));
  // In a namespace /sys may still show the outer one's devices; /proc/net/dev follows the process.
  const line = (await Deno.readTextFile("/proc/net/dev")).split("\n").find((text) =>
    /^\s*lo:/.test(text)
  );
  const fields = line?.split(":")[1].trim().split(/\s+/).map(Number);
  if (fields) return { bytes: fields[8], packets: fields[9] };
  return { packets: await read("tx_packets"), bytes: await read("tx_bytes") };
}

async function canIsolate(): Promise<boolean> {
  try {
    return (await new Deno.Command("unshare", { args: ["-n", "true"] }).output()).success;
  } catch {
    return false;
  }
}

async function insideNamespace(): Promise<number> {
  const script = 'ip link set lo up && exec "$@"';
  const self = [Deno.execPath(), "run", "-A", import.meta.filename!, ...Deno.args];
  const { code } = await new Deno.Command("unshare", {
    args: ["-n", "sh", "-c", script, "sh", ...self],
    env: { [INSIDE]: "1" },
  }).spawn().status;
  return code;
}

function render(cells: readonly Cell[]): string {
  const heading = [
    "members",
    "what",
    "join all",
    "join one",
    "kill first",
    "kill all",
    "stop all",
    "drop all",
    "leave spread",
    "incomplete",
    "packets/s",
    "payload B/s",
    "CPU %",
    "MiB",
  ];
  const rows = cells.map((cell) => [
    cell.size,
    cell.kind,
    seconds(cell.joinAllMs),
    seconds(cell.joinOneMs),
    seconds(cell.firstMs.kill),
    seconds(cell.allMs.kill),
    seconds(cell.allMs.stop),
    seconds(cell.allMs.drop),
    seconds(cell.leaveMs),
    cell.incomplete,
    figure(cell.packetsPerSecond, 2),
    figure(cell.payloadPerSecond, 0),
    figure(cell.cpuPercent, 2),
    figure(cell.residentMiB, 1),
  ]);
  const line = (texts: readonly unknown[]) => `| ${texts.join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Median and worst, in seconds. */
function seconds(values: readonly number[]): string {
  if (values.length === 0) return "-";
  return `${(median(values) / 1000).toFixed(2)} s (${(Math.max(...values) / 1000).toFixed(2)})`;
}

function figure(values: readonly number[], digits: number): string {
  return values.length === 0 ? "-" : median(values).toFixed(digits);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function writeTable(table: string): Promise<void> {
  const path = new URL("README.md", import.meta.url);
  const [begin, end] = ["<!-- gossip -->", "<!-- /gossip -->"];
  const text = await Deno.readTextFile(path);
  const how = `\`deno run -A tests/bench/gossip.ts ${Deno.args.join(" ")}\`, ${
    new Date().toISOString().slice(0, 10)
  }`;
  const [before, rest] = text.split(begin);
  await Deno.writeTextFile(
    path,
    `${before}${begin}\n\n${how}\n\n${table}\n\n${end}${rest.split(end)[1]}`,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function readOptions() {
  const value = (name: string, otherwise: string) => {
    const at = Deno.args.indexOf(`--${name}`);
    return at < 0 ? otherwise : Deno.args[at + 1];
  };
  return {
    sizes: value("sizes", "3,10,25,50").split(",").map(Number),
    runs: Number(value("runs", "20")),
    restMs: 1000 * Number(value("rest", "30")),
    kinds: value("kinds", "serf:lan,serf:local,fumata:lan,fumata:local").split(","),
    write: Deno.args.includes("--write"),
  };
}
