/**
 * A voter that was down when its predecessor closed: started in the successor it fetches the closing certificate from the others, judges it in
 * full, and votes. Real nodes, and real evidence of a simulated TEE.
 */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { parsePolicy } from "../../lib/attestation/mod.ts";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { signSuccessionOrder } from "../../lib/certificate/mod.ts";
import type { SuccessionOrderFile } from "../../lib/certificate/succession_order.ts";
import { generateIdentity } from "../../lib/crypto/ed25519.ts";
import type { RosterMessage } from "../../lib/election/roster/types.ts";
import type { FunctionDescription } from "../../lib/node/function_description.ts";
import type { Middleman } from "../../lib/node/middleman.ts";
import type { NodeOptions } from "../../lib/node/node_options.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { BareEnclave, TestNode } from "./_cluster.ts";
import { limited } from "./_limit.ts";
import { descriptionOf, keyOf, leaseHolder, type RosterWorld, rosterWorld } from "./_roster.ts";

const operator = generateIdentity();

/** Three voters, the last of whom was down when the other two closed their electorate, and when the enclave lost its key before that. */
class Closed implements AsyncDisposable {
  private constructor(
    readonly world: RosterWorld,
    readonly successor: BareEnclave,
    readonly description: FunctionDescription,
    /** Term of the closing certificate. */
    readonly term: number,
    readonly newcomer: string,
    readonly more: Partial<NodeOptions>,
    readonly stack: AsyncDisposableStack,
    /** An earlier closing certificate for the same successor, and a copy of the first voter's folder that ends with it. */
    readonly early?: { readonly folder: string; readonly closing: Closing },
  ) {}

  /** Closed in favour of the successor unless another is `favoured`; `twice` in favour of the same. */
  static async start(
    { favoured, losesKey = true, twice = false }: {
      favoured?: Uint8Array;
      losesKey?: boolean;
      twice?: boolean;
    } = {},
  ): Promise<Closed> {
    const stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const tee = await openSimulatedTee({ folder: `${folder}/tee`, version: "1" });
    const world = stack.use(
      await rosterWorld(3, 0, { operatorKey: base64url(operator.publicKey) }),
    );
    const again = stack.use(new BareEnclave("random", world.clusterJson));
    const newcomer = `${folder}/newcomer`;
    const { roster } = world.clusterJson as { roster: object[] };
    const successor = stack.use(
      new BareEnclave("random", {
        ...world.clusterJson,
        roster: [...roster, { name: "n9", key: keyOf(newcomer) }],
        succeeds: hex(world.enclave.checksum),
      }),
    );
    for (const enclave of [world.enclave, again, successor]) enclave.tee = tee;
    let current = world.enclave;
    const { rootPem, measurements } = tee;
    const policy = parsePolicy({
      platform: "simulated",
      insecureSimulatedRoot: rootPem,
      measurements,
    });
    const host = { name: "old", connect: () => current.connect(), policy };
    const old = world.startAll({ enclaves: [host] });
    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    const order = signSuccessionOrder(operator, domain, favoured ?? successor.checksum);
    try {
      await leaseHolder(old);
      for (const { listener } of old) await listener.until(({ event }) => event === "attested");
      await old[2][Symbol.asyncDispose]();
      let staying = old.slice(0, 2);
      let early: Closed["early"];
      if (twice) {
        for (const node of staying) await node[Symbol.asyncDispose]();
        const copies = [`${folder}/early-0`, `${folder}/early-1`];
        for (const [i, copy] of copies.entries()) await copyFolder(world.folders[i], copy);
        const start = (folders: readonly string[]) => {
          const first = world.start(0, [], { enclaves: [host], stateFolder: folders[0] });
          const more = { enclaves: [host], stateFolder: folders[1] };
          return [first, world.start(1, [first], more)];
        };
        const pair = start(copies);
        old.push(...pair);
        await leaseHolder(pair);
        early = { folder: copies[0], closing: await close(pair, order) };
        for (const node of pair) await node[Symbol.asyncDispose]();
        staying = start(world.folders);
        old.push(...staying);
        let leader = await leaseHolder(staying);
        while (leader.node.leader!.term < early.closing.term) {
          const heard = staying.map(({ listener }) => listener.said.length);
          leader.node.stepDown();
          leader = await leaseHolder(staying, heard);
        }
      }
      if (losesKey) {
        current = again;
        world.enclave.crash();
        for (const { listener } of staying) {
          await listener.until(({ event, fields }) =>
            event === "attested" && fields.kid === again.key.kid
          );
        }
      }
      const { term } = await close(staying, order);
      const description = await descriptionOf(successor);
      const more = { enclaves: [{ ...successor.host, policy }] };
      return new Closed(world, successor, description, term, newcomer, more, stack, early);
    } finally {
      for (const node of old) await node[Symbol.asyncDispose]();
    }
  }

