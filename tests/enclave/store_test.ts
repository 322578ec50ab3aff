/** What a host keeps: functions, keys and tokens survive a restart; folders of others, damage and full disks are clear errors. */
import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert";
import { join } from "node:path";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import {
  connectEnclave,
  createToken,
  deployPackage,
  fetchAccountKey,
} from "../../lib/enclave/client/mod.ts";
import { DataFolder, diskWords } from "../../lib/enclave/host/data_folder.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

function filesOf(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(join(folder, prefix))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesOf(folder, `${prefix}${name}/`) : [prefix + name]
  ).sort();
}

/** Changes one bit in the middle of a file. */
async function damage(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1] ^= 1;
  await Deno.writeFile(path, bytes);
}

async function kidOf(world: World, url: string, token = world.token): Promise<string> {
  const { policy, echoId: functionId } = world;
  const target = { url, token, policy, functionId, checksum: ECHO.checksum };
  using connection = await connectEnclave(target);
  return fromUtf8(await connection.invoke(utf8("kid")))!;
}

Deno.test("a restart keeps functions, the certificate key, the account key and tokens", async () => {
  await using world = await startWorld();
  const { token, policy } = world;
  const before = await kidOf(world, world.host.url);
  const key = await fetchAccountKey({ url: world.host.url, token, policy });
  await world.host.close();
  const { url } = await world.restart();
  strictEqual(await kidOf(world, url), before);
  deepStrictEqual((await fetchAccountKey({ url, token, policy })).publicKey, key.publicKey);
});

Deno.test("where the TEE cannot seal, nothing outlives the process", async () => {
  await using world = await startWorld();
  await world.host.close();
  const { platform, attest } = world.tee;
  const dataDir = join(world.folder, "unsealed");
  const options = { tee: { platform, attest }, dataDir, prepareAccountKey: false };
  const first = await world.restart(options);
  const token = first.accountToken();
  const { policy } = world;
  // The account key takes seconds to make; a test of the store is not for that.
  await first.close();
  const lines: string[] = [];
  const second = await world.restart({
    ...options,
    logger: { log: (level, event, message) => lines.push(`${level} ${event}: ${message}`) },
  });
  match(lines[0], /^warn set-aside: removed what an earlier run left: its TEE cannot seal/);
  match(
    lines[1],
    /^warn cannot-seal: .*\(simulated\) cannot seal: functions, keys and tokens are l/,
  );
  strictEqual(second.accountToken(token) === token, false);
  await rejects(fetchAccountKey({ url: second.url, token, policy }), { reason: "unauthorized" });
});

Deno.test("the data of another TEE is refused and left as it is", async () => {
  await using world = await startWorld();
  await world.host.close();
  const before = filesOf(world.dataDir);
  const tee = await openSimulatedTee({ folder: join(world.folder, "other"), version: "test" });
  const refused = { code: "failure", message: /sealed by another TEE or another version/ } as const;
  await rejects(world.restart({ tee }), refused);
  const { platform, attest } = world.tee;
  await rejects(world.restart({ tee: { platform, attest } }), refused);
  const version = { folder: join(world.folder, "tee"), version: "another" };
  await rejects(world.restart({ tee: await openSimulatedTee(version) }), refused);
  deepStrictEqual(filesOf(world.dataDir), before);
  await Deno.remove(join(world.dataDir, "keys/data.sealed"));
  await rejects(world.restart(), { message: /keys\/data\.sealed is gone/ });
});

Deno.test("nothing that a host keeps is readable on its disk", async () => {
  await using world = await startWorld();
  const { token, policy, host: { url } } = world;
  const mark = "a text that stands in no other file";
  const { zip } = packFiles("secret", new Map([["app.js", utf8(`// ${mark}`)]]));
  await deployPackage({ url, token, policy, zip, name: mark });
  await createToken({ url, token }, { name: mark });
  await world.host.close();
  const found = filesOf(world.dataDir).filter((path) =>
    new TextDecoder("latin1").decode(Deno.readFileSync(join(world.dataDir, path)))
      .match(`${mark}|PRIVATE KEY|app\\.js|jti`)
  );
  deepStrictEqual(found, []);
});

