/** A roster cluster of `fumata node` processes with one `fumata enclave`, all runs of the program in this repository. */
import { ChildProcess, type LogRecord } from "../../lib/cli/demo/process.ts";
import { selfCommand } from "../../lib/cli/self.ts";
import { base64url } from "../../lib/base/bytes.ts";
import { PROFILE_LEASES_MS } from "../../lib/election/roster/settings.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { tokenOfFolder } from "../../lib/api/control_file.ts";
import type { Identity } from "../../lib/crypto/ed25519.ts";
import { seedHost } from "../enclave/_seeded.ts";
import { drop } from "./_isolation.ts";
import { type BenchCluster, type Failover, type How, type Steps, WAIT_MS_MAX } from "./_types.ts";

const FUNCTION = new URL("../../function/leader-election/", import.meta.url);

/** A log line that tells how far an election is. */
interface Moment {
  readonly atMs: number;
  readonly event: string;
  readonly term: number;
}

/** Events that say that a node needs another leader. */
const NOTICED: ReadonlySet<string> = new Set(["election-leader-silent", "election-stepped-down"]);

interface Member {
  readonly name: string;
  readonly folder: string;
  child?: ChildProcess;
  isUp: boolean;
  id?: string;
  address?: string;
  /** Of its HTTP interface. */
  http?: string;
  /** By whose certificate it goes. */
  leader?: { readonly id: string; readonly term: number; readonly certificateId: string };
  /** Term of the lease that it won last. */
  leasedTerm: number;
}

/** The cluster. */
export class FumataCluster implements BenchCluster {
  readonly #folder: string;
  readonly #timing: "lan" | "local";
  readonly #leaseMs: number;
  readonly #members: Member[];
  readonly #wakers = new Set<() => void>();
  #enclave?: ChildProcess;
  #moments: Moment[] = [];
  /** Keys of the voters, in the order of the roster. */
  readonly identities: Identity[] = [];
  #function: string[] = [];

