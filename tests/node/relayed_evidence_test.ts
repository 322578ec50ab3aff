/**
 * Evidence of an enclave host that a voter does not reach, as another voter passes it on between real nodes: each reaches one host only, and
 * they elect together under the key of the one. What was relayed is real evidence of a TEE, judged in full.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { parsePolicy } from "../../lib/attestation/mod.ts";
import type { EnclaveHost } from "../../lib/node/enclave_hosts.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import { BareEnclave, type TestNode } from "./_cluster.ts";
import { leaseHolder, type RosterWorld, rosterWorld } from "./_roster.ts";

/** Elections until both voters have led: each has a chance of a half or more in every one that is not its own. */
const ELECTIONS_MAX = 40;

/** Two hosts of one function with the evidence of one kind of TEE, and three voters: 0 and 2 reach the first host only, 1 the second only. */
class TwoHosts implements AsyncDisposable {
  readonly world: RosterWorld;
  readonly far: BareEnclave;
  readonly nodes: TestNode[];
  readonly #folder: string;

  static async start(pin: (tee: SimulatedTee) => object): Promise<TwoHosts> {
    const folder = await Deno.makeTempDir();
    const tee = await openSimulatedTee({ folder, version: "1" });
    return new TwoHosts(await rosterWorld(3, 0), tee, folder, pin);
  }

  private constructor(
    world: RosterWorld,
    tee: SimulatedTee,
    folder: string,
    pin: (tee: SimulatedTee) => object,
  ) {
    this.world = world;
    this.#folder = folder;
    this.far = new BareEnclave("random", world.clusterJson);
    for (const enclave of [world.enclave, this.far]) enclave.tee = tee;
    const policy = parsePolicy({
      platform: "simulated",
      insecureSimulatedRoot: tee.rootPem,
      measurements: tee.measurements,
      ...pin(tee),
    });
    const only = (name: string, enclave: BareEnclave): EnclaveHost => ({
      name,
      connect: () => enclave.connect(),
      policy,
    });
    const [near, far] = [only("near", world.enclave), only("far", this.far)];
    const first = world.start(0, [], { enclaves: [near] });
    this.nodes = [
      first,
      world.start(1, [first], { enclaves: [far] }),
      world.start(2, [first], { enclaves: [near] }),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    await this.far[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test("a voter that reaches another host only follows by relayed evidence, and two that share no host elect each other", async () => {
  await using hosts = await TwoHosts.start(() => ({}));
  const { nodes, world: { enclave: { key: { kid } } }, far } = hosts;
  const [one, two, three] = nodes;
  await leaseHolder(nodes);
  const { fields } = await two.listener.until(({ event }) => event === "key-taken");
  ok([one, three].some(({ node }) => node.name === fields.from));
  strictEqual(fields.kid, kid);
  await two.listener.until(({ event }) => event === "leader");
  strictEqual(two.node.leader!.kid, kid);
  // What it attested itself is its own host, and nothing of the relayed key is said to be that.
  const attested = two.listener.said.filter(({ event }) => event === "attested");
  deepStrictEqual([...new Set(attested.map((said) => said.fields.kid))], [far.key.kid]);

  await three[Symbol.asyncDispose]();
  const pair = [one, two];
  const leaders = new Set<string>();
  for (let tries = 0; leaders.size < 2; tries++) {
    ok(tries < ELECTIONS_MAX, `only ${[...leaders]} led`);
    const heard = pair.map(({ listener }) => listener.said.length);
    for (const { node } of pair) node.stepDown();
    const leader = await leaseHolder(pair, heard);
    const { document, leaderName, kid: used } = leader.node.leader!;
    deepStrictEqual([used, document.bundle.length], [kid, 2]);
    leaders.add(leaderName);
  }
});

Deno.test("relayed evidence that the voter's own pins do not accept is refused, and it follows nobody under that key", async () => {
  await using hosts = await TwoHosts.start(({ measurements }) => ({
    measurements: { ...measurements, pcr0: "00".repeat(48) },
  }));
  const [, two] = hosts.nodes;
  await leaseHolder(hosts.nodes);
  const { fields } = await two.listener.until(({ event }) => event === "key-refused");
  strictEqual(fields.kid, hosts.world.enclave.key.kid);
  strictEqual(two.node.leader, undefined);
  deepStrictEqual(two.listener.said.filter(({ event }) => event === "key-taken"), []);
});