Deno.test("two hosts do not share one data folder", async () => {
  await using world = await startWorld();
  await rejects(world.restart(), {
    code: "failure",
    message: /another enclave host is running in it/,
  });
  await world.host.close();
  await world.restart();
});

Deno.test("a port in use is named, and the data folder is free again", async () => {
  await using world = await startWorld();
  const port = Number(new URL(world.host.url).port);
  const start = world.restart({ dataDir: join(world.folder, "second"), port });
  await rejects(start, { message: new RegExp(`"127.0.0.1:${port}": the port is in use`) });
  using _folder = DataFolder.open(join(world.folder, "second"));
});

Deno.test("a folder with other files is refused and left as it is", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(join(folder, "letters.txt"), "dear");
  throws(() => DataFolder.open(folder), { message: /letters\.txt.*--data/ });
  deepStrictEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["letters.txt"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a folder of another format, and one that is a file, are refused", async () => {
  const folder = await Deno.makeTempDir();
  const marker = join(folder, "fumata-enclave.json");
  await Deno.writeTextFile(marker, '{"kind":"enclave","format":99}');
  throws(() => DataFolder.open(folder), { message: /its format is 99/ });
  await Deno.writeTextFile(marker, "{");
  throws(() => DataFolder.open(folder), { message: /damaged/ });
  throws(() => DataFolder.open(marker), { message: /^Cannot use the data folder/ });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the data folder and its files are the owner's only", async () => {
  await using world = await startWorld();
  strictEqual((await Deno.stat(world.dataDir)).mode! & 0o777, 0o700);
  await world.host.close();
  using folder = DataFolder.open(world.dataDir);
  folder.write("a/b", utf8("x"));
  strictEqual((await Deno.stat(join(world.dataDir, "a/b"))).mode! & 0o777, 0o600);
});

Deno.test("a write that cannot be finished names the file and leaves the old one", async () => {
  const path = await Deno.makeTempDir();
  {
    using folder = DataFolder.open(path);
    folder.write("kept", utf8("old"));
    // A folder in the way of the temporary file stands for every reason why a write breaks off.
    await Deno.mkdir(join(path, "kept.tmp"));
    throws(() => folder.write("kept", utf8("new")), { message: /^Cannot write ".*kept"/ });
    strictEqual(fromUtf8(folder.read("kept")!), "old");
  }
  await Deno.remove(path, { recursive: true });
});

Deno.test("a full disk is called by its name", () => {
  const full = new Error("No space left on device (os error 28)");
  strictEqual(diskWords(full), "the disk is full; make room");
});

Deno.test("a closed folder takes no more writes", async () => {
  const path = await Deno.makeTempDir();
  const folder = DataFolder.open(path);
  folder[Symbol.dispose]();
  throws(() => folder.write("late", utf8("x")), FumataError);
  await Deno.remove(path, { recursive: true });
});

Deno.test("a damaged package or certificate key is named and set aside, and the rest works", async () => {
  await using world = await startWorld();
  const { token, policy } = world;
  const deploy = () =>
    deployPackage({ url: world.host.url, token, policy, zip: ECHO.zip, name: "echo" });
  const [second, third] = [await deploy(), await deploy()];
  await world.host.close();
  const functions = join(world.dataDir, "functions");
  await damage(join(functions, second.id, "package.sealed"));
  await Deno.remove(join(functions, third.id, "certificate_key.sealed"));
  const lines: string[] = [];
  const { url } = await world.restart({
    logger: { log: (_level, _event, message) => lines.push(message) },
  });
  const use = (functionId: string) =>
    connectEnclave({ url, token, policy, functionId, checksum: ECHO.checksum });
  await rejects(use(second.id), { message: /its package is damaged; deploy it again/ });
  await rejects(use(third.id), { message: /its certificate key is gone; deploy it again/ });
  await rejects(use(second.id), { reason: "not-found" });
  await kidOf(world, url);
  for (const { id } of [second, third]) {
    match(lines.join("\n"), new RegExp(`${id} is left out.*set-aside/functions_${id}`));
  }
  deepStrictEqual([...Deno.readDirSync(functions)].map(({ name }) => name), [world.echoId]);
});

