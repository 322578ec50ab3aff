/**
 * Membership side by side with Serf, with real processes on this machine:
 *
 * ```sh
 * deno task bench:gossip [--sizes 3,10,25,50] [--runs 20] [--cold 5] [--rest 30] [--kinds serf:lan,serf:local,fumata:lan,fumata:local] [--apart] [--write]
 * deno task bench:gossip --quiet-run [--minutes 10] [--sizes 10] [--kinds fumata:lan,serf:lan]
 * ```
 *
 * Wants `serf` (Debian's package of that name) and, for traffic and dropped packets, the right to make network namespaces (`unshare`, `ip`,
 * `iptables`). Each cluster runs in a namespace and under an observer of its own; the kinds of one size run at the same time, so that they
 * share whatever the machine does meanwhile, or one after the other with `--apart`. `--write` puts the tables into `tests/bench/README.md`.
 * What was not measured is `-`. The second form is `_gossip_quiet.ts`. `FUMATA_EXECUTABLE` names a compiled program to measure.
 */
import { type Cell, FAULTS, measureCell } from "./_gossip_cell.ts";
import { canIsolate, isolated } from "./_gossip_network.ts";
import { type Quiet, quietRun } from "./_gossip_quiet.ts";

/** Set in the processes that this one starts: the folder to work in. */
const INSIDE = "FUMATA_BENCH_FOLDER";

const options = readOptions();
const mayIsolate = await canIsolate();
const inside = Deno.env.get(INSIDE);
if (inside !== undefined) {
  const [name, size] = [options.kinds[0], options.sizes[0]];
  const shared = { ...options, name, size, folder: inside, isIsolated: mayIsolate };
  const result = options.quietRun ? await quietRun(shared) : await measureCell(shared);
  console.log(JSON.stringify(result));
} else {
  const text = options.quietRun ? await allQuiet() : await allCells();
  console.log(text);
  if (options.write) await writeTable(text);
}

async function allCells(): Promise<string> {
  const cells: Cell[] = [];
  for (const size of options.sizes) cells.push(...await eachKind<Cell>(size));
  return `${await floor()}\n\n${render(cells)}\n\n${renderKinds(cells)}`;
}

async function allQuiet(): Promise<string> {
  const rows: string[] = [];
  for (const size of options.sizes) {
    for (const quiet of await eachKind<Quiet>(size)) {
      const { name, minutes, pauses, falseDeaths, toleratedMs } = quiet;
      rows.push(line([size, name, minutes, pauses, falseDeaths, toleratedMs]));
    }
  }
  const heading = [
    "members",
    "what",
    "minutes",
    "pauses of 500 ms",
    "false deaths",
    "longest pause tolerated, ms",
  ];
  return [line(heading), line(heading.map(() => "---")), ...rows].join("\n");
}

/** The same of every kind, each in a process of its own. */
async function eachKind<T>(size: number): Promise<T[]> {
  const results: T[] = [];
  if (options.apart) {
    for (const kind of options.kinds) results.push(await inOwnProcess<T>(kind, size));
    return results;
  }
  return await Promise.all(options.kinds.map((kind) => inOwnProcess<T>(kind, size)));
}

async function inOwnProcess<T>(kind: string, size: number): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-bench-" });
  try {
    const self = [Deno.execPath(), "run", "-A", "--no-check", import.meta.filename!];
    const what = [...Deno.args, "--kinds", kind, "--sizes", String(size)];
    const [program, ...args] = isolated([...self, ...what], mayIsolate);
    const command = new Deno.Command(program, {
      args,
      env: { [INSIDE]: folder },
      stderr: "inherit",
    });
    const { success, stdout } = await command.output();
    if (!success) throw new Error(`${kind} with ${size} members failed`);
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a process of this runtime weighs that only listens. */
async function floor(): Promise<string> {
  const program = `
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    socket.receive(new Uint8Array(2048)).catch(() => {});
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
    setTimeout(() => {
      console.log(Deno.memoryUsage().rss / 2 ** 20);
      Deno.exit();
    }, 5000);`;
  const args = ["eval", "--unstable-net", program];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  const mib = Number(new TextDecoder().decode(stdout));
  return `A bare Deno ${Deno.version.deno} process with a UDP socket and an HTTP server: ${
    mib.toFixed(1)
  } MiB.`;
}

function render(cells: readonly Cell[]): string {
  const heading = [
    "members",
    "what",
    "join all",
    "join one",
    ...FAULTS.flatMap((fault) => [`${fault} first`, `${fault} all`]),
    "update spread",
    "incomplete",
    "packets/s",
    "payload B/s",
    "CPU %",
    "MiB",
  ];
  const rows = cells.map((cell) => [
    cell.size,
    cell.name,
    seconds(cell.joinAllMs),
    seconds(cell.joinOneMs),
    ...FAULTS.flatMap((fault) => [seconds(cell.firstMs[fault]), seconds(cell.allMs[fault])]),
    seconds(cell.spreadMs),
    cell.incomplete,
    figure(cell.packetsPerSecond, 2),
    figure(cell.bytesPerSecond, 0),
    figure(cell.cpuPercent, 2),
    figure(cell.residentMiB, 1),
  ]);
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
}

function renderKinds(cells: readonly Cell[]): string {
  const heading = ["members", "what", "kind", "packets/s", "payload B/s"];
  const rows = cells.flatMap((cell) =>
    Object.entries(cell.byKind).filter(([, [packets]]) => packets > 0).map((
      [kind, [packets, bytes]],
    ) => [cell.size, cell.name, kind, packets.toFixed(3), bytes.toFixed(0)])
  );
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
}

function line(texts: readonly unknown[]): string {
  return `| ${texts.join(" | ")} |`;
}

/** Median, worst and how many, in seconds. */
function seconds(values: readonly number[]): string {
  if (values.length === 0) return "-";
  const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const worst = Math.max(...values);
  return `${(median / 1000).toFixed(2)} (${(worst / 1000).toFixed(2)}) n=${values.length}`;
}

function figure(value: number | undefined, digits: number): string {
  return value === undefined ? "-" : value.toFixed(digits);
}

async function writeTable(table: string): Promise<void> {
  const path = new URL("README.md", import.meta.url);
  const mark = options.quietRun ? "gossip-quiet" : "gossip";
  const [begin, end] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`];
  const text = await Deno.readTextFile(path);
  const how = `\`deno task bench:gossip ${Deno.args.join(" ")}\`, ${
    new Date().toISOString().slice(0, 10)
  }`;
  const [before, rest] = text.split(begin);
  const after = rest.split(end)[1];
  await Deno.writeTextFile(path, `${before}${begin}\n\n${how}\n\n${table}\n\n${end}${after}`);
}

function readOptions() {
  // The last of several counts: the process inside is told its own after those of the whole.
  const value = (name: string, otherwise: string) => {
    const at = Deno.args.lastIndexOf(`--${name}`);
    return at < 0 ? otherwise : Deno.args[at + 1];
  };
  const has = (name: string) => Deno.args.includes(`--${name}`);
  const quietRun = has("quiet-run");
  return {
    quietRun,
    sizes: value("sizes", quietRun ? "10" : "3,10,25,50").split(",").map(Number),
    runs: Number(value("runs", "20")),
    coldRuns: Number(value("cold", "5")),
    restMs: 1000 * Number(value("rest", "30")),
    minutes: Number(value("minutes", "10")),
    kinds: value(
      "kinds",
      quietRun ? "fumata:lan,serf:lan" : "serf:lan,serf:local,fumata:lan,fumata:local",
    ).split(","),
    apart: has("apart") || quietRun,
    write: has("write"),
  };
}
