/** Two enclave hosts of real processes, each with a token, a root and a function id of its own, under one node of a roster. */
import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert";
import { base64url } from "../../lib/base/bytes.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { type Program, Sandbox } from "./program.ts";

const FUNCTION = new URL("../../function/leader-election/", import.meta.url);

/** A host with the function on it; the flags by which a node uses it. */
async function host(sandbox: Sandbox, name: string, folder: string) {
  const profile = `${sandbox.folder}/${name}.json`;
  const program = sandbox.start(
    ...["enclave", "--port", "0", "--data", `${sandbox.folder}/${name}`],
    ...["--no-profile", "--profile-out", profile],
  );
  await program.line(/listening|ready|http:\/\//);
  const deployed = await sandbox.run("deploy", folder, "-o", "json", "--profile", profile);
  strictEqual(deployed.code, 0, deployed.err);
  const { function_id, function_checksum } = JSON.parse(deployed.out);
  return {
    program,
    checksum: String(function_checksum),
    flags: ["--profile", profile, "--function", String(function_id)],
  };
}

async function rosterFunction(folder: string, key: string): Promise<string> {
  await Deno.mkdir(folder);
  for await (const { name } of Deno.readDir(FUNCTION)) {
    await Deno.copyFile(new URL(name, FUNCTION), `${folder}/${name}`);
  }
  const cluster = {
    cluster: "two-hosts",
    roster: [{ name: "n0", key }],
    faultBound: 0,
    policy: "random",
    lease: { leaseMs: 2_000, driftPpm: 500 },
  };
  await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(cluster));
  return folder;
}

async function leaseOf(node: Program): Promise<Record<string, unknown>> {
  const [line] = await node.line(/^.*"event":"leader".*$/);
  await node.line(/"event":"lease-held"/);
  const { document } = JSON.parse(line);
  const [header] = document.certificate.split(".");
  return JSON.parse(atob(header.replaceAll("-", "+").replaceAll("_", "/")));
}

Deno.test("when one of two enclave hosts is lost for good, the next certificate is by the other's key", async () => {
  await using sandbox = await Sandbox.create();
  const state = `${sandbox.folder}/n0`;
  const folder = await rosterFunction(`${sandbox.folder}/election`, keyOf(state));
  const one = await host(sandbox, "one", folder);
  const two = await host(sandbox, "two", folder);
  try {
    strictEqual(one.checksum, two.checksum);
    const start = (...hosts: { readonly flags: readonly string[] }[]) =>
      sandbox.start(
        ...["node", "-p", "0", "--name", "n0", "--cluster", "two-hosts", "--state", state],
        ...["--checksum", one.checksum, ...hosts.flatMap(({ flags }) => flags)],
        ...["--log", "json", "--log-level", "debug"],
      );
    {
      // So that it is the first host's key that the chain begins with.
      await using first = start(one);
      await leaseOf(first);
    }
    await using node = start(one, two);
    const before = await leaseOf(node);
    const attested = new RegExp(`"event":"attested".*"kid":"${before.kid}"`);
    if (!node.lines.some((line) => attested.test(line))) await node.line(attested);
    one.program.signal("SIGKILL");
    await node.line(/"event":"enclave-key-lost"/);
    const { code, out, err } = await sandbox.run("step-down", "--folder", state);
    strictEqual(code, 0, err);
    deepStrictEqual(/^stepped down from term \d+\n$/.test(out), true);
    const after = await leaseOf(node);
    notStrictEqual(after.kid, before.kid);
  } finally {
    await one.program[Symbol.asyncDispose]();
    await two.program[Symbol.asyncDispose]();
  }
});

function keyOf(folder: string): string {
  using store = StateStore.open(folder);
  return base64url(store.identity.publicKey);
}
