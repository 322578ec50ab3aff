/** A demo cluster over fake programs: a hub in the test process sees nodes come and go at once and elects for them. */
import { DemoCluster } from "../../lib/cli/demo/cluster.ts";
import { DemoModel, type Respected } from "../../lib/cli/demo/model.ts";
import type { ProvenLie, Witness } from "../../lib/cli/demo/witness.ts";

const FUNCTION = new URL("../../function/leader-election", import.meta.url).pathname;
const PROGRAM = new URL("./_fake_program.ts", import.meta.url).pathname;

/** A lease that is over before anybody waits for it. */
const LEASE_MS = 1;

/** Tells fake nodes what to print. */
export class Hub implements AsyncDisposable {
  /** Answers for the HTTP interface of all of them: who is asked to step down makes way for the next. */
  readonly #http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const [first] = this.#members;
    this.#members.delete(first[0]);
    this.#members.set(...first);
    this.elect();
    return Response.json({});
  });
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #members = new Map<string, Deno.TcpConn>();
  readonly #serving: Promise<unknown>;
  term = 0;
  /** Names of members that lie at every election after the one that their start brings. */
  readonly liars = new Set<string>();

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
    const { term } = certificate;
    this.tellRecord(leaderName, { event: "lease-held", term, remainingMs: LEASE_MS });
    for (const liar of this.liars.intersection(this.#members)) {
      this.broadcast({ event: "fork-evidence", evidence: { liar: `id-of-${liar}`, term } });
    }
  }

  /** Lets all members print a record. */
  broadcast(record: Record<string, unknown>): void {
    for (const name of this.#members.keys()) this.tellRecord(name, record);
  }

  /** Lets one member print a record. */
  tellRecord(name: string, record: Record<string, unknown>): void {
    this.tell(name, JSON.stringify({ time: "", level: "info", message: "", ...record }));
  }

  /** Sends one line to one node. */
  tell(name: string, line: string): void {
    const bytes = new TextEncoder().encode(line + "\n");
    this.#members.get(name)?.write(bytes).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    await this.#http.shutdown();
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
        const [command, own] = new TextDecoder().decode(bytes).trim().split(" ");
        name ??= own;
        this.liars.delete(own);
        this.#members.set(name, conn);
        const { port } = this.#http.addr;
        this.tellRecord(name, { event: "http", address: `127.0.0.1:${port}` });
        this.elect();
        // As with real nodes: who has just started votes for nobody yet, so it can't vote twice.
        if (command === "demo-liar") this.liars.add(own);
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
  verifyLie(evidence) {
    const { liar, term } = evidence as ProvenLie & { forged?: true };
    return "forged" in (evidence as object) ? "not both are votes" : { liar, term };
  },
};

/** A cluster with its hub and folder. */
export interface FakeCluster extends AsyncDisposable {
  readonly cluster: DemoCluster;
  readonly model: DemoModel;
  readonly hub: Hub;
}

/** Makes one, with a roster when it is told of how many; nothing runs yet. */
export async function fakeCluster(voters?: number): Promise<FakeCluster> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-demo-test-" });
  const hub = new Hub();
  const model = new DemoModel(performance.now());
  const cluster = new DemoCluster({
    self: fakeProgram(hub.port),
    folder,
    functionFolder: FUNCTION,
    ...(voters !== undefined && { voters }),
    model,
    attest: () => Promise.resolve({ ...fakeWitness, ...(voters && electorate(voters)) }),
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

function electorate(voters: number): Pick<Witness, "electorate"> {
  return { electorate: { voters, faultBound: 1, votesNeeded: 3, leaseMs: LEASE_MS } };
}

/** How the fake program is started. */
export function fakeProgram(hubPort: number) {
  const words = ["run", "--quiet", "--allow-all", "--no-config", PROGRAM, String(hubPort)];
  return { program: Deno.execPath(), words };
}
