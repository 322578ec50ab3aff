/** The processes of a run: nodes of one roster, each in its place of the network, two enclave hosts, and `fumata lock` on some of the nodes. */
import { ChildProcess, type LogRecord } from "../../lib/cli/demo/process.ts";
import { writeRosterPackage } from "../../lib/cli/demo/roster_package.ts";
import { type SelfCommand, selfCommand } from "../../lib/cli/self.ts";
import { base64url } from "../../lib/base/bytes.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { COMMANDS } from "../lock/_locks.ts";
import type { Tick } from "./_history.ts";
import { isInside, mountSmallDisk, type Network, type Place } from "./_network.ts";

const FUNCTION = new URL("../../function/leader-election/", import.meta.url).pathname;
/** The longest wait for a process to be ready, ms: a fresh key of the enclave host takes up to 10 s on a slow core. */
const READY_MS_MAX = 180_000;
/** Of a node's HTTP interface in a network of its own. */
const HTTP_PORT = 7100;
/** Size of the small disk, bytes: some hundred certificates of a chain. */
const SMALL_DISK_BYTES = 4 * 1024 * 1024;
/** A locked command that ignores SIGTERM is killed after this, when the lease lasts for longer. */
const LOCK_GRACE_SECONDS = "0.2";

/** What a run is made of. */
export interface ChaosOptions {
  /** The compiled executable; left out, `deno run` of these sources. */
  readonly executable?: string;
  readonly nodes: number;
  readonly hosts: number;
  readonly faultBound: number;
  /** Nodes that have a `fumata lock` beside them, from the first on. */
  readonly locks: number;
  readonly network: Network;
  readonly onTick: (tick: Tick) => void;
  /** A process ended that nobody had ended. */
  readonly onDeath: (what: string) => void;
}

/** One node. */
export interface Member {
  readonly name: string;
  readonly index: number;
  readonly folder: string;
  readonly place: Place;
  readonly hasSmallDisk: boolean;
  /** Absent while it does not run. */
  child?: ChildProcess;
  /** What it said last before it ended by itself. */
  lastWords?: string;
  /** Gossip port; kept over restarts. */
  port: number;
  id?: string;
  /** Of its HTTP interface. */
  http?: string;
  /** Faults that it is under; it meets one at a time. */
  isBusy: boolean;
}

interface Host {
  readonly name: string;
  readonly profile: string;
  child?: ChildProcess;
  port: number;
  functionId?: string;
  isBusy: boolean;
}

