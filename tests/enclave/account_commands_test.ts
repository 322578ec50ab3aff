/** The commands of an account: login, test, encrypt, list, delete, run by name; and the flags of a host. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { join } from "node:path";
import { hex } from "../../lib/base/bytes.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { enclaveCommand } from "../../lib/cli/commands/enclave.ts";
import { encryptCommand } from "../../lib/cli/commands/encrypt.ts";
import { deleteCommand, listCommand } from "../../lib/cli/commands/functions.ts";
import { keyCommand } from "../../lib/cli/commands/key.ts";
import { loginCommand } from "../../lib/cli/commands/login.ts";
import { runCommand as functionCommand } from "../../lib/cli/commands/run.ts";
import { testCommand } from "../../lib/cli/commands/test.ts";
import { LIMIT_FLAGS, readLimits } from "../../lib/cli/enclave_limits.ts";
import { readProfile, writeProfile } from "../../lib/cli/profile.ts";
import { runCommand } from "./_context.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";
import { makeTls } from "./_tls.ts";

async function profileOf(world: World, more: { tlsRoots?: string } = {}): Promise<string> {
  const path = join(world.folder, "profile.json");
  const { token, policy: attestation } = world;
  await writeProfile(path, { enclave: world.host.url, token, attestation, ...more });
  return path;
}

const PIN = ["-c", hex(ECHO.checksum)];

Deno.test("login stores what works under a name, and commands take it by that name", async () => {
  await using world = await startWorld();
  const env = { HOME: world.folder };
  const [token, policy] = [join(world.folder, "token"), join(world.folder, "policy.json")];
  await Deno.writeTextFile(token, `${world.token}\n`);
  await Deno.writeTextFile(policy, JSON.stringify(world.policy));
  const words = [world.host.url, "--token-file", token, "--attestation", policy];
  const done = await runCommand(loginCommand, [...words, "--profile", "work", "-o", "json"], {
    env,
  });
  const path = join(world.folder, ".config/fumata/profiles/work.json");
  deepStrictEqual(JSON.parse(done.out), {
    profile: path,
    enclave: world.host.url,
    platform: "simulated",
  });
  strictEqual((await Deno.stat(path)).mode! & 0o777, 0o600);
  strictEqual((await runCommand(keyCommand, ["--profile", "work"], { env })).exitCode, 0);
  // As the default, from a copied profile.
  await runCommand(loginCommand, ["--from", path], { env });
  strictEqual((await runCommand(keyCommand, [], { env })).exitCode, 0);
  await rejects(runCommand(keyCommand, ["--profile", "other"], { env }), {
    code: "usage",
    message: /profiles\/other\.json.*no such file/,
  });
});

Deno.test("login stores nothing that does not work", async () => {
  await using world = await startWorld();
  const env = { HOME: world.folder };
  const from = await profileOf(world);
  const login = (...words: string[]) => runCommand(loginCommand, words, { env });
  await rejects(login(), { code: "usage", message: /URL of the host is missing/ });
  await rejects(login(world.host.url), { code: "usage", message: /token is missing/ });
  const token = join(world.folder, "token");
  await Deno.writeTextFile(token, "wrong");
  await rejects(login(world.host.url, "--token-file", token), { message: /policy is missing/ });
  await rejects(login("--from", from, "--token-file", token), { reason: "unauthorized" });
  await rejects(login("--from", from, "http://127.0.0.1:1"), { exitCode: 2 });
  const policy = join(world.folder, "policy.json");
  const other = { ...world.policy, measurements: { pcr0: "ab".repeat(48) } };
  await Deno.writeTextFile(policy, JSON.stringify(other));
  await rejects(login("--from", from, "--attestation", policy), { exitCode: 3 });
  await rejects(Deno.stat(join(world.folder, ".config")), Deno.errors.NotFound);
});

Deno.test("a profile keeps the certificates that TLS trusts", async () => {
  const tls = makeTls();
  await using world = await startWorld({ tls });
  const env = { HOME: world.folder };
  const from = await profileOf(world);
  await rejects(runCommand(keyCommand, ["--profile", from]), { exitCode: 2 });
  const roots = join(world.folder, "roots.pem");
  await Deno.writeTextFile(roots, tls.root);
  await rejects(runCommand(loginCommand, ["--from", from], { env }), /login with --tls-roots FILE/);
  await runCommand(loginCommand, ["--from", from, "--tls-roots", roots], { env });
  strictEqual((await runCommand(listCommand, [], { env })).exitCode, 0);
  const stored = await readProfile(join(world.folder, ".config/fumata/profile.json"), true);
  strictEqual(stored!.tlsRoots, tls.root);
});

Deno.test("test runs a folder without deploying it, encrypt feeds it, list and delete see the rest", async () => {
  await using world = await startWorld();
  const profile = ["--profile", await profileOf(world)];
  const folder = join(world.folder, "shout");
  await Deno.mkdir(folder);
  const source = "export const cape_handler = (x) => x[0] === 0 ? x : " +
    "new TextDecoder().decode(x).toUpperCase();";
  await Deno.writeTextFile(join(folder, "app.js"), source);
  const test = (...words: string[]) => runCommand(testCommand, [folder, ...words, ...profile]);
  strictEqual((await test("hello")).out, "HELLO");
  deepStrictEqual(JSON.parse((await test("hi", "-o", "json")).out), { output: "SEk=", text: "HI" });
  const file = join(world.folder, "input");
  await Deno.writeFile(file, Uint8Array.of(0, 0xff));
  deepStrictEqual((await test("-f", file)).bytes, Uint8Array.of(0, 0xff));
  const encrypt = (...words: string[]) =>
    runCommand(encryptCommand, ["a secret", ...words, ...profile]);
  const { out } = await encrypt();
  match(out, /^cape:[\w+/]+=*\n$/);
  strictEqual((await test(out.trim())).out, "A SECRET");
  const { encrypted } = JSON.parse((await encrypt("--user", "local", "-o", "json")).out);
  strictEqual((await test(encrypted)).out, "A SECRET");
  await rejects(encrypt("--user", "nobody"), { reason: "not-found" });

  const listed = await runCommand(listCommand, profile);
  match(listed.out, new RegExp(`^${world.echoId}  \\S+Z  echo\n$`));
  const json = JSON.parse((await runCommand(listCommand, ["-o", "json", ...profile])).out);
  deepStrictEqual(Object.keys(json[0]), ["id", "name", "created_at"]);
  const remove = () => runCommand(deleteCommand, [world.echoId, ...profile]);
  strictEqual((await remove()).out, `deleted ${world.echoId}\n`);
  await rejects(remove(), { reason: "not-found" });
  strictEqual((await runCommand(listCommand, profile)).out, "");
  await rejects(runCommand(deleteCommand, ["all", ...profile]), { code: "usage" });
});

Deno.test("run takes a function by user and name", async () => {
  await using world = await startWorld();
  const profile = ["--profile", await profileOf(world)];
  const run = (name: string) => runCommand(functionCommand, [name, "hello", ...PIN, ...profile]);
  strictEqual((await run("local/echo")).out, "hello");
  await rejects(run("local/none"), { reason: "not-found" });
  for (const name of ["echo", "a/b/c", "/x", "x/"]) await rejects(run(name), { code: "usage" });
});

Deno.test("every limit of a host can be set, in its unit, and is checked", () => {
  const parse = (...words: string[]) => readLimits(parseArguments(words, enclaveCommand));
  deepStrictEqual(parse(), { enclave: {}, sandbox: {}, python: {}, workersMax: undefined });
  const { sandbox, enclave, python, workersMax } = parse(
    ...["--limit-call", "250", "--limit-memory", "32", "--limit-scratch", "2"],
    ...["--limit-sessions", "7", "--limit-workers", "3", "--limit-python-cpu", "9"],
  );
  deepStrictEqual(sandbox, { callMs: 250, memoryBytes: 2 ** 25, scratchBytes: 2 ** 21 });
  deepStrictEqual([enclave, workersMax], [{ sessionsMax: 7 }, 3]);
  deepStrictEqual(python, { scratchBytes: 2 ** 21, cpuSeconds: 9 });
  for (const { name, range, default: value } of LIMIT_FLAGS) {
    ok(value === undefined || (Number(value) >= range![0] && Number(value) <= range![1]), name);
  }
});

Deno.test("flags of a host that cannot be are usage errors", async () => {
  await using world = await startWorld();
  const data = join(world.folder, "fresh");
  const run = (...words: string[]) =>
    runCommand(enclaveCommand, ["--port", "0", "--data", data, ...words], {
      env: { HOME: world.folder },
      interrupted: Promise.resolve(),
    });
  await rejects(run("--tls-cert", "x"), { code: "usage", message: /go together/ });
  await rejects(run("--tls-cert", "x", "--tls-key", "y"), { message: /"x" cannot be read/ });
  await rejects(run("--limit-memory", "1"), { code: "usage", message: /16\.\.4096/ });
  await rejects(run("--redirect", "elsewhere"), { code: "usage", message: /Cannot redirect/ });
});