  private constructor(folder: string, n: number, timing: "lan" | "local", leaseMs: number) {
    this.#folder = folder;
    this.#timing = timing;
    this.#leaseMs = leaseMs;
    this.#members = Array.from({ length: n }, (_, i) => ({
      name: `n${i}`,
      folder: `${folder}/n${i}`,
      isUp: false,
      leasedTerm: 0,
    }));
  }

  /** Starts all of it; resolves when everyone goes by one certificate and its leader holds the lease. */
  static async start(
    n: number,
    timing: "lan" | "local",
    leaseMs = PROFILE_LEASES_MS[timing],
  ): Promise<FumataCluster> {
    const folder = await Deno.makeTempDir({ prefix: "fumata-bench-" });
    const cluster = new FumataCluster(folder, n, timing, leaseMs);
    try {
      await cluster.#startEnclave();
      await cluster.#deploy();
      for (const member of cluster.#members) {
        cluster.#startMember(member);
        await cluster.#until(() => member.address !== undefined, `${member.name} does not start`);
      }
      await cluster.#settled();
      return cluster;
    } catch (thrown) {
      await cluster[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** State folder and HTTP address of the nodes that run. */
  get running(): readonly { readonly folder: string; readonly http: string }[] {
    return this.#members.flatMap(({ isUp, folder, http }) =>
      isUp && http !== undefined ? [{ folder, http }] : []
    );
  }

  /** Sends a signal to the node of a state folder. */
  signal(folder: string, signal: Deno.Signal): void {
    this.#members.find((member) => member.folder === folder)!.child!.signal(signal);
  }

  /** `onReturn` is called with the HTTP address of a stopped leader, once it runs again. */
  async failOver(how: How, onReturn?: (http: string) => Promise<void>): Promise<Failover> {
    const victim = this.#leader();
    const dropped = droppedFor(victim);
    const failover = await this.#timed(victim.leader!.term, async () => {
      victim.isUp = false;
      if (how === "drop") await drop("-A", dropped);
      else victim.child!.signal(how === "kill" ? "SIGKILL" : "SIGSTOP");
    });
    switch (how) {
      case "kill":
        await victim.child!.ended;
        victim.leader = undefined;
        this.#startMember(victim);
        break;
      case "stop":
        victim.isUp = true;
        victim.child!.signal("SIGCONT");
        await onReturn?.(victim.http!);
        break;
      case "drop":
        await drop("-D", dropped);
        victim.isUp = true;
        break;
      default:
        how satisfies never;
    }
    await this.#settled();
    return failover;
  }

  /** Asks the leader to step down, as `fumata step-down` does. */
  async handOver(): Promise<Failover> {
    const leader = this.#leader();
    const headers = {
      "authorization": `Bearer ${tokenOfFolder(leader.folder)}`,
      "content-type": "application/json",
    };
    const url = `http://${leader.http}/v1/step-down`;
    let answer: Promise<Response> | undefined;
    const failover = await this.#timed(leader.leader!.term, () => {
      answer = fetch(url, { method: "POST", headers, body: "{}" });
    });
    await (await answer!).body?.cancel();
    await this.#settled();
    return failover;
  }

  /** Where the function is: what a client of the enclave host needs. */
  get target(): { readonly profile: string; readonly functionWords: readonly string[] } {
    return { profile: this.#profile, functionWords: this.#function };
  }

  /** `cluster.json` of the function, as it was deployed. */
  get clusterJson(): Promise<Uint8Array> {
    return Deno.readFile(`${this.#folder}/leader-election/cluster.json`);
  }

  #leader(): Member {
    return this.#members.find(({ id, leader }) => id !== undefined && leader?.id === id)!;
  }

  /** Runs what takes the leader of a term away, and takes the time until there is another. */
  async #timed(term: number, act: () => void | Promise<void>): Promise<Failover> {
    this.#moments = [];
    const startMs = performance.now();
    await act();
    let agreedMs: number | undefined;
    let leasedMs: number | undefined;
    await this.#until(() => {
      const nowMs = performance.now() - startMs;
      if (this.#agreed(term)) agreedMs ??= nowMs;
      if (this.#members.some(({ isUp, leasedTerm }) => isUp && leasedTerm > term)) {
        leasedMs ??= nowMs;
      }
      return agreedMs !== undefined && leasedMs !== undefined;
    }, "there is no new leader");
    const elected = this.#members.find(({ isUp }) => isUp)!.leader!.term;
    const steps = stepsOf(this.#moments, elected, startMs, startMs + agreedMs!);
    return { agreedMs: agreedMs!, leasedMs: leasedMs!, ...(steps && { steps }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#members.map(({ child }) => child), this.#enclave];
    for (const child of children) {
      child?.signal("SIGKILL");
      await child?.ended;
    }
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #startEnclave(): Promise<void> {
    let isListening = false;
    await seedHost(`${this.#folder}/enclave`);
    this.#enclave = new ChildProcess("enclave", selfCommand(), [
      ...["enclave", "--port", "0", "--data", `${this.#folder}/enclave`, "--no-profile"],
      ...["--profile-out", this.#profile, "--log-format", "json"],
    ], ({ event }) => {
      isListening ||= event === "listening";
      this.#wake();
    });
    await this.#until(() => isListening, "the enclave host does not listen");
  }

  /** The election function with a `cluster.json` of these members. */
  async #deploy(): Promise<void> {
    const folder = `${this.#folder}/leader-election`;
    await Deno.mkdir(folder);
    for await (const { name } of Deno.readDir(FUNCTION)) {
      await Deno.copyFile(new URL(name, FUNCTION), `${folder}/${name}`);
    }
    const cluster = {
      cluster: "bench",
      roster: this.#members.map(({ name, folder }) => {
        const identity = identityOf(folder);
        this.identities.push(identity);
        return { name, key: base64url(identity.publicKey) };
      }),
      faultBound: 0,
      policy: "random",
      lease: { leaseMs: this.#leaseMs, driftPpm: 500 },
    };
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(cluster));
    const words = ["deploy", folder, "-o", "json", "--profile", this.#profile];
    const deploy = new ChildProcess("deploy", selfCommand(), words);
    const { code } = await deploy.ended;
    if (code !== 0) throw new Error(`deploy failed: ${deploy.lastLines.join("\n")}`);
    const { function_id, function_checksum } = JSON.parse(deploy.output);
    this.#function = ["--function", function_id, "--checksum", function_checksum];
  }

  get #profile(): string {
    return `${this.#folder}/profile.json`;
  }

  #startMember(member: Member): void {
    const neighbor = this.#members.find(({ isUp }) => isUp)?.address;
    member.isUp = true;
    member.leasedTerm = 0;
    const child = new ChildProcess(member.name, selfCommand(), [
      ...["node", "--port", "0", "--name", member.name, "--cluster", "bench"],
      ...["--state", member.folder, "--profile", this.#profile, "--timing", this.#timing],
      ...this.#function,
      ...(neighbor === undefined ? [] : ["--neighbor", neighbor]),
      ...["--log-format", "json", "--log-level", "debug"],
    ], (record) => {
      if (member.child === child) this.#take(member, record);
    });
    member.child = child;
    child.ended.then(() => this.#wake());
  }

  #take(member: Member, { event, fields }: LogRecord): void {
    this.#moments.push({ atMs: performance.now(), event, term: Number(fields.term) });
    if (event === "started") {
      member.id = String(fields.id);
      member.address = String(fields.address);
    } else if (event === "http") member.http = String(fields.address);
    else if (event === "leader") {
      member.leader = {
        id: String(fields.leader),
        term: Number(fields.term),
        certificateId: String(fields.certificateId),
      };
    } else if (event === "leaderless") member.leader = undefined;
    else if (event === "lease-held") member.leasedTerm = Number(fields.term);
    else if (event === "lease-lost") member.leasedTerm = 0;
    this.#wake();
  }

  /** Whether all that are up go by one certificate of a term above this one. */
  #agreed(term: number): boolean {
    const up = this.#members.filter(({ isUp }) => isUp);
    const [{ leader }] = up;
    return leader !== undefined && leader.term > term &&
      up.every((member) => member.leader?.certificateId === leader.certificateId);
  }

  #settled(): Promise<void> {
    return this.#until(() =>
      this.#agreed(0) &&
      this.#members.some(({ id, leader, leasedTerm }) =>
        id === leader?.id && leasedTerm === leader?.term
      ), "the cluster does not settle");
  }

  async #until(holds: () => boolean, otherwise: string): Promise<void> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#wake();
    }, WAIT_MS_MAX);
    try {
      while (!holds()) {
        if (isOver) throw new Error(`${otherwise}\n${this.#lastLines()}`);
        await new Promise<void>((resolve) => this.#wakers.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #lastLines(): string {
    return this.#members.map(({ name, child }) => `${name}: ${child?.lastLines.join("\n")}`)
      .join("\n");
  }

  #wake(): void {
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }
}

