/** Commands that talk to running nodes, with real processes: asking, joining, changing keys, moving, leaving. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { type Finished, type Program, Sandbox } from "./program.ts";

async function deployed(sandbox: Sandbox): Promise<Program> {
  const enclave = sandbox.start("enclave", "--port", "0");
  await enclave.line(/enclave host at (http:\S+)/);
  const words = ["deploy", "function/leader-election", "-o", "json", "--policy", "highest"];
  const { code, out, err } = await sandbox.run(...words);
  strictEqual(code, 0, err);
  await Deno.writeTextFile(`${sandbox.folder}/fn.json`, out);
  return enclave;
}

Deno.test("a running node answers members, leader, certificate and status; join, leave and force-leave work", async () => {
  await using sandbox = await Sandbox.create();
  await using _enclave = await deployed(sandbox);
  const run = (...words: string[]) => sandbox.run(...words);
  await using a = started(sandbox, "a", "--tag", "zone=b");
  const addressA = await a.address;
  await a.program.line(/this node is the leader/);
  await using b = started(sandbox, "b");
  const addressB = await b.address;
  await b.program.line(/this node is the leader/);
  const onA = ["--folder", "a"];

  const joined = await run("join", addressB, ...onA);
  done(joined);
  match(joined.out, new RegExp(`^${addressB} answered, id \\S{43}\\n$`));
  await a.program.line(/2 of 2 votes/);
  await b.program.line(/2 of 2 votes/);
  const nobody = await run("join", "127.0.0.1:1", ...onA);
  strictEqual(nobody.code, 2, nobody.err);
  match(nobody.out, /127.0.0.1:1 did not answer; it is tried on/);

  const members = done(await run("members", ...onA));
  match(members.out, /^NAME +ADDRESS +STATE +SINCE +INCARNATION +RTT +TAGS\n/);
  match(members.out, /^a \* .* alive .* zone=b$/m);
  match(members.out, new RegExp(`^b +${addressB} +alive`, "m"));
  const json = JSON.parse(done(await run("members", ...onA, "--json", "--tag", "zone=b")).out);
  deepStrictEqual(json.map((member: { name: string }) => member.name), ["a"]);
  strictEqual(
    JSON.parse(done(await run("members", ...onA, "--json", "--state", "dead")).out).length,
    0,
  );

  match(
    done(await run("leader", ...onA)).out,
    /^b, term \d+, id \S{43}, by simulated TEE \(insecure\)\n$/,
  );
  const http = JSON.parse(await Deno.readTextFile(`${sandbox.folder}/a/http.json`)).http;
  match(done(await run("leader", "--node", http)).out, /^b, term/);
  const certificate = JSON.parse(done(await run("certificate", ...onA)).out);
  strictEqual(typeof certificate.certificate, "string");
  match(done(await run("status", ...onA)).out, /^members +2 alive$/m);

  const refused = await run("leave", "--node", http);
  strictEqual(refused.code, 3, "without the folder there is no token");
  const alive = await run("force-leave", "b", ...onA);
  strictEqual(alive.code, 1);
  match(alive.err, /is alive and would refute/);
  b.program.signal("SIGKILL");
  await b.program.finished();
  await a.program.line(/b failed/);
  match(done(await run("force-leave", "b", ...onA)).out, /b is forgotten/);
  strictEqual(JSON.parse(done(await run("members", ...onA, "--json")).out).length, 1);
  const gone = await run("members", "--folder", "b");
  strictEqual(gone.code, 2);
  match(gone.err, /nothing listens there/);

  match(done(await run("leave", ...onA)).out, /left the cluster/);
  const left = await a.program.finished();
  strictEqual(left.code, 0, left.err);
  const after = await run("members", ...onA);
  strictEqual(after.code, 2);
  match(after.err, /none is running in "a"/);
  ok(addressA !== addressB);
});

Deno.test("a node that has no leader says so with exit code 4", async () => {
  await using sandbox = await Sandbox.create();
  const enclave = await deployed(sandbox);
  enclave.signal("SIGTERM");
  await enclave.finished();
  await using a = started(sandbox, "a");
  await a.address;
  for (const command of ["leader", "certificate"]) {
    const { code, err } = await sandbox.run(command, "--folder", "a");
    strictEqual(code, 4, err);
    match(err, /there is no leader/);
  }
});

Deno.test("one Ctrl-C that comes several times, as under deno task, lets a node leave in order", async () => {
  await using sandbox = await Sandbox.create();
  await using _enclave = await deployed(sandbox);
  await using a = started(sandbox, "a");
  await using b = started(sandbox, "b", "-n", await a.address);
  // It tells whom it knows: each has to have met the other.
  await Promise.all([a.program.line(/b joined/), b.program.line(/a joined/)]);
  for (let i = 0; i < 3; i++) b.program.signal("SIGINT");
  strictEqual((await b.program.finished()).code, 0);
  await a.program.line(/b left/);
  // What is left behind looks like a node that runs.
  const { err } = await sandbox.run("leader", "--folder", "b");
  match(err, /none is running in "b"/);
});

Deno.test("a node that comes back at another address is the same node; after a reset it is another", async () => {
  await using sandbox = await Sandbox.create();
  await using _enclave = await deployed(sandbox);
  await using a = started(sandbox, "a");
  const addressA = await a.address;
  const first = started(sandbox, "b", "-n", addressA);
  const oldAddress = await first.address;
  await a.program.line(/b joined/);
  const seenBy = async () => {
    const { out } = done(await sandbox.run("members", "--folder", "a", "--json"));
    return JSON.parse(out).filter((member: { self: boolean }) => !member.self);
  };
  const [before] = await seenBy();
  strictEqual(before.address, oldAddress);
  first.program.signal("SIGKILL");
  await first.program.finished();
  await a.program.line(/b failed/);
  using _holder = Deno.listen({ hostname: "127.0.0.1", port: portOf(oldAddress) });
  await using again = started(sandbox, "b", "-n", addressA);
  const newAddress = await again.address;
  await a.program.line(/b joined/);
  ok(newAddress !== oldAddress);
  const [after, ...others] = await seenBy();
  deepStrictEqual(others, []);
  deepStrictEqual([after.id, after.address, after.state], [before.id, newAddress, "alive"]);
  ok(after.incarnation > before.incarnation);
  again.program.signal("SIGINT");
  strictEqual((await again.program.finished()).code, 0);
  // It knows its old members: no seed is named.
  await using third = started(sandbox, "b");
  await a.program.line(/b joined/);
  third.program.signal("SIGINT");
  strictEqual((await third.program.finished()).code, 0);

  await Deno.writeTextFile(`${sandbox.folder}/b/node.db`, "damaged".repeat(1000));
  const damaged = await sandbox.run(
    "node",
    "-p",
    "0",
    "--function-json",
    "fn.json",
    "--state",
    "b",
  );
  strictEqual(damaged.code, 1);
  match(damaged.err, /node.db is damaged .*--reset-state/);
  await using fresh = started(sandbox, "b", "-n", addressA, "--reset-state");
  await a.program.line(/b joined/);
  match(fresh.program.lines.join("\n"), /the earlier state is in b\/node.db.reset-\S+ now;/);
  const ids = (await seenBy()).map((member: { id: string }) => member.id);
  strictEqual(new Set(ids).size, 2, "the node that left and the new one");
});

Deno.test("two nodes of one name are reported to both and to a third", async () => {
  await using sandbox = await Sandbox.create();
  await using _enclave = await deployed(sandbox);
  await using a = started(sandbox, "a");
  const seed = await a.address;
  await using b = started(sandbox, "b", "-n", seed, "--name", "twin");
  await using c = started(sandbox, "c", "-n", seed, "--name", "twin");
  const keepers = [];
  for (const { program } of [a, b, c]) {
    const [, keeper] = await program.line(/two nodes are called twin; (\S+) keeps the name/);
    keepers.push(keeper);
  }
  strictEqual(new Set(keepers).size, 1, "all agree");
});

Deno.test("cluster keys are made, used and changed from the command line", async () => {
  await using sandbox = await Sandbox.create();
  await using _enclave = await deployed(sandbox);
  const keygen = async (file: string) => {
    const { out } = done(await sandbox.run("keygen", "--cluster-key", file));
    return /holds key (\w{8})/.exec(out)![1];
  };
  const [one, two] = [await keygen("one.key"), await keygen("two.key")];
  await Deno.copyFile(`${sandbox.folder}/one.key`, `${sandbox.folder}/a.key`);
  await Deno.copyFile(`${sandbox.folder}/one.key`, `${sandbox.folder}/b.key`);
  await using a = started(sandbox, "a", "--encrypt", "a.key");
  await using b = started(sandbox, "b", "--encrypt", "b.key", "-n", await a.address);
  ok(a.program.lines.some((line) => line.includes(`gossip is sealed with key ${one}`)));
  await a.program.line(/b joined/);
  for (const words of [["add", "two.key"], ["use", two], ["remove", one]]) {
    for (const folder of ["a", "b"]) done(await sandbox.run("keys", ...words, "--folder", folder));
  }
  strictEqual(done(await sandbox.run("keys", "list", "--folder", "b")).out, `${two}  in use\n`);
  const secret = await Deno.readTextFile(`${sandbox.folder}/two.key`);
  for (const copy of ["a.key", "b.key"]) {
    strictEqual(await Deno.readTextFile(`${sandbox.folder}/${copy}`), secret);
  }
  await using c = started(sandbox, "c", "--encrypt", "two.key", "-n", await b.address);
  await a.program.line(/c joined/);
  await c.program.line(/joined/);
  for (const { program } of [a, b]) {
    ok(program.lines.every((line) => !line.includes("failed") && !line.includes(secret.trim())));
  }
});

/** A node whose name and state folder are one word, and where it listens. */
function started(sandbox: Sandbox, name: string, ...words: string[]) {
  const own = words.includes("--name") ? [] : ["--name", name];
  const flags = ["-p", "0", "--function-json", "fn.json", "--state", name, ...own, ...words];
  const program = sandbox.start("node", ...flags);
  const address = program.line(/HTTP at http:\/\//).then(async () => {
    const text = await Deno.readTextFile(`${sandbox.folder}/${name}/http.json`);
    return String(JSON.parse(text).node);
  });
  return { program, address, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

function done(finished: Finished): Finished {
  strictEqual(finished.code, 0, finished.err);
  return finished;
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}
