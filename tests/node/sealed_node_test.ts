/** Nodes with cluster keys: who has no key is not heard, and keys change while nodes run. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import { base64 } from "../../lib/base/bytes.ts";
import { KeyringFile } from "../../lib/node/keyring_file.ts";
import { clusterKey, withKey, withoutKey, withPrimary } from "../../lib/wire/keyring.ts";
import { BareEnclave, TestNode } from "./_cluster.ts";

const secret = (seed: number) => new Uint8Array(32).fill(seed);
const id = (seed: number) => clusterKey(secret(seed)).id;

async function inFolder(work: (keyFile: (...seeds: number[]) => string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  let files = 0;
  try {
    await work((...seeds) => {
      const path = `${folder}/${files++}.key`;
      const text = seeds.map((seed) => base64(secret(seed)) + "\n").join("");
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
      return path;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("keys are changed under running nodes, which hear each other all the time", () =>
  inFolder(async (keyFile) => {
    await using enclave = new BareEnclave("highest");
    const fileA = keyFile(1);
    await using a = new TestNode(enclave, [], { name: "n:1", keyFile: fileA });
    await using b = new TestNode(enclave, [a.node.address], { name: "n:2", keyFile: keyFile(1) });
    await Promise.all([a.leader(2), b.leader(2)]);
    for (const { node } of [a, b]) node.changeKeyring((keys) => withKey(keys, secret(2)));
    a.node.changeKeyring((keys) => withPrimary(keys, id(2)));
    // One seals with the new key, the other still with the old one, and a third joins with both.
    await using c = new TestNode(enclave, [b.node.address], {
      name: "n:3",
      keyFile: keyFile(1, 2),
    });
    await Promise.all([a.leader(3), b.leader(3), c.leader(3)]);
    for (const { node } of [b, c]) node.changeKeyring((keys) => withPrimary(keys, id(2)));
    for (const { node } of [a, b, c]) node.changeKeyring((keys) => withoutKey(keys, id(1)));
    await using d = new TestNode(enclave, [c.node.address], { name: "n:4", keyFile: keyFile(2) });
    await Promise.all([a.leader(4), b.leader(4), c.leader(4), d.leader(4)]);
    strictEqual(Deno.readTextFileSync(fileA), base64(secret(2)) + "\n");
    strictEqual(Deno.statSync(fileA).mode! & 0o777, 0o600);
    for (const { listener, node } of [a, b, c, d]) {
      ok(!listener.said.some(({ event }) => event === "member-fail"));
      strictEqual(node.drops.seal, 0);
      ok(listener.said.every(({ message }) => !message.includes(base64(secret(2)))));
    }
  }));

Deno.test("who has no key, another key or another cluster is not heard, and counted", () =>
  inFolder(async (keyFile) => {
    await using enclave = new BareEnclave("highest");
    await using node = new TestNode(enclave, [], { keyFile: keyFile(1) });
    const seeds = [node.node.address];
    await using bare = new TestNode(enclave, seeds);
    await using other = new TestNode(enclave, seeds, { keyFile: keyFile(2) });
    await using foreign = new TestNode(enclave, seeds, { keyFile: keyFile(1), cluster: "other" });
    const cutOff = [bare, other, foreign];
    await Promise.all(
      cutOff.map(({ listener }) => listener.until(({ event }) => event === "seeds-unreachable")),
    );
    const { drops } = node.node;
    for (const reason of ["unsealed", "unknown-key", "seal"] as const) {
      ok(drops[reason] > 0, reason);
    }
    strictEqual(node.node.members().length, 0);
    // No answer at all: what is not authenticated gets none.
    for (const { node } of cutOff) deepStrictEqual(Object.values(node.drops).filter(Boolean), []);
  }));

Deno.test("a node says at start whether gossip can be read, and never a key", () =>
  inFolder(async (keyFile) => {
    await using enclave = new BareEnclave("highest");
    await using bare = new TestNode(enclave, []);
    await using sealed = new TestNode(enclave, [], { keyFile: keyFile(1) });
    const said = (node: TestNode, event: string) =>
      node.listener.said.filter((said) => said.event === event).length;
    deepStrictEqual([said(bare, "gossip-readable"), said(bare, "gossip-sealed")], [1, 0]);
    deepStrictEqual([said(sealed, "gossip-readable"), said(sealed, "gossip-sealed")], [0, 1]);
    throws(() => bare.node.changeKeyring((keys) => keys), /start it with --encrypt/);
  }));

Deno.test("a key file that others can read is said", () =>
  inFolder(async (keyFile) => {
    const path = keyFile(1);
    Deno.chmodSync(path, 0o644);
    await using enclave = new BareEnclave("highest");
    await using node = new TestNode(enclave, [], { keyFile: path });
    match(
      node.listener.said.find(({ event }) => event === "key-file-exposed")!.message,
      /others can read the key file/,
    );
  }));

Deno.test("a key file is refused line by line, without quoting keys", () =>
  inFolder(async (keyFile) => {
    const path = keyFile(1);
    const refusals: [string, RegExp][] = [
      ["", /it holds no key/],
      [base64(secret(1)) + "\nnot a key\n", /line 2 is no key of 32 bytes in base64/],
      [base64(new Uint8Array(31)), /line 1 is no key/],
      ["x".repeat(5000), /it has 5000 bytes/],
    ];
    for (const [text, message] of refusals) {
      Deno.writeTextFileSync(path, text);
      throws(() => KeyringFile.open(path), (error: Error) => {
        match(error.message, message);
        ok(!error.message.includes(base64(secret(1))));
        return true;
      });
    }
    throws(() => KeyringFile.open(`${path}.none`), /there is no such file/);
    await Deno.remove(path);
    const id = KeyringFile.create(path);
    strictEqual(KeyringFile.open(path).keyring[0].id, id);
    strictEqual(Deno.statSync(path).mode! & 0o777, 0o600);
    throws(() => KeyringFile.create(path), /it is there already/);
  }));

Deno.test("a change that cannot be written does not count", () =>
  inFolder(async (keyFile) => {
    const path = keyFile(1);
    const file = KeyringFile.open(path);
    await Deno.mkdir(`${path}.new`);
    throws(() => file.change((keys) => withKey(keys, secret(2))), /the keys stay as they were/);
    deepStrictEqual(file.keyring.map((key) => key.id), [id(1)]);
    strictEqual(KeyringFile.open(path).keyring.length, 1);
  }));
