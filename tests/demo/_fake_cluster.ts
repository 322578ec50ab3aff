/** A demo cluster over fake programs: a hub in the test process sees nodes come and go at once and elects for them. */
import { DemoCluster } from "../../lib/cli/demo/cluster.ts";
import { DemoModel, type Respected } from "../../lib/cli/demo/model.ts";
import type { Witness } from "../../lib/cli/demo/witness.ts";

const PROGRAM = new URL("./_fake_program.ts", import.meta.url).pathname;

/** Tells fake nodes what to print. */
export class Hub implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #members = new Map<string, Deno.TcpConn>();
  readonly #serving: Promise<unknown>;
  term = 0;

  constructor() {
    this.#serving = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** A node is silent: the others elect without it, though it is still connected. */
  evict(name: string): void {
    const conn = this.#members.get(name);
    this.#members.delete(name);
    this.elect();
    if (conn) this.#evicted.set(name, conn);
  }
  readonly #evicted = new Map<string, Deno.TcpConn>();

  /** An evicted node is back. */
  readmit(name: string): void {
    this.#members.set(name, this.#evicted.get(name)!);
    this.#evicted.delete(name);
    this.elect();
  }

  /** Gives a certificate for the present members to all of them; the last one leads. */
  elect(change: Partial<Respected> & { forged?: true } = {}): void {
    const names = [...this.#members.keys()];
    if (names.length === 0) return;
    const leaderName = names[names.length - 1];
    const certificate = {
      certificateId: `certificate-${++this.term}`,
      term: this.term,
      leader: `id-of-${leaderName}`,
      leaderName,
      active: names.map((name) => `id-of-${name}`),
      votes: Math.floor(names.length / 2) + 1,
      ...change,
    };
    const { certificateId } = certificate;
    this.broadcast({ event: "leader", certificateId, document: certificate });
  }

  /** Lets all members print a record. */
  broadcast(record: Record<string, unknown>): void {
    const line = JSON.stringify({ time: "", level: "info", message: "", ...record });
    for (const name of this.#members.keys()) this.tell(name, line);
  }

  /** Sends one line to one node. */
  tell(name: string, line: string): void {
    const bytes = new TextEncoder().encode(line + "\n");
    this.#members.get(name)?.write(bytes).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }

  async #accept(): Promise<void> {
    const connections: Promise<void>[] = [];
    for await (const conn of this.#listener) connections.push(this.#serve(conn));
    await Promise.all(connections);
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    let name: string | undefined;
    try {
      for await (const bytes of conn.readable) {
        name ??= new TextDecoder().decode(bytes).trim();
        this.#members.set(name, conn);
        this.elect();
      }
    } catch { /* killed: the connection is reset */ }
    this.#evicted.delete(name ?? "");
    if (this.#members.delete(name ?? "")) this.elect();
  }
}

/** Believes every certificate that is not marked as forged. */
export const fakeWitness: Witness = {
  tee: "simulated",
  policy: "random",
  kid: "kid",
  verify(document) {
    const { forged, ...respected } = document as Respected & { forged?: true };
    return forged ? "the signature is not by the attested key" : respected;
  },
};

/** A cluster with its hub and folder. */
export interface FakeCluster extends AsyncDisposable {
  readonly cluster: DemoCluster;
  readonly model: DemoModel;
  readonly hub: Hub;
}

/** Makes one; nothing runs yet. */
export async function fakeCluster(): Promise<FakeCluster> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-demo-test-" });
  const hub = new Hub();
  const model = new DemoModel(performance.now());
  const cluster = new DemoCluster({
    self: fakeProgram(hub.port),
    folder,
    functionFolder: "function",
    model,
    attest: () => Promise.resolve(fakeWitness),
  });
  return {
    cluster,
    model,
    hub,
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** How the fake program is started. */
export function fakeProgram(hubPort: number) {
  const words = ["run", "--quiet", "--allow-all", "--no-config", PROGRAM, String(hubPort)];
  return { program: Deno.execPath(), words };
}