/** The cluster. */
export class ChaosCluster implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly hosts: readonly Host[];
  readonly #options: ChaosOptions;
  readonly #folder: string;
  readonly #command: SelfCommand;
  readonly #locks: ChildProcess[] = [];
  readonly #wakers = new Set<() => void>();
  #checksum = "";
  #isOver = false;

  private constructor(options: ChaosOptions, folder: string, members: readonly Member[]) {
    const { executable } = options;
    this.#options = options;
    this.#folder = folder;
    this.#command = executable === undefined ? selfCommand() : { program: executable, words: [] };
    this.members = members;
    this.hosts = Array.from({ length: options.hosts }, (_, i) => ({
      name: `enclave${i}`,
      profile: `${folder}/enclave${i}.json`,
      port: 0,
      isBusy: false,
    }));
  }

  /** Starts all of it; resolves when every node listens. */
  static async start(options: ChaosOptions): Promise<ChaosCluster> {
    const folder = await Deno.makeTempDir({ prefix: "fumata-chaos-" });
    const members: Member[] = [];
    for (let index = 0; index < options.nodes; index++) {
      const name = `n${index}`;
      const place = await options.network.place(index);
      // The last one, which has no lock beside it.
      const hasSmallDisk = isInside() && index === options.nodes - 1;
      await Deno.mkdir(`${folder}/${name}`, { mode: 0o700 });
      if (hasSmallDisk) await mountSmallDisk(`${folder}/${name}`, SMALL_DISK_BYTES);
      members.push({
        name,
        index,
        folder: `${folder}/${name}`,
        place,
        hasSmallDisk,
        port: 0,
        isBusy: false,
      });
    }
    const cluster = new ChaosCluster(options, folder, members);
    try {
      await cluster.#deploy();
      for (const member of members) {
        await cluster.startNode(member);
        if (!member.child) throw new Error(`${member.name} does not start: ${member.lastWords}`);
      }
      for (const member of members.slice(0, options.locks)) cluster.#lock(member);
      return cluster;
    } catch (thrown) {
      await cluster[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Starts a node at the address that it had; resolves when it answers over HTTP, or has ended because it could not start. */
  async startNode(member: Member): Promise<void> {
    const { name, folder, place: { address, words } } = member;
    const neighbors = this.members.filter(({ port }) => port !== 0)
      .map(({ place, port }) => `${place.address}:${port}`);
    const hosts = this.hosts.flatMap(({ profile, functionId }) => [
      ...["--profile", profile, "--function", functionId!],
    ]);
    member.http = undefined;
    const child = this.#spawn(name, words, [
      ...["node", "--host", address, "--port", String(member.port), "--name", name],
      ...["--cluster", "chaos", "--state", folder, "--timing", "lan"],
      ...["--http", isInside() ? `${address}:${HTTP_PORT}` : "0"],
      ...["--checksum", this.#checksum, ...hosts],
      ...neighbors.flatMap((neighbor) => ["--neighbor", neighbor]),
      ...["--log-format", "json"],
    ], (record) => {
      if (member.child === child) this.#take(member, record);
    });
    member.child = child;
    child.ended.then(() => this.#nodeEnded(member, child));
    const isReady = () => member.http !== undefined || member.child !== child;
    await this.#until(isReady, `${name} does not start`);
  }

  /** What each node and host said last, for people. */
  lastLines(): string {
    return [...this.members, ...this.hosts].map(({ name, child }) =>
      [`${name}:`, ...(child?.lastLines ?? ["it does not run"])].join("\n  ")
    ).join("\n");
  }

  /** Ends a node without a word. */
  async killNode(member: Member): Promise<void> {
    const { child } = member;
    member.child = undefined;
    member.http = undefined;
    child?.signal("SIGKILL");
    await child?.ended;
  }

  async startHost(host: Host): Promise<void> {
    let isListening = false;
    const child = this.#spawn(host.name, [], [
      ...["enclave", "--host", this.#options.network.hostsAddress, "--port", String(host.port)],
      ...["--data", `${this.#folder}/${host.name}`, "--no-profile", "--profile-out", host.profile],
      ...["--log-format", "json"],
    ], ({ event }) => {
      isListening ||= event === "listening";
      this.#wake();
    });
    host.child = child;
    child.ended.then(() => {
      if (host.child === child && !this.#isOver) this.#died(host.name, child);
    });
    await this.#until(() => isListening || host.child !== child, `${host.name} does not start`);
    host.port = Number(new URL(JSON.parse(await Deno.readTextFile(host.profile)).enclave).port);
  }

  async killHost(host: Host): Promise<void> {
    const { child } = host;
    host.child = undefined;
    child?.signal("SIGKILL");
    await child?.ended;
  }

  /** Fills the disk of a node that has a small one. */
  async fillDisk(member: Member): Promise<void> {
    try {
      await Deno.writeFile(fillerOf(member), new Uint8Array(SMALL_DISK_BYTES));
    } catch { /* it is full now, which is what this is for */ }
  }

  async clearDisk(member: Member): Promise<void> {
    await Deno.remove(fillerOf(member));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#locks.map((lock) => lock[Symbol.asyncDispose]()));
    for (const member of this.members) await this.killNode(member);
    for (const host of this.hosts) await this.killHost(host);
    for (const { folder, hasSmallDisk } of this.members) {
      if (hasSmallDisk) await new Deno.Command("umount", { args: [folder] }).output();
    }
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #deploy(): Promise<void> {
    const package_ = `${this.#folder}/leader-election`;
    const voters = this.members.map(({ name, folder }) => {
      using store = StateStore.open(folder);
      return { name, id: store.identity.id, key: base64url(store.identity.publicKey) };
    });
    await writeRosterPackage(FUNCTION, package_, "chaos", voters);
    const path = `${package_}/cluster.json`;
    const cluster = JSON.parse(await Deno.readTextFile(path));
    cluster.faultBound = this.#options.faultBound;
    await Deno.writeTextFile(path, JSON.stringify(cluster));
    for (const host of this.hosts) {
      await this.startHost(host);
      const words = ["deploy", package_, "-o", "json", "--profile", host.profile];
      const deploy = this.#spawn("deploy", [], words);
      const { code } = await deploy.ended;
      if (code !== 0) throw new Error(`deploy failed: ${deploy.lastLines.join("\n")}`);
      const { function_id, function_checksum } = JSON.parse(deploy.output);
      host.functionId = function_id;
      this.#checksum = function_checksum;
    }
  }

  #lock({ name, folder, place }: Member): void {
    const lock = this.#spawn(`lock of ${name}`, place.words, [
      ...["lock", "--folder", folder, "--grace", LOCK_GRACE_SECONDS],
      ...["--", "sh", "-c", COMMANDS.deaf],
    ], ({ event, fields }) => {
      if (event !== "tick") return;
      const { run, at, term } = fields as { run: number; at: number; term: number };
      this.#options.onTick({ run: `run ${run} on ${name}`, atS: at, term });
    });
    this.#locks.push(lock);
    lock.ended.then(() => {
      if (!this.#isOver) this.#died(lock.name, lock);
    });
  }

  #spawn(
    name: string,
    inPlace: readonly string[],
    words: readonly string[],
    onRecord?: (record: LogRecord) => void,
  ): ChildProcess {
    const [program, ...before] = [...inPlace, this.#command.program, ...this.#command.words];
    return new ChildProcess(name, { program, words: before }, words, onRecord);
  }

  #take(member: Member, { event, fields }: LogRecord): void {
    if (event === "started") {
      member.id = String(fields.id);
      member.port = Number(String(fields.address).split(":").at(-1));
    } else if (event === "http") {
      member.http = String(fields.address);
      this.#wake();
    }
  }

  /** A node may end by itself when its disk is full, and for no other reason. */
  #nodeEnded(member: Member, child: ChildProcess): void {
    this.#wake();
    if (member.child !== child || this.#isOver) return;
    member.child = undefined;
    member.http = undefined;
    member.lastWords = child.lastLines.join(" / ");
    if (!(member.isBusy && member.hasSmallDisk)) this.#died(member.name, child);
    this.#wake();
  }

  #died(name: string, child: ChildProcess): void {
    this.#options.onDeath(`${name} ended by itself: ${child.lastLines.join(" / ")}`);
  }

  async #until(holds: () => boolean, otherwise: string): Promise<void> {
    const over = AbortSignal.timeout(READY_MS_MAX);
    over.addEventListener("abort", () => this.#wake());
    while (!holds()) {
      if (over.aborted) throw new Error(`${otherwise} within ${READY_MS_MAX / 1000} s`);
      await new Promise<void>((resolve) => this.#wakers.add(resolve));
    }
  }

  #wake(): void {
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }
}

function fillerOf({ folder }: Member): string {
  return `${folder}/filler`;
}