Deno.test("a function with damaged metadata is set aside and named, an unfinished one removed", async () => {
  await using world = await startWorld();
  await world.host.close();
  const functions = join(world.dataDir, "functions");
  await damage(join(functions, world.echoId, "metadata.sealed"));
  await Deno.mkdir(join(functions, "1".repeat(22)));
  const lines: string[] = [];
  const { url } = await world.restart({
    logger: { log: (_level, _event, message) => lines.push(message) },
  });
  match(lines.join(), new RegExp(`${world.echoId} is left out: its metadata is damaged`));
  await rejects(kidOf(world, url), { message: /there is no function .* \(HTTP 404\)/ });
  deepStrictEqual([...Deno.readDirSync(functions)], []);
});

Deno.test("files cannot be exchanged for one another", async () => {
  await using world = await startWorld();
  const { token, policy, host: { url } } = world;
  const { id } = await deployPackage({ url, token, policy, zip: ECHO.zip, name: "other" });
  await world.host.close();
  const at = (id: string) => join(world.dataDir, "functions", id, "certificate_key.sealed");
  await Deno.copyFile(at(id), at(world.echoId));
  const again = await world.restart();
  await rejects(kidOf(world, again.url), { message: /its certificate key is damaged/ });
});

Deno.test("damaged keys and tokens are set aside, named and replaced", async () => {
  await using world = await startWorld();
  const { token, policy } = world;
  await world.host.close();
  for (const name of ["tokens", "keys/result"]) {
    await damage(join(world.dataDir, `${name}.sealed`));
  }
  const lines: string[] = [];
  const host = await world.restart({
    logger: { log: (_level, _event, message) => lines.push(message) },
  });
  match(lines.join("\n"), /tokens\.sealed is damaged; all tokens are void; it is kept in/);
  match(lines.join("\n"), /keys\/result\.sealed is damaged; a new key takes its place/);
  await rejects(fetchAccountKey({ url: host.url, token, policy }), { reason: "unauthorized" });
  await kidOf(world, host.url, host.accountToken());
});

Deno.test("packages that cannot run are refused at deploy with the reason", async () => {
  await using sandbox = createSandbox({}, { python: { executable: "no-such-python" } });
  await using world = await startWorld({ sandbox, limits: { packageBytesMax: 4000 } });
  const deploy = (zip: Uint8Array) => {
    const { token, policy } = world;
    return deployPackage({ url: world.host.url, token, policy, zip, name: "x" });
  };
  const packed = (name: string) => packFiles("f", new Map([[name, utf8("x = 1")]])).zip;
  await rejects(deploy(utf8("no zip")), { message: /cannot deploy "x": the bytes are no zip/ });
  await rejects(deploy(packed("main.ts")), { message: /has no app\.ts, app\.js or app\.py/ });
  await rejects(deploy(packed("app.py")), {
    message: /written in Python, and there is no no-such-python/,
  });
  await rejects(deploy(new Uint8Array(5000)), { message: /too large/ });
  const names = [...Deno.readDirSync(join(world.dataDir, "functions"))].map((entry) => entry.name);
  deepStrictEqual(names, [world.echoId]);
});

Deno.test("the number of functions is bounded", async () => {
  await using world = await startWorld({ limits: { functionsMax: 1 } });
  const { token, policy } = world;
  const target = { url: world.host.url, token, policy, zip: ECHO.zip, name: "second" };
  await rejects(deployPackage(target), { message: /holds 1 functions already/ });
});
