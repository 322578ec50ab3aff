/** The commands around the enclave, against a real host. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
// @ts-types="@types/node-forge"
import forge from "node-forge";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hex } from "../../lib/base/bytes.ts";
import { deployCommand } from "../../lib/cli/commands/deploy.ts";
import { enclaveCommand } from "../../lib/cli/commands/enclave.ts";
import { keyCommand } from "../../lib/cli/commands/key.ts";
import { keygenCommand } from "../../lib/cli/commands/keygen.ts";
import { measurementsCommand, pcrsCommand } from "../../lib/cli/commands/pcrs.ts";
import { runCommand as functionCommand } from "../../lib/cli/commands/run.ts";
import { tokenCommand } from "../../lib/cli/commands/token.ts";
import { type Profile, readProfile, writeProfile } from "../../lib/cli/profile.ts";
import { openPackage, packFolder } from "../../lib/package/mod.ts";
import { configFields } from "../function/_roster.ts";
import { runCommand } from "./_context.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

/** Writes the profile of a world; gives the flags that name it. */
async function profileOf(world: World, change: Partial<Profile> = {}): Promise<string[]> {
  const path = join(world.folder, "profile.json");
  const { token, policy: attestation } = world;
  await writeProfile(path, { enclave: world.host.url, token, attestation, ...change });
  return ["--profile", path];
}

const ECHO_PIN = hex(ECHO.checksum);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SHIPPED = join(ROOT, "function/leader-election");

Deno.test("deploy prints id, checksum and name, as text and as JSON", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const text = await runCommand(deployCommand, [SHIPPED, ...profile]);
  const checksum = hex((await packFolder(SHIPPED)).checksum);
  match(
    text.out,
    new RegExp(
      `^Function ID ➜  \\w{22}\nFunction Checksum ➜  ${checksum}\nFunction Name ➜  leader-election\n$`,
    ),
  );
  const words = [SHIPPED, "--name", "other", "-o", "json", ...profile];
  const json = JSON.parse((await runCommand(deployCommand, words)).out);
  deepStrictEqual(Object.keys(json), ["function_id", "function_checksum", "function_name"]);
  deepStrictEqual([json.function_checksum, json.function_name], [checksum, "other"]);
});

Deno.test("deploy --policy replaces what policy.json says, and keeps the checksum when that is the same", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const checksumWith = async (...words: string[]) => {
    const { out, said } = await runCommand(deployCommand, [
      SHIPPED,
      "-o",
      "json",
      ...words,
      ...profile,
    ]);
    return { checksum: JSON.parse(out).function_checksum, said };
  };
  const plain = await checksumWith();
  strictEqual((await checksumWith("--policy", "highest")).checksum, plain.checksum);
  const random = await checksumWith("--policy", "random");
  ok(random.checksum !== plain.checksum);
  match(random.said, /policy\.json set to random/);
  const folder = join(world.folder, "plain");
  await Deno.mkdir(folder);
  await Deno.writeTextFile(join(folder, "app.js"), "export const cape_handler = (x) => x;");
  const without = runCommand(deployCommand, [folder, "--policy", "random", ...profile]);
  await rejects(without, { code: "usage", message: /has no policy\.json/ });
});

Deno.test("deploy --cluster-json makes a roster's package of the election function, and --save keeps it", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const config = join(world.folder, "cluster.json");
  await Deno.writeTextFile(config, JSON.stringify(configFields(4, 1)));
  const zip = join(world.folder, "vote.zip");
  const words = ["--cluster-json", config, "--save", zip, "-o", "json"];
  const { out } = await runCommand(deployCommand, [SHIPPED, ...words, ...profile]);
  const saved = openPackage(await Deno.readFile(zip));
  ok(typeof saved !== "string");
  strictEqual(hex(saved.checksum), JSON.parse(out).function_checksum);
  deepStrictEqual(saved.files.get("cluster.json"), await Deno.readFile(config));
  // The same as with the file in the folder.
  const folder = join(world.folder, "leader-election");
  await Deno.mkdir(folder);
  for (const [path, bytes] of saved.files) await Deno.writeFile(join(folder, path), bytes);
  strictEqual(hex((await packFolder(folder)).checksum), hex(saved.checksum));

  const refusal = (...words: string[]) => runCommand(deployCommand, [...words, ...profile]);
  await Deno.writeTextFile(config, "{}");
  await rejects(refusal(SHIPPED, "--cluster-json", config), {
    code: "usage",
    message: /^Cannot use cluster\.json of ".*cluster\.json": the file lacks/,
  });
  const plain = join(world.folder, "plain");
  await Deno.mkdir(plain);
  await Deno.writeTextFile(join(plain, "app.js"), "export const cape_handler = (x) => x;");
  await rejects(refusal(plain, "--cluster-json", config), {
    code: "usage",
    message: /no policy\.json, so it is no election function/,
  });
  await rejects(refusal(SHIPPED, "--save", join(world.folder, "none", "vote.zip")), {
    code: "failure",
    message: /^Cannot write the package ".*vote\.zip"/,
  });
});

