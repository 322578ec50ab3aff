/** The README's walkthrough as a user types it, with real processes: keygen, enclave, deploy, nodes, a wrong checksum, Ctrl-C. */
import { match, ok, strictEqual } from "node:assert";
import { type Program, Sandbox } from "./program.ts";

interface Setting {
  readonly sandbox: Sandbox;
  readonly enclave: Program;
  readonly id: string;
  readonly checksum: string;
}

/** An enclave host with the election function on it; the profile is in the sandbox's home. */
async function setting(sandbox: Sandbox, ...deployFlags: string[]): Promise<Setting> {
  const enclave = sandbox.start("enclave", "--port", "0");
  await enclave.line(/enclave host at (http:\S+)/);
  const words = ["deploy", "function/leader-election", "-o", "json", ...deployFlags];
  const deployed = await sandbox.run(...words);
  strictEqual(deployed.code, 0, deployed.err);
  await Deno.writeTextFile(`${sandbox.folder}/leader_election.json`, deployed.out);
  const { function_id: id, function_checksum: checksum } = JSON.parse(deployed.out);
  return { sandbox, enclave, id, checksum };
}

async function startNode(sandbox: Sandbox, ...words: string[]): Promise<[Program, string]> {
  const node = sandbox.start("node", "-p", "0", ...words);
  const [, address] = await node.line(/node (127\.0\.0\.1:\d+) in cluster/);
  return [node, address];
}

Deno.test("the walkthrough: two nodes agree on a verified leader, a third joins, Ctrl-C leaves, the rest elect again", async () => {
  await using sandbox = await Sandbox.create();
  const { enclave, id, checksum } = await setting(sandbox);
  await using _enclave = enclave;
  const [a, addressA] = await startNode(sandbox, "-f", id, "-fh", checksum);
  await using _a = a;
  const [b, addressB] = await startNode(
    sandbox,
    "-n",
    addressA,
    "--function-json",
    "leader_election.json",
  );
  await using _b = b;
  const highest = [addressA, addressB].sort((x, y) => portOf(y) - portOf(x))[0];
  for (const [node, address] of [[a, addressA], [b, addressB]] as const) {
    const [line] = await node.line(
      address === highest
        ? /this node is the leader of term \d+, verified \(2 of 2/
        : /leader of term \d+: \S+ verified \(2 of 2/,
    );
    ok(address === highest || line.includes(highest), line);
  }
  const [c, addressC] = await startNode(sandbox, "-n", addressA, "-f", id, "-fh", checksum);
  await using _c = c;
  for (const node of [a, b, c]) await node.line(/leader of term \d+.*verified \([23] of 3/);
  c.signal("SIGINT");
  const left = await c.finished();
  strictEqual(left.code, 0, left.err);
  match(left.out, /leaving the cluster\n.*left the cluster/);
  await a.line(new RegExp(`${addressC} left`));
  for (const node of [a, b]) await node.line(/leader of term \d+.*verified \(2 of 2/);
  for (const node of [a, b]) {
    node.signal("SIGINT");
    strictEqual((await node.finished()).code, 0);
  }
  enclave.signal("SIGINT");
  strictEqual((await enclave.finished()).code, 0);
});

Deno.test("a node with the wrong checksum is refused with what was expected and what came, exit code 3", async () => {
  await using sandbox = await Sandbox.create();
  const { enclave, id, checksum } = await setting(sandbox);
  await using _enclave = enclave;
  const wrong = "ab".repeat(32);
  const refused = await sandbox.run("node", "-p", "0", "-f", id, "-fh", wrong);
  strictEqual(refused.code, 3, refused.err);
  strictEqual(refused.err.trim().split("\n").length, 1, refused.err);
  match(refused.err, new RegExp(checksum));
  match(refused.err, new RegExp(wrong));
});

Deno.test("a node that was not told to trust a simulated TEE refuses it, exit code 3", async () => {
  await using sandbox = await Sandbox.create();
  const { enclave, id, checksum } = await setting(sandbox);
  await using _enclave = enclave;
  const profile = JSON.parse(
    await Deno.readTextFile(`${sandbox.folder}/config/fumata/profile.json`),
  );
  await Deno.remove(`${sandbox.folder}/config`, { recursive: true });
  await Deno.writeTextFile(`${sandbox.folder}/token`, profile.token);
  const refused = await sandbox.run(
    ...["node", "-p", "0", "-f", id, "-fh", checksum],
    ...["--enclave", profile.enclave, "--token-file", "token"],
  );
  strictEqual(refused.code, 3, refused.err);
  strictEqual(refused.err.trim().split("\n").length, 1, refused.err);
});

Deno.test("a node whose enclave is down says so once and gossips on", async () => {
  await using sandbox = await Sandbox.create();
  const { enclave, id, checksum } = await setting(sandbox, "--policy", "random");
  enclave.signal("SIGTERM");
  strictEqual((await enclave.finished()).code, 0);
  const [a, addressA] = await startNode(sandbox, "-f", id, "-fh", checksum);
  await using _a = a;
  const [b] = await startNode(sandbox, "-n", addressA, "-f", id, "-fh", checksum);
  await using _b = b;
  await a.line(/warning: .*gossip goes on, next try in/);
  await b.line(/joined/);
  strictEqual(a.lines.filter((line) => line.includes("gossip goes on")).length, 1);
});

Deno.test("a port in use is named, exit code 1", async () => {
  await using sandbox = await Sandbox.create();
  const { enclave, id, checksum } = await setting(sandbox);
  await using _enclave = enclave;
  const [a, address] = await startNode(sandbox, "-f", id, "-fh", checksum);
  await using _a = a;
  const port = String(portOf(address));
  const second = await sandbox.run("node", "-p", port, "-f", id, "-fh", checksum);
  strictEqual(second.code, 1);
  match(second.err, new RegExp(`Cannot listen on TCP port ${address}: it is in use`));
});

Deno.test("a state folder that is not ours is refused, exit code 1", async () => {
  await using sandbox = await Sandbox.create();
  const { enclave, id, checksum } = await setting(sandbox);
  await using _enclave = enclave;
  await Deno.mkdir(`${sandbox.folder}/pictures`);
  await Deno.writeTextFile(`${sandbox.folder}/pictures/cat.png`, "");
  const node = ["node", "-p", "0", "-f", id, "-fh", checksum, "--state", "pictures"];
  const refused = await sandbox.run(...node);
  strictEqual(refused.code, 1);
  match(refused.err, /Cannot use the state folder "pictures": it holds other files \(cat.png/);
});

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}
