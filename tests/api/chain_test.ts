/**
 * What auditors take from a node: a chain over a dead leader and a succession to another roster, audited offline; a voter that only the new
 * roster names; a certificate with its evidence; proof of a lie.
 */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { formatAddress } from "../../lib/base/address.ts";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { signSuccessionOrder } from "../../lib/certificate/mod.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { auditCommand } from "../../lib/cli/commands/audit.ts";
import { certificateCommand } from "../../lib/cli/commands/certificate.ts";
import { chainCommand } from "../../lib/cli/commands/chain.ts";
import { successionCommand } from "../../lib/cli/commands/succession.ts";
import { verifyCommand } from "../../lib/cli/commands/verify.ts";
import { doubleVoter } from "../../lib/cli/demo/double_voter.ts";
import { generateIdentity } from "../../lib/crypto/ed25519.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import { runCommand, TestFolder } from "../certificate/_command.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";
import {
  descriptionOf,
  keyOf,
  leaseHolder,
  type RosterWorld,
  rosterWorld,
} from "../node/_roster.ts";
import { Served } from "./_served.ts";

const operator = generateIdentity();
const OPERATOR_KEY = { operatorKey: base64url(operator.publicKey) };
const VERSION = "1";

async function serve({ node }: TestNode): Promise<ApiServer> {
  return await ApiServer.start({ at: { host: "127.0.0.1", port: 0 }, node, routes: ROUTES });
}

const disposeAll = async (nodes: readonly TestNode[]) => {
  for (const node of nodes) await node[Symbol.asyncDispose]();
};

/** What a verifier pins, as a file. */
function policyOf(folder: TestFolder, tee: SimulatedTee): string {
  const { measurements, rootPem } = tee;
  return folder.write("policy.json", {
    platform: "simulated",
    measurements,
    insecureSimulatedRoot: rootPem,
  });
}

/** Waits until a node keeps the certificate. */
async function keeps({ listener }: TestNode, certificateId: string): Promise<void> {
  await listener.until(({ event, fields }) =>
    event === "certificate-kept" && fields.certificateId === certificateId
  );
}

/** The successor's roster: without the first voter, with a new one. */
function successorOf(world: RosterWorld, newcomer: string): BareEnclave {
  const { roster } = world.clusterJson as { roster: object[] };
  return new BareEnclave("random", {
    ...world.clusterJson,
    roster: [...roster.slice(1), { name: "n9", key: keyOf(newcomer) }],
    succeeds: hex(world.enclave.checksum),
  });
}

Deno.test("the chain over a dead leader and a succession to another roster is sound, also as a voter tells it who is new", async () => {
  using folder = new TestFolder();
  const tee = await openSimulatedTee({ folder: `${folder.path}/tee`, version: VERSION });
  const policy = policyOf(folder, tee);
  await using world = await rosterWorld(3, 0, OPERATOR_KEY);
  world.enclave.tee = tee;
  const newcomer = `${folder.path}/newcomer`;
  await using successor = successorOf(world, newcomer);
  successor.tee = tee;
  const oldZip = folder.write("old.zip", world.enclave.zip);
  const newZip = folder.write("new.zip", successor.zip);

  const old = world.startAll();
  let chainFile: string;
  try {
    const leader = await leaseHolder(old);
    const { id: firstId } = leader.node.leader!;
    for (const node of old) await keeps(node, firstId);
    const rest = old.filter((node) => node !== leader);
    const heard = rest.map((node) => node.listener.said.length);
    await leader[Symbol.asyncDispose]();
    const next = await leaseHolder(rest, heard);
    const { id: secondId } = next.node.leader!;
    // Back again it catches up with what it missed, and not only with the last one.
    const now = rest.map((node) => node.listener.said.length);
    next.node.stepDown();
    const last = await leaseHolder(rest, now);
    const index = old.indexOf(leader);
    old[index] = world.start(index, rest);
    await keeps(old[index], last.node.leader!.id);
    await keeps(old[index], secondId);

    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    const order = signSuccessionOrder(operator, domain, successor.checksum);
    rest[0].node.succeed(order);
    for (const { listener } of old) await listener.until(({ event }) => event === "closed");
    await using server = await serve(old[index]);
    const { out } = await runCommand(chainCommand, "--node", formatAddress(server.address));
    chainFile = folder.write("chain.json", out);
  } finally {
    await disposeAll(old);
  }
  const pins = ["--policy", policy];
  const audited = await runCommand(auditCommand, chainFile, "--package", oldZip, ...pins);
  match(audited.out, /closes in favour of function/);
  match(audited.out, /^sound: /m);

  const description = await descriptionOf(successor);
  const begin = () => new TestNode(successor, [], { stateFolder: newcomer, description });
  {
    await using early = begin();
    const { message } = await early.listener.until(({ event }) => event === "closing-awaited");
    match(message, /closing certificate of function .* is not in .*succession --import/);
  }
  const words = ["--import", chainFile, "--package", oldZip, ...pins, "--folder", newcomer];
  match((await runCommand(successionCommand, ...words)).out, /^closed in term \d+; /);
  strictEqual((await runCommand(successionCommand, ...words)).code, 0);

  const first = begin();
  const nodes = [
    first,
    ...world.folders.slice(1).map((stateFolder) =>
      new TestNode(successor, [first.node.address], { stateFolder, description })
    ),
  ];
  try {
    const leader = await leaseHolder(nodes);
    await keeps(first, leader.node.leader!.id);
    await using server = await serve(first);
    const { out } = await runCommand(chainCommand, "--node", formatAddress(server.address));
    const whole = folder.write("whole.json", out);
    const packages = ["--package", oldZip, "--package", newZip];
    const found = await runCommand(auditCommand, whole, ...packages, ...pins, "--json");
    const { sound, chain, offChain } = JSON.parse(found.out);
    deepStrictEqual([found.code, sound, offChain], [0, true, []]);
    ok(chain.length >= 5);
    deepStrictEqual(
      [...new Set(chain.map((link: { checksum: string }) => link.checksum))],
      [hex(world.enclave.checksum), hex(successor.checksum)],
    );
    // Without the successor's package its part is not vouched for.
    strictEqual((await runCommand(auditCommand, whole, "--package", oldZip, ...pins)).code, 3);
  } finally {
    await disposeAll(nodes);
  }
});

