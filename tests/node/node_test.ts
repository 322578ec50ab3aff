import { ok, rejects, strictEqual } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { BareEnclave, evidenceOf, TestNode } from "./_cluster.ts";

Deno.test("two nodes find each other and respect the same verified leader", async () => {
  await using enclave = new BareEnclave("highest");
  await using a = new TestNode(enclave, [], { name: "n:1" });
  await using b = new TestNode(enclave, [a.node.address], { name: "n:2" });
  strictEqual(await a.leader(2), "n:2");
  strictEqual(await b.leader(2), "n:2");
  ok(b.listener.said.some((said) => said.message.startsWith("this node is the leader of term")));
  strictEqual(a.node.leader?.id, b.node.leader?.id);
});

Deno.test("a third node joins and, being the highest, becomes the leader; when it leaves, the rest elect", async () => {
  await using enclave = new BareEnclave("highest");
  await using a = new TestNode(enclave, [], { name: "n:1" });
  await using b = new TestNode(enclave, [a.node.address], { name: "n:2" });
  await Promise.all([a.leader(2), b.leader(2)]);
  await using c = new TestNode(enclave, [a.node.address], { name: "n:10" });
  strictEqual(await a.leader(3), "n:10");
  strictEqual(await b.leader(3), "n:10");
  strictEqual(await c.leader(3), "n:10");
  const [heardA, heardB] = [a.listener.said.length, b.listener.said.length];
  await c.node.leave();
  strictEqual(await a.leader(2, heardA), "n:2");
  strictEqual(await b.leader(2, heardB), "n:2");
  ok(a.listener.said.some((said) => said.event === "member-leave"));
});

Deno.test("when the leader falls silent the rest elect another one", async () => {
  await using enclave = new BareEnclave("highest");
  await using a = new TestNode(enclave, [], { name: "n:1" });
  await using b = new TestNode(enclave, [a.node.address], { name: "n:2" });
  const c = new TestNode(enclave, [a.node.address], { name: "n:3" });
  await Promise.all([a.leader(3), b.leader(3), c.leader(3)]);
  const term = a.node.leader!.term;
  const [heardA, heardB] = [a.listener.said.length, b.listener.said.length];
  await c[Symbol.asyncDispose]();
  strictEqual(await a.leader(2, heardA), "n:2");
  strictEqual(await b.leader(2, heardB), "n:2");
  ok(a.node.leader!.term > term);
});

Deno.test("a node that restarts is the same node and keeps its head", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using enclave = new BareEnclave("highest");
    const first = new TestNode(enclave, [], { name: "n:1", stateFolder: `${folder}/a` });
    await first.leader(1);
    const { id } = first.node;
    const certificate = first.node.leader!.id;
    await first[Symbol.asyncDispose]();
    enclave.up = false;
    await using again = new TestNode(enclave, [], { name: "n:1", stateFolder: `${folder}/a` });
    strictEqual(again.node.id, id);
    // The enclave is away: the certificate is verified under the key whose evidence was verified before.
    await again.leader(1);
    strictEqual(again.node.leader?.id, certificate);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("nodes gossip on while the enclave is away and elect when it is back", async () => {
  await using enclave = new BareEnclave("random");
  enclave.up = false;
  await using a = new TestNode(enclave, []);
  await using b = new TestNode(enclave, [a.node.address]);
  await a.listener.until(({ event }) => event === "member-join");
  await a.listener.until(({ event }) => event === "enclave-unreachable");
  strictEqual(a.listener.said.filter(({ event }) => event === "enclave-unreachable").length, 1);
  enclave.up = true;
  strictEqual(await a.leader(2), await b.leader(2));
});

Deno.test("a refusal before anything was attested stops the node with the reason", async () => {
  await using enclave = new BareEnclave("random");
  const refusal = new FumataError("refused", "Cannot trust the enclave: wrong checksum");
  await using node = new TestNode(enclave, [], {
    enclaves: [{ name: "e", connect: () => Promise.reject(refusal) }],
  });
  await rejects(node.node.stopped, refusal);
});

Deno.test("nodes of two clusters or two functions do not hear or do not follow each other", async () => {
  await using enclave = new BareEnclave("highest");
  await using a = new TestNode(enclave, [], { name: "n:1" });
  await a.leader(1);
  await using stranger = new TestNode(enclave, [a.node.address], { cluster: "other" });
  await stranger.listener.until(({ event }) => event === "seeds-unreachable");
  strictEqual(a.node.members().length, 0);
});

Deno.test("a certificate that names another TEE than its key's evidence is refused", async () => {
  await using enclave = new BareEnclave("random");
  await using node = new TestNode(enclave, [], {
    enclaves: [{
      name: "liar",
      connect: async () => ({ ...(await enclave.connect()), evidence: evidenceOf("nitro") }),
    }],
  });
  const said = await node.listener.until(({ event }) => event === "certificate-refused");
  ok(/simulated/.test(said.message), said.message);
  strictEqual(node.node.leader, undefined);
});