Deno.test("the functions that ship with fumata deploy from anywhere", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  // The working folder belongs to the whole process, so another one is used.
  const deploy = async (folder: string) => {
    const [main, config] = ["main.ts", "deno.json"].map((name) => join(ROOT, name));
    const words = ["run", "-A", `--config=${config}`, main, "deploy", folder, "-o", "json"];
    const child = new Deno.Command(Deno.execPath(), {
      args: [...words, ...profile],
      cwd: world.folder,
    });
    const { code, stdout, stderr } = await child.output();
    const [out, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, out, said };
  };
  const shipped = await deploy("function/leader-election");
  strictEqual(
    JSON.parse(shipped.out).function_checksum,
    hex((await packFolder(SHIPPED)).checksum),
  );
  match(shipped.said, /ships with fumata/);
  const unknown = await deploy("function/nothing");
  strictEqual(unknown.code, 1);
  match(unknown.said, /there is no such folder/);
});

Deno.test("run prints the output of a function as it is, or as JSON", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const call = (...words: string[]) =>
    runCommand(functionCommand, [world.echoId, "-c", ECHO_PIN, ...words, ...profile]);
  strictEqual((await call("hello")).out, "hello");
  deepStrictEqual(JSON.parse((await call("hi", "-o", "json")).out), { output: "aGk=", text: "hi" });
  const file = join(world.folder, "input");
  await Deno.writeFile(file, Uint8Array.of(0xff, 0));
  deepStrictEqual(JSON.parse((await call("-f", file, "-o", "json")).out), { output: "/wA=" });
  deepStrictEqual((await call("-f", file)).bytes, Uint8Array.of(0xff, 0));
  await rejects(call("fail"), { exitCode: 5 });
  await rejects(call("x", "-f", file), { code: "usage" });
  await rejects(call(), { code: "usage" });
  await rejects(call("-f", file + "x"), { code: "usage", message: /cannot be read/ });
});

Deno.test("run refuses to send anything without the right checksum", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const call = (...words: string[]) =>
    runCommand(functionCommand, [world.echoId, "secret", ...words, ...profile]);
  await rejects(call(), { code: "usage", message: /checksum is missing/ });
  await rejects(call("-c", "abc"), { code: "usage", message: /no checksum/ });
  await rejects(call("-c", "00".repeat(32)), { exitCode: 3 });
  deepStrictEqual(world.host.counters().map((count) => count.bytesAfterNonce), [0]);
});

Deno.test("key and pcrs print what to encrypt to and what to pin", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const pem = (await runCommand(keyCommand, profile)).out;
  strictEqual(createPublicKey(pem).asymmetricKeyDetails!.modulusLength, 4096);
  const json = (await runCommand(keyCommand, ["-o", "json", ...profile])).out;
  ok(pem.replaceAll("\n", "").includes(JSON.parse(json).key));
  const text = (await runCommand(pcrsCommand, ["-o", "json", ...profile])).out;
  const pcrs = JSON.parse(text);
  strictEqual(pcrs.platform, "simulated");
  strictEqual(pcrs.measurements.pcr0, world.tee.measurements.pcr0);
  // Other code is shown, so that it can be looked at; another root is not.
  const attestation = { ...world.policy, measurements: { pcr0: "ab".repeat(48) } };
  const other = await runCommand(pcrsCommand, await profileOf(world, { attestation }));
  match(other.out, new RegExp(`pcr0 +${world.tee.measurements.pcr0}`));
  match(other.out, /^platform: SIMULATED TEE \(no hardware protection\)\n/);
  match(other.out, /to pin: pcr0, pcr1, pcr2\n$/);
  deepStrictEqual(pcrs.pin, world.tee.measurements);
  strictEqual(pcrs.isolation, undefined);
  const ofFunction = await runCommand(pcrsCommand, [world.echoId, ...profile]);
  match(ofFunction.out, /\nisolation of the function: quickjs\n$/);
  deepStrictEqual((await runCommand(measurementsCommand, ["-o", "json", ...profile])).out, text);
  await rejects(runCommand(keyCommand, await profileOf(world, { attestation })), { exitCode: 3 });
});

