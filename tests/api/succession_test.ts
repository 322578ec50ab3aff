/** Succession of a roster cluster of real nodes: the order by the command, the closed electorate, and the successor with terms that go on. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { formatAddress } from "../../lib/base/address.ts";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import {
  formatSuccessionOrder,
  signSuccessionOrder,
  type SuccessionOrderFile,
} from "../../lib/certificate/mod.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { successionCommand } from "../../lib/cli/commands/succession.ts";
import { generateIdentity } from "../../lib/crypto/ed25519.ts";
import { runCommand, TestFolder } from "../certificate/_command.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";
import { descriptionOf, leaseHolder, type RosterWorld, rosterWorld } from "../node/_roster.ts";
import { Served, TOKEN } from "./_served.ts";

const operator = generateIdentity();
const OPERATOR_KEY = { operatorKey: base64url(operator.publicKey) };

/** The enclave of the successor: the same roster under another policy. */
function successorOf(world: RosterWorld): BareEnclave {
  const succeeds = hex(world.enclave.checksum);
  return new BareEnclave("random", { ...world.clusterJson, policy: "highest", succeeds });
}

async function serve({ node }: TestNode): Promise<ApiServer> {
  return await ApiServer.start({
    at: { host: "127.0.0.1", port: 0 },
    node,
    routes: ROUTES,
    token: TOKEN,
  });
}

/** `fumata succession --give`. */
async function give(order: SuccessionOrderFile, server: ApiServer) {
  using folder = new TestFolder();
  const flags = [
    ...["--give", folder.write("order.json", formatSuccessionOrder(order))],
    ...["--node", formatAddress(server.address)],
    ...["--token-file", folder.write("token", TOKEN)],
  ];
  return await runCommand(successionCommand, ...flags);
}

for (const n of [1, 3]) {
  Deno.test(`n = ${n}: the electorate closes, and the successor goes on in the same state folders with higher terms`, async () => {
    await using world = await rosterWorld(n, 0, OPERATOR_KEY);
    await using successor = successorOf(world);
    const description = await descriptionOf(successor);
    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    const order = signSuccessionOrder(operator, domain, successor.checksum);
    const old = world.startAll();
    let closedIn: number;
    try {
      const leader = await leaseHolder(old);
      const { term } = leader.node.leader!;
      await using server = await serve(old[0]);
      const { code, out } = await give(order, server);
      strictEqual(code, 0);
      const [, closing, to] = /^closed in term (\d+) in favour of (\S+)\n$/.exec(out)!;
      closedIn = Number(closing);
      ok(closedIn > term);
      strictEqual(to, hex(successor.checksum));
      for (const { listener, node } of old) {
        await listener.until(({ event }) => event === "closed");
        deepStrictEqual([node.leader, node.leaseRemainingMs()], [undefined, 0]);
      }
      // Given again it is answered at once; another one is refused.
      strictEqual((await give(order, server)).out, out);
      const another = signSuccessionOrder(operator, domain, new Uint8Array(32));
      await rejects(give(another, server), /an earlier order is in force/);
    } finally {
      for (const node of old) await node[Symbol.asyncDispose]();
    }

    const first = new TestNode(successor, [], { stateFolder: world.folders[0], description });
    const rest = world.folders.slice(1).map((stateFolder) =>
      new TestNode(successor, [first.node.address], { stateFolder, description })
    );
    const nodes = [first, ...rest];
    try {
      const leader = await leaseHolder(nodes);
      ok(leader.node.leader!.term > closedIn);
      for (const { listener } of nodes) {
        await listener.until(({ event, fields }) =>
          event === "leader" && Number(fields.term) > closedIn
        );
      }
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
    // It stays closed for whoever starts the old function again, and a successor restarts from its own history.
    await using again = world.start(0, []);
    deepStrictEqual(again.node.succession?.closing?.term, closedIn);
    strictEqual(again.node.leader, undefined);
  });
}

Deno.test("a node refuses the successor in its state folder before the electorate is closed", async () => {
  await using world = await rosterWorld(1, 0, OPERATOR_KEY);
  await using successor = successorOf(world);
  const description = await descriptionOf(successor);
  const [node] = world.startAll();
  await leaseHolder([node]);
  await node[Symbol.asyncDispose]();
  let message = "";
  try {
    await using _node = new TestNode(successor, [], { stateFolder: world.folders[0], description });
  } catch (thrown) {
    message = (thrown as Error).message;
  }
  match(message, /was not closed in favour of it; run "fumata succession"/);
});

Deno.test("an order is refused by whom it is not for, and with a foreign signature", async () => {
  await using world = await rosterWorld(1, 0, OPERATOR_KEY);
  const [node] = world.startAll();
  try {
    await using server = await serve(node);
    const { checksum } = world.enclave;
    const successor = new Uint8Array(32).fill(7);
    const domain = { checksum, cluster: "test" };
    const cases: [RegExp, SuccessionOrderFile][] = [
      [
        /for cluster "other"/,
        signSuccessionOrder(operator, { checksum, cluster: "other" }, successor),
      ],
      [
        /it closes function 0707/,
        signSuccessionOrder(operator, { checksum: successor, cluster: "test" }, checksum),
      ],
      [/this function itself/, signSuccessionOrder(operator, domain, checksum)],
      [/not by the operatorKey/, signSuccessionOrder(generateIdentity(), domain, successor)],
    ];
    for (const [words, order] of cases) {
      await rejects(give(order, server), (error: FumataError) => {
        match(error.message, words);
        return error.code === "refused";
      });
    }
    strictEqual(node.node.succession, undefined);
  } finally {
    await node[Symbol.asyncDispose]();
  }
});

Deno.test("without an operator's key in cluster.json, and in an open cluster, there is no succession", async () => {
  await using world = await rosterWorld(1, 0);
  const [node] = world.startAll();
  await using served = await Served.start();
  try {
    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    const order = signSuccessionOrder(operator, domain, new Uint8Array(32));
    await using server = await serve(node);
    await rejects(give(order, server), /names no operatorKey/);
    await rejects(give(order, served.server), /this cluster is open/);
    strictEqual((await served.post("/v1/succession", {}, TOKEN)).status, 400);
    deepStrictEqual((await served.get("/v1/succession")).body, null);
  } finally {
    await node[Symbol.asyncDispose]();
  }
});
