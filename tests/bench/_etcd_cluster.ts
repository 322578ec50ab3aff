/** A cluster of etcd processes with default settings, asked over their HTTP gateway who leads. */
import { type BenchCluster, type Failover, type How, WAIT_MS_MAX } from "./_types.ts";

/** Between two questions to a member: well below what is measured. */
const POLL_MS = 5;

interface Member {
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
    const startMs = performance.now();
    victim.process!.kill(how === "kill" ? "SIGKILL" : "SIGSTOP");
    victim.isUp = false;
    await this.#agreement(leader);
    const agreedMs = performance.now() - startMs;
    if (how === "stop") {
      victim.process!.kill("SIGCONT");
      victim.isUp = true;
    } else {
      await victim.process!.status;
      this.#start(victim);
    }
    await this.#agreement();
    return { agreedMs };
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