Deno.test("token makes, lists and deletes", async () => {
  await using world = await startWorld();
  const profile = await profileOf(world);
  const token = (...words: string[]) => runCommand(tokenCommand, [...words, ...profile]);
  const made = (await token("create", "--name", "ci", "--expires", "60")).out.trim();
  const file = join(world.folder, "token");
  await Deno.writeTextFile(file, made + "\n");
  const list = await token("list", "-o", "json", "--token-file", file);
  const { id } = JSON.parse(list.out).find((item: { name: string }) => item.name === "ci");
  match((await token("list")).out, new RegExp(`${id}  ci  account  until `));
  strictEqual((await token("delete", id)).out, `deleted ${id}\n`);
  await rejects(token("list", "--token-file", file), { exitCode: 1, message: /token was deleted/ });
  await rejects(token("create"), { code: "usage" });
  await rejects(token("delete"), { code: "usage" });
  await rejects(token("frobnicate"), { code: "usage" });
});

Deno.test("keygen writes a pair that signs, for its owner only, and never over another", async () => {
  const folder = await Deno.makeTempDir();
  await runCommand(keygenCommand, ["--out", folder]);
  const path = join(folder, "private.pem");
  const pem = await Deno.readTextFile(path);
  strictEqual((await Deno.stat(path)).mode! & 0o777, 0o600);
  const message = new TextEncoder().encode("127.0.0.1:5000");
  const signature = sign("RSA-SHA256", message, createPrivateKey(pem));
  const publicKey = forge.pki.publicKeyFromPem(await Deno.readTextFile(join(folder, "public.pem")));
  const digest = forge.md.sha256.create().update("127.0.0.1:5000").digest().bytes();
  ok(publicKey.verify(digest, signature.toString("binary")));
  strictEqual(publicKey.n.bitLength(), 2048);
  await rejects(runCommand(keygenCommand, ["--out", folder]), { message: /there already/ });
  strictEqual(await Deno.readTextFile(path), pem);
  await runCommand(keygenCommand, ["--out", folder, "--force"]);
  ok(await Deno.readTextFile(path) !== pem);
  await rejects(runCommand(keygenCommand, ["--out", join(folder, "no")]), { code: "failure" });
  await Deno.remove(folder, { recursive: true });
});

