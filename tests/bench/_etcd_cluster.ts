/**
 * A cluster of etcd processes with default settings, asked over their HTTP gateway who leads. Each runs in a group of its own, by which its
 * packets can be told from those of the others.
 */
import { drop, isIsolated } from "./_isolation.ts";
import { type BenchCluster, type Failover, type How, WAIT_MS_MAX } from "./_types.ts";

/** Between two questions to a member: well below what is measured. */
const POLL_MS = 5;

/** Number of the first group; groups of that size belong to nobody. */
const GROUP_FIRST = 61_000;
/** Time to live of the lock that is measured beside the leader, s: what `etcdctl lock --ttl 2` means. */
const LOCK_TTL_S = 2;
/** How long the waiter of a lock has to queue up before the holder is killed, ms. */
const LOCK_QUEUE_MS = 1_000;

interface Member {
  readonly group: number;
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  process?: Deno.ChildProcess;
  isUp: boolean;
}

interface Status {
  readonly memberId: string;
  /** Member id; undefined while there is none. */
  readonly leader?: string;
}

/** The cluster. */
export class EtcdCluster implements BenchCluster {
  readonly #folder: string;
  readonly #members: Member[];

  private constructor(folder: string, n: number) {
    this.#folder = folder;
    const ports = freePorts(2 * n);
    this.#members = Array.from({ length: n }, (_, i) => ({
      name: `e${i}`,
      client: `http://127.0.0.1:${ports[2 * i]}`,
      peer: `http://127.0.0.1:${ports[2 * i + 1]}`,
      group: GROUP_FIRST + i,
      isUp: false,
    }));
  }

  /** Whether there is an etcd on this machine. */
  static async isInstalled(): Promise<boolean> {
    try {
      return (await new Deno.Command("etcd", { args: ["--version"] }).output()).success;
    } catch {
      return false;
    }
  }

  /** Starts all members; resolves when they agree. */
  static async start(n: number): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(await Deno.makeTempDir({ prefix: "etcd-bench-" }), n);
    try {
      for (const member of cluster.#members) cluster.#start(member);
      await cluster.#agreement();
      return cluster;
    } catch (thrown) {
      await cluster[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async failOver(how: How): Promise<Failover> {
    const leader = await this.#agreement();
    const victim = await this.#memberOf(leader);
    const dropped = droppedFor(victim);
    const startMs = performance.now();
    victim.isUp = false;
    if (how === "drop") await drop("-A", dropped);
    else victim.process!.kill(how === "kill" ? "SIGKILL" : "SIGSTOP");
    await this.#agreement(leader);
    const agreedMs = performance.now() - startMs;
    switch (how) {
      case "kill":
        await victim.process!.status;
        this.#start(victim);
        break;
      case "stop":
        victim.process!.kill("SIGCONT");
        victim.isUp = true;
        break;
      case "drop":
        await drop("-D", dropped);
        victim.isUp = true;
        break;
      default:
        how satisfies never;
    }
    await this.#agreement();
    return { agreedMs };
  }

  /** `etcdctl lock --ttl 2`: ms from the SIGKILL of who holds the lock until who waits for it has it. */
  async passLock(): Promise<number> {
    const endpoints = this.#members.map(({ client }) => client).join(",");
    const start = () =>
      new Deno.Command("etcdctl", {
        args: ["--endpoints", endpoints, "lock", "--ttl", String(LOCK_TTL_S), "bench"],
        env: { ETCDCTL_API: "3" },
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
    const holder = start();
    const held = holder.stdout.getReader();
    await held.read();
    const waiter = start();
    const got = waiter.stdout.getReader();
    await new Promise((resolve) => setTimeout(resolve, LOCK_QUEUE_MS));
    const startMs = performance.now();
    holder.kill("SIGKILL");
    await got.read();
    const tookMs = performance.now() - startMs;
    for (const reader of [held, got]) await reader.cancel();
    waiter.kill("SIGINT");
    await Promise.all([holder.status, waiter.status]);
    return tookMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#members) {
      process?.kill("SIGKILL");
      await process?.status;
    }
    await Deno.remove(this.#folder, { recursive: true });
  }

  #start(member: Member): void {
    const { name, client, peer } = member;
    member.isUp = true;
    member.process = new Deno.Command("etcd", {
      args: [
        ...["--name", name, "--data-dir", `${this.#folder}/${name}`],
        ...["--listen-client-urls", client, "--advertise-client-urls", client],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
        ...["--initial-cluster", this.#members.map((m) => `${m.name}=${m.peer}`).join(",")],
        ...["--initial-cluster-state", "new"],
      ],
      // Only root may choose it, and only root drops packets.
      ...(isIsolated() && Deno.uid() === 0 && { gid: member.group }),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** The leader that all members which are up name, once they do; another than `but`. */
  async #agreement(but?: string): Promise<string> {
    for (const startMs = performance.now(); performance.now() < startMs + WAIT_MS_MAX;) {
      const up = this.#members.filter(({ isUp }) => isUp);
      const leaders = new Set((await Promise.all(up.map(statusOf))).map((found) => found?.leader));
      const [leader] = leaders;
      if (leaders.size === 1 && leader !== undefined && leader !== but) return leader;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error("the etcd cluster agrees on no leader");
  }

  async #memberOf(id: string): Promise<Member> {
    for (const member of this.#members) {
      if ((await statusOf(member))?.memberId === id) return member;
    }
    throw new Error(`no etcd member has the id ${id}`);
  }
}

/** What comes to its port for peers, and what it sends by itself. */
function droppedFor({ peer, group }: Member): string[][] {
  return [
    ["INPUT", "-p", "tcp", "--dport", new URL(peer).port],
    ["OUTPUT", "-m", "owner", "--gid-owner", String(group)],
  ];
}

async function statusOf({ client }: Member): Promise<Status | undefined> {
  try {
    const response = await fetch(`${client}/v3/maintenance/status`, { method: "POST", body: "{}" });
    const { header, leader } = await response.json();
    return { memberId: header.member_id, ...(leader && leader !== "0" && { leader }) };
  } catch {
    return undefined;
  }
}

/** Ports that were free just now: etcd wants to be told its ports. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}
