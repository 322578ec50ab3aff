/**
 * A cluster of real processes of one kind, `serf agent` or `fumata node`, seen through the lines that they print. Both are started, killed and
 * read in the same way, and all times are taken where the lines arrive, so what the reading costs is the same for both.
 */

/** What runs. */
export type Kind = "serf" | "fumata";

/** A change that some node saw. */
export interface Seen {
  readonly atMs: number;
  readonly by: number;
  readonly what: "join" | "fail" | "leave";
  readonly name: string;
}

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** An address that nobody has (RFC 5737), so that gossip alone is measured: without a route a try costs no packet. */
const NO_ENCLAVE = "http://192.0.2.1:9";

interface Member {
  readonly number: number;
  readonly process: Deno.ChildProcess;
  readonly running: Promise<void>;
  up: boolean;
}

export class ProcessCluster implements AsyncDisposable {
  readonly kind: Kind;
  readonly profile: string;
  readonly seen: Seen[] = [];
  readonly members = new Map<number, Member>();
  readonly #folder: string;
  readonly #basePort: number;
  readonly #wakers = new Set<() => void>();
  readonly #reading: Promise<void>[] = [];

  constructor(kind: Kind, profile: string, folder: string, basePort: number) {
    this.kind = kind;
    this.profile = profile;
    this.#folder = folder;
    this.#basePort = basePort;
  }

  /** Writes what nodes of ours want to find in their folder. */
  static async prepare(folder: string): Promise<void> {
    await Deno.writeTextFile(`${folder}/token`, "none");
    const policy = { platform: "nitro", measurements: { pcr0: "00".repeat(48) } };
    await Deno.writeTextFile(`${folder}/policy.json`, JSON.stringify(policy));
  }

  port(number: number): number {
    return this.#basePort + 2 * number;
  }

  name(number: number): string {
    return `m${number}`;
  }

  /** Starts one; `running` resolves when it says that it runs. */
  start(number: number, seed?: number): Member {
    const [program, ...args] = this.#words(number, seed);
    const process = new Deno.Command(program, {
      args,
      cwd: this.#folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", GOMAXPROCS: "2" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const running = Promise.withResolvers<void>();
    const onLine = (line: string) => this.#onLine(number, line, running.resolve);
    this.#reading.push(eachLine(process.stdout, onLine), eachLine(process.stderr, onLine));
    const member = { number, process, running: running.promise, up: true };
    this.members.set(number, member);
    return member;
  }

  /** Starts one again that was killed; resolves when it runs. */
  async restart(number: number, seed: number): Promise<void> {
    await this.members.get(number)!.process.status;
    await this.start(number, seed).running;
  }

  /** Whether every one that is up has said `what` about `name` since `fromMs`. */
  sawSince(what: Seen["what"], name: string, fromMs: number): Seen[] {
    const first = new Map<number, Seen>();
    for (const seen of this.seen) {
      if (seen.what !== what || seen.name !== name || seen.atMs < fromMs) continue;
      if (!first.has(seen.by)) first.set(seen.by, seen);
    }
    return [...first.values()];
  }

  /** Waits for a condition on what was seen; gives whether it came in time. */
  async until(condition: () => boolean, maxMs: number): Promise<boolean> {
    const signal = AbortSignal.timeout(maxMs);
    while (!condition() && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wakers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#wakers.add(wake);
        signal.addEventListener("abort", wake);
      });
    }
    return condition();
  }

  signal(number: number, signal: Deno.Signal): void {
    try {
      this.members.get(number)!.process.kill(signal);
    } catch { /* gone already */ }
  }

  /** Processor seconds and resident MiB of all that are up, on average. */
  async usage(): Promise<{ cpuSeconds: number; residentMiB: number }> {
    let [cpu, resident, count] = [0, 0, 0];
    for (const { process, up } of this.members.values()) {
      if (!up) continue;
      const stat = (await Deno.readTextFile(`/proc/${process.pid}/stat`)).split(") ")[1].split(" ");
      cpu += (Number(stat[11]) + Number(stat[12])) / 100;
      const status = await Deno.readTextFile(`/proc/${process.pid}/status`);
      resident += Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
      count++;
    }
    return { cpuSeconds: cpu / count, residentMiB: resident / count };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const number of this.members.keys()) this.signal(number, "SIGKILL");
    for (const { process } of this.members.values()) await process.status;
    await Promise.all(this.#reading);
  }

  #words(number: number, seed?: number): string[] {
    const port = this.port(number);
    const name = this.name(number);
    if (this.kind === "serf") {
      const join = seed === undefined
        ? []
        : [`-retry-join=127.0.0.1:${this.port(seed)}`, "-retry-interval=1s"];
      return [
        ...[
          "serf",
          "agent",
          `-node=${name}`,
          `-bind=127.0.0.1:${port}`,
          `-profile=${this.profile}`,
        ],
        ...[`-rpc-addr=127.0.0.1:${port + 1}`, ...join],
      ];
    }
    const join = seed === undefined ? [] : ["-n", `127.0.0.1:${this.port(seed)}`];
    const executable = Deno.env.get("FUMATA_EXECUTABLE");
    const program = executable
      ? [executable]
      : [Deno.execPath(), "run", "-A", "--no-check", "--no-prompt", "--quiet", MAIN];
    return [
      ...program,
      ...["node", "-p", String(port), "--name", name, "--timing", this.profile, ...join],
      ...["--state", `${name}-${port}`, "--log", "json", "--log-level", "info"],
      ...["-f", "1111111111111111111111", "-c", "ab".repeat(32), "--enclave", NO_ENCLAVE],
      ...["--token-file", "token", "--attestation", "policy.json"],
    ];
  }

  #onLine(by: number, line: string, isRunning: () => void): void {
    const atMs = performance.now();
    if (/Serf agent running|"event":"started"/.test(line)) isRunning();
    const match = /EventMember(Join|Failed|Leave): (\S+)/.exec(line) ??
      /"event":"member-(join|fail|leave)".*?"name":"([^"]+)"/.exec(line);
    if (match && match[2] !== this.name(by)) {
      const what = match[1].toLowerCase().replace("failed", "fail") as Seen["what"];
      this.seen.push({ atMs, by, what, name: match[2] });
    }
    for (const wake of [...this.#wakers]) wake();
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  }
}