Deno.test("a chain is imported only when it verifies under the predecessor's package, and holds its closing", async () => {
  using folder = new TestFolder();
  const tee = await openSimulatedTee({ folder: `${folder.path}/tee`, version: VERSION });
  await using world = await rosterWorld(1, 0, OPERATOR_KEY);
  world.enclave.tee = tee;
  const [node] = world.startAll();
  const pins = ["--policy", policyOf(folder, tee)];
  const zip = folder.write("old.zip", world.enclave.zip);
  const target = `${folder.path}/target`;
  const attempt = async (chain: unknown, path = zip) => {
    const file = folder.write("chain.json", chain);
    const flags = ["--import", file, "--package", path, ...pins, "--folder", target];
    let message = "";
    await rejects(runCommand(successionCommand, ...flags), (error: FumataError) => {
      message = error.message;
      return true;
    });
    return message;
  };
  try {
    await leaseHolder([node]);
    await keeps(node, node.node.leader!.id);
    await using server = await serve(node);
    const read = async () => {
      const { out } = await runCommand(chainCommand, "--node", formatAddress(server.address));
      return JSON.parse(out);
    };
    const open = await read();
    match(await attempt(open), /is not closed in it/);
    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    node.node.succeed(signSuccessionOrder(operator, domain, new Uint8Array(32)));
    await node.listener.until(({ event }) => event === "closed");
    const closed = await read();
    const [{ certificate }] = closed.chain.slice(-1);
    match(
      await attempt({ ...closed, chain: [{ certificate, bundle: [] }] }),
      /0 of 1 nodes voted; 1 are needed/,
    );
    match(await attempt({ ...closed, evidence: [] }), /Cannot trust the evidence: there is none/);
    await using other = new BareEnclave("random", { ...world.clusterJson, policy: "highest" });
    match(await attempt(closed, folder.write("other.zip", other.zip)), /Cannot trust the evidence/);
  } finally {
    await node[Symbol.asyncDispose]();
  }
});

Deno.test("a certificate with its evidence is verified elsewhere by the pins alone", async () => {
  using folder = new TestFolder();
  const tee = await openSimulatedTee({ folder: `${folder.path}/tee`, version: VERSION });
  await using world = await rosterWorld(1, 0);
  world.enclave.tee = tee;
  const [node] = world.startAll();
  try {
    await leaseHolder([node]);
    await using server = await serve(node);
    const at = formatAddress(server.address);
    const pins = [
      ...["--package", folder.write("function.zip", world.enclave.zip)],
      ...["--policy", policyOf(folder, tee)],
    ];
    const { out } = await runCommand(certificateCommand, "--node", at, "--evidence");
    const verified = await runCommand(verifyCommand, folder.write("leader.json", out), ...pins);
    strictEqual(verified.code, 0);
    const bare = await runCommand(certificateCommand, "--node", at);
    await rejects(
      runCommand(verifyCommand, folder.write("bare.json", bare.out), ...pins),
      /Cannot trust the evidence: there is none/,
    );
    // The keys alone are worth what the user's word is worth.
    const keys = await (await fetch(`http://${at}/v1/keys`)).text();
    const vouched = ["--package", pins[1], "--keys", folder.write("keys.json", keys)];
    strictEqual(
      (await runCommand(verifyCommand, folder.write("b.json", bare.out), ...vouched)).code,
      0,
    );
    const unknown = await (await fetch(`http://${at}/v1/attestation?kid=none`)).json();
    deepStrictEqual(unknown, { keys: [], evidence: [] });
  } finally {
    await node[Symbol.asyncDispose]();
  }
});

Deno.test("an open cluster has keys, and no chain", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  strictEqual((await served.get("/v1/keys")).body.keys.length, 1);
  const { status, body } = await served.get("/v1/chain");
  strictEqual(status, 409);
  match(body.error.message, /this cluster is open/);
});

Deno.test("a voter that signs twice in one term is proven a liar at GET /v1/evidence", async () => {
  await using world = await rosterWorld(4, 1);
  const domain = { checksum: world.enclave.checksum, cluster: "test" };
  const identity = (() => {
    using store = StateStore.open(world.folders[3]);
    return store.identity;
  })();
  const first = world.start(0, []);
  // Without the third there is no quorum without the liar: it has to vote.
  const honest = [first, world.start(1, [first])];
  const liar = world.start(3, [first], { middleman: doubleVoter(identity, domain) });
  const nodes = [...honest, liar];
  try {
    await leaseHolder(nodes);
    const seen = await Promise.any(
      honest.map(async (node) => {
        await node.listener.until(({ event }) => event === "fork-evidence");
        return node;
      }),
    );
    await using server = await serve(seen);
    const answer = await fetch(`http://${formatAddress(server.address)}/v1/evidence`);
    const { evidence } = await answer.json();
    strictEqual(evidence[0].type, "votes");
    strictEqual(evidence[0].liar, identity.id);
  } finally {
    await disposeAll(nodes);
  }
});