/** Runs a host by its command until `act` is done. */
async function whileHostRuns(
  words: string[],
  env: Record<string, string>,
  act: (lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const lines: string[] = [];
  const [listening, stop] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const running = runCommand(enclaveCommand, ["--port", "0", ...words], {
    env,
    interrupted: stop.promise,
    onLog: (event, message) => {
      lines.push(`${event}: ${message}`);
      if (event === "listening") listening.resolve();
    },
  });
  await Promise.race([listening.promise, running]);
  try {
    await act(lines);
  } finally {
    stop.resolve();
    strictEqual((await running).exitCode, 0);
  }
}

Deno.test("a host writes the profile that its user's clients trust, and keeps it over restarts", async () => {
  await using world = await startWorld();
  await world.host.close();
  const [home, data] = [join(world.folder, "home"), join(world.folder, "fresh")];
  const env = { HOME: home };
  const path = join(home, ".config/fumata/profile.json");
  let first: Profile | undefined;
  await whileHostRuns(["--data", data], env, async (lines) => {
    ok(
      lines.includes(
        "insecure-tee: the TEE is simulated: it protects nothing and is for trying things out",
      ),
    );
    ok(lines.some((line) => /^profile-written: .*simulated TEE.*--no-profile/.test(line)));
    first = await readProfile(path, true);
    strictEqual((await Deno.stat(path)).mode! & 0o777, 0o600);
    deepStrictEqual(await readProfile(join(data, "profile.json"), true), first);
    strictEqual((await runCommand(keyCommand, [], { env })).exitCode, 0);
  });
  await whileHostRuns(["--data", data], env, async () => {
    const again = await readProfile(path, true);
    strictEqual(again!.token, first!.token);
    deepStrictEqual(again!.attestation, first!.attestation);
    const { exitCode, out } = await runCommand(keyCommand, [], { env });
    deepStrictEqual([exitCode, out.startsWith("-----BEGIN PUBLIC KEY-----")], [0, true]);
  });
  // A profile of another host is somebody's choice and stays.
  const foreign = { enclave: "http://10.0.0.7:7878", token: "t", attestation: world.policy };
  await writeProfile(path, foreign);
  await whileHostRuns(["--data", data], env, async (lines) => {
    ok(lines.some((line) => /^profile-kept: .*another host/.test(line)));
    deepStrictEqual(await readProfile(path, true), foreign);
  });
  await Deno.remove(path);
  const out = join(world.folder, "out.json");
  const words = ["--data", data, "--no-profile", "--profile-out", out];
  await whileHostRuns(words, env, async () => {
    strictEqual((await readProfile(out, true))!.token, first!.token);
    strictEqual(await readProfile(path, false), undefined);
  });
});

Deno.test("enclave passes certificates on to the TEE, and refuses them where the TEE has no use for them", async () => {
  const folder = await Deno.makeTempDir();
  const words = ["--port", "0", "--no-profile", "--data", folder, "--endorsement", "vcek.der"];
  await rejects(runCommand(enclaveCommand, words), {
    code: "usage",
    message: /endorsements: they are for snp, the TEE is simulated/,
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a client without profile or policy trusts nobody", async () => {
  const env = { HOME: await Deno.makeTempDir() };
  await rejects(runCommand(keyCommand, [], { env }), {
    exitCode: 3,
    message: /Cannot trust any enclave.*fumata enclave/,
  });
  await rejects(runCommand(keyCommand, []), { exitCode: 3 });
  await Deno.remove(env.HOME, { recursive: true });
});

Deno.test("flags override the parts of a profile", async () => {
  await using world = await startWorld();
  const wrong = { enclave: "http://127.0.0.1:1", token: "x" };
  const profile = await profileOf(world, wrong);
  const [token, policy] = [join(world.folder, "token"), join(world.folder, "policy.json")];
  await Deno.writeTextFile(token, `${world.token}\n`);
  await Deno.writeTextFile(policy, JSON.stringify(world.policy));
  const flags = ["--enclave", world.host.url, "--token-file", token];
  strictEqual((await runCommand(keyCommand, [...profile, ...flags])).exitCode, 0);
  const env = { FUMATA_PROFILE: profile[1] };
  strictEqual((await runCommand(keyCommand, flags, { env })).exitCode, 0);
  strictEqual((await runCommand(keyCommand, [...flags, "--attestation", policy])).exitCode, 0);
  await rejects(runCommand(keyCommand, profile), { exitCode: 2 });
  const alone = runCommand(keyCommand, ["--attestation", policy]);
  await rejects(alone, { code: "usage", message: /--enclave/ });
});

Deno.test("profiles that cannot be read are usage errors of one line", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "profile.json");
  const use = () => runCommand(keyCommand, ["--profile", path]);
  await rejects(use(), { code: "usage", message: /there is no such file/ });
  for (
    const [text, message] of [
      ["{", /is not JSON/],
      ["[]", /is not a JSON object/],
      ["{}", /have to be texts/],
      ['{"enclave":"http://x","token":"t"}', /Cannot use policy/],
      ['{"enclave":"http://x","token":"t","attestation":{"platform":"simulated"}}', /simulated/],
      ['{"enclave":"http://x","token":"t","trust":"all"}', /"trust" is not a field/],
    ] as const
  ) {
    await Deno.writeTextFile(path, text);
    const error = await use().catch((thrown) => thrown);
    strictEqual(error.code, "usage", text);
    match(error.message, message);
    ok(!error.message.includes("\n"));
  }
  await Deno.remove(folder, { recursive: true });
});