function identityOf(folder: string): Identity {
  using store = StateStore.open(folder);
  return store.identity;
}

/** Everything that goes to or comes from a member's gossip port; its HTTP interface and its way to the enclave stay open. */
function droppedFor({ address }: Member): string[][] {
  const port = address!.slice(address!.lastIndexOf(":") + 1);
  return ["udp", "tcp"].flatMap((protocol) =>
    ["--dport", "--sport"].map((side) => ["INPUT", "-p", protocol, side, port])
  );
}

/** The steps of the election of a term; `undefined` when one of them was not logged. */
function stepsOf(
  moments: readonly Moment[],
  elected: number,
  startMs: number,
  agreedMs: number,
): Steps | undefined {
  const first = (passes: (moment: Moment) => boolean) => moments.find(passes)?.atMs;
  const noticedMs = first(({ event }) => NOTICED.has(event));
  const of = (name: string) => first(({ event, term }) => event === name && term === elected);
  const [proposedMs, quorumMs, certifiedMs] = [
    of("election-proposed"),
    of("election-quorum"),
    of("leader"),
  ];
  if (!noticedMs || !proposedMs || !quorumMs || !certifiedMs) return undefined;
  return {
    detection: noticedMs - startMs,
    candidacy: proposedMs - noticedMs,
    votes: quorumMs - proposedMs,
    enclave: certifiedMs - quorumMs,
    spread: agreedMs - certifiedMs,
  };
}