  /** Starts a voter of the successor in this folder. */
  begin(
    stateFolder: string,
    seeds: readonly TestNode[],
    more: Partial<NodeOptions> = {},
  ): TestNode {
    return new TestNode(this.successor, seeds.map(({ node }) => node.address), {
      stateFolder,
      description: this.description,
      ...this.more,
      ...more,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

type Closing = NonNullable<NonNullable<TestNode["node"]["succession"]>["closing"]>;

/** Orders the nodes of an electorate to close it, and waits for that. */
async function close(nodes: readonly TestNode[], order: SuccessionOrderFile): Promise<Closing> {
  nodes[0].node.succeed(order);
  for (const node of nodes) await hears(node, "closed");
  return nodes[0].node.succession!.closing!;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The first such line of a node. */
function hears(node: TestNode, name: string) {
  return limited(name, [node], node.listener.until(({ event }) => event === name));
}

const said = ({ listener }: TestNode, name: string) =>
  listener.said.filter(({ event }) => event === name);

Deno.test("a voter that was down at the closing fetches it from the others, key and all, and its vote elects; nobody copies a file", async () => {
  await using closed = await Closed.start();
  const { world, term, newcomer } = closed;
  const first = closed.begin(world.folders[0], []);
  const second = closed.begin(world.folders[1], [first]);
  // Of four voters three are needed: without the one that was away there is no leader.
  const away = closed.begin(world.folders[2], [first]);
  const nodes = [first, second, away];
  try {
    const { fields } = await hears(away, "closing-found");
    deepStrictEqual([fields.term, fields.isClosing], [term, true]);
    strictEqual(said(away, "closing-awaited").length, 1);
    // The key that the enclave had at the closing came with its evidence.
    strictEqual(said(away, "key-taken").length, 1);
    const leader = await leaseHolder(nodes);
    ok(leader.node.leader!.term > term);
    ok(leader.node.leader!.document.bundle.length === 3);

    // Who never was in the old cluster begins with a certificate of the new one.
    const fresh = closed.begin(newcomer, [first]);
    nodes.push(fresh);
    const found = await hears(fresh, "closing-found");
    strictEqual(found.fields.isClosing, false);
    const [awaited] = said(fresh, "closing-awaited");
    match(awaited.message, /never was in that cluster and cannot judge it/);
    await hears(fresh, "leader");
    const heard = nodes.map(({ listener }) => listener.said.length);
    leader.node.stepDown();
    await leaseHolder(nodes, heard);
    deepStrictEqual(nodes.flatMap((node) => said(node, "certificate-refused")), []);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
  // On its disk as if it had been there: started again it has nothing to ask, and in the old function it stays closed.
  {
    await using again = closed.begin(world.folders[2], []);
    deepStrictEqual(said(again, "closing-awaited"), []);
  }
  await using old = world.start(2, []);
  strictEqual(old.node.succession?.closing?.term, term);
});

Deno.test("a closing certificate without its votes is refused, and the voter goes on waiting, without a vote or a term", async () => {
  await using closed = await Closed.start({ losesKey: false });
  const { folders } = closed.world;
  let isLying = true;
  const strip = (message: RosterMessage): RosterMessage =>
    message.kind === "certificate"
      ? { ...message, document: { ...message.document, bundle: [] } }
      : message;
  const middleman: Middleman = {
    sends: (message) => [isLying ? strip(message) : message],
    hears: () => true,
  };
  const liar = closed.begin(folders[0], [], { middleman });
  const away = closed.begin(folders[2], [liar]);
  try {
    const refused = await hears(away, "certificate-refused");
    match(refused.message, /0 of 3 nodes voted; 2 are needed/);
    deepStrictEqual([away.node.term, said(away, "closing-found").length], [0, 0]);
    strictEqual(said(away, "election-voted").length, 0);
    isLying = false;
    await hears(away, "closing-found");
  } finally {
    for (const node of [liar, away]) await node[Symbol.asyncDispose]();
  }
  // Who told it may be gone when the next one asks.
  using store = StateStore.open(folders[2]);
  ok(store.chain.all("test").some((kept) => kept.term === closed.term));
});

Deno.test("a voter whose predecessor was closed in favour of another function stops and says so", async () => {
  await using closed = await Closed.start({ favoured: new Uint8Array(32).fill(7) });
  const { world } = closed;
  // One that is closed and still runs: it has what the other asks for.
  const old = world.start(0, []);
  const away = closed.begin(world.folders[2], [old]);
  try {
    await rejects(away.node.stopped, /it was closed in favour of another function than/);
  } finally {
    for (const node of [old, away]) await node[Symbol.asyncDispose]();
  }
  using store = StateStore.open(world.folders[2]);
  strictEqual(store.rosters("test").length, 1);
});

Deno.test("of two closings in favour of one function the later counts: who began with the earlier takes it, and the earlier harms nobody", async () => {
  await using closed = await Closed.start({ losesKey: false, twice: true });
  const { world, term } = closed;
  const early = closed.early!;
  ok(early.closing.term < term);
  const middleman: Middleman = {
    sends: (message) => [{ kind: "certificate", document: early.closing.document }, message],
    hears: () => true,
  };
  // It has the earlier closing, and tells everybody of it all the time.
  const first = closed.begin(early.folder, [], { middleman });
  const second = closed.begin(world.folders[1], [first]);
  const nodes = [first, second];
  try {
    const { fields } = await hears(first, "closing-found");
    deepStrictEqual([fields.term, fields.isClosing], [term, true]);
    const away = closed.begin(world.folders[2], [first]);
    nodes.push(away);
    const leader = await leaseHolder(nodes);
    ok(leader.node.leader!.term > term);
    deepStrictEqual(said(second, "closing-found"), []);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});
