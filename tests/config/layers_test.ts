/** Where settings come from, and what is refused. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { configCommand, strangeVariables } from "../../lib/cli/commands/config.ts";
import { enclaveCommand } from "../../lib/cli/commands/enclave.ts";
import { lockCommand } from "../../lib/cli/commands/lock.ts";
import { layer } from "../../lib/cli/config/layers.ts";
import { nodeCommand } from "../../lib/cli/commands/node.ts";
import { runCommand } from "../enclave/_context.ts";

class Folder implements AsyncDisposable {
  static async create(config?: unknown): Promise<Folder> {
    const folder = new Folder(await Deno.makeTempDir());
    const text = typeof config === "string" ? config : JSON.stringify(config);
    if (config !== undefined) await Deno.writeTextFile(folder.config, text);
    return folder;
  }
  constructor(readonly path: string) {}
  get config(): string {
    return `${this.path}/node.json`;
  }
  async [Symbol.asyncDispose]() {
    await Deno.remove(this.path, { recursive: true });
  }
}

async function layered(words: string[], env: Record<string, string> = {}) {
  return await layer(parseArguments(words, nodeCommand), nodeCommand, { env: (name) => env[name] });
}

async function ofFile(config: unknown, env?: Record<string, string>) {
  await using folder = await Folder.create(config);
  return await layered(["--config", folder.config], env);
}

Deno.test("flags win over the environment, the environment over the file, and each says where it is from", async () => {
  await using folder = await Folder.create({
    port: 1,
    host: "10.0.0.1",
    cluster: "c",
    neighbor: ["a:1", "b:2"],
    "log-level": "warn",
  });
  const env = { FUMATA_CONFIG: folder.config, FUMATA_HOST: "10.0.0.2", FUMATA_CLUSTER: "d" };
  const { args, settings } = await layered(["--cluster", "e"], env);
  deepStrictEqual(
    [args.number("port"), args.text("host"), args.text("cluster"), args.text("log-level")],
    [1, "10.0.0.2", "e", "warn"],
  );
  deepStrictEqual(args.list("neighbor"), ["a:1", "b:2"]);
  const origins = Object.fromEntries(settings.map(({ name, origin, place }) => [
    name,
    `${origin} ${place}`,
  ]));
  strictEqual(origins.port, `file ${folder.config}`);
  strictEqual(origins.host, "environment FUMATA_HOST");
  strictEqual(origins.cluster, "flag --cluster");
  strictEqual(origins["log-format"], "default ");
});

Deno.test("a list is taken whole from the highest place, one value a line from the environment", async () => {
  const config = { tag: ["a=1", "b=2"] };
  const { args } = await ofFile(config, { FUMATA_TAG: "c=3,4\nd=5\n" });
  deepStrictEqual(args.list("tag"), ["c=3,4", "d=5"]);
});

Deno.test("what is wrong in a file is refused with its name and a suggestion", async () => {
  const cases: [unknown, RegExp][] = [
    [{ prot: 1 }, /"prot".*no such setting; did you mean "port"\?/],
    [{ zzz: 1 }, /its keys are the long flags/],
    [{ port: "x" }, /"port".*a number of 0\.\.65535/],
    [{ port: 70_000 }, /a number of/],
    [{ port: null }, /a text or a number/],
    [{ port: [1] }, /one value is wanted/],
    [{ timing: "slow" }, /one of local, lan, wan/],
    [{ verbose: true }, /for a single start/],
    [{ "reset-state": true }, /for a single start/],
    [[], /not a JSON object/],
    ["{", /^FumataError: Cannot use the configuration ".*node.json": it is not JSON/],
  ];
  for (const [config, why] of cases) await rejects(ofFile(config), why, JSON.stringify(config));
  await rejects(layered(["--config", "/nowhere/node.json"]), /no such file/);
});

Deno.test("what is wrong in the environment is refused with the variable's name", async () => {
  await rejects(layered([], { FUMATA_PORT: "tcp://10.0.0.1:5000" }), /FUMATA_PORT "tcp:/);
  await rejects(layered([], { FUMATA_TIMING: "slow" }), /FUMATA_TIMING/);
});

Deno.test("secrets are taken from files only, and never quoted", async () => {
  const secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
  for (const name of ["token", "http-token", "key", "password"]) {
    const isClean = (error: Error) => !error.message.includes(secret) && /file/.test(error.message);
    await rejects(ofFile({ [name]: secret }), isClean, name);
    const variable = `FUMATA_${name.toUpperCase().replaceAll("-", "_")}`;
    await rejects(layered([], { [variable]: secret }), isClean, variable);
  }
  for (const name of ["encrypt", "token-file", "http-token-file"]) {
    const looks = (error: Error) =>
      !error.message.includes(secret) && /the secret itself/.test(error.message);
    await rejects(ofFile({ [name]: secret }), looks, name);
  }
});

Deno.test("config check prints each setting with its origin, and names variables that are none", async () => {
  await using folder = await Folder.create({ port: 5000, neighbor: ["a:1", "b:2"] });
  const words = ["check", "--config", folder.config, "--host", "10.0.0.1"];
  const { out, exitCode } = await runCommand(configCommand, words);
  strictEqual(exitCode, 0);
  match(out, /^SETTING +VALUE +ORIGIN +PLACE\n/);
  match(out, /^port +5000 +file +\//m);
  match(out, /^neighbor +b:2 +file/m);
  match(out, /^host +10\.0\.0\.1 +flag +--host$/m);
  match(out, /^log-level +info +default$/m);
  const json = JSON.parse((await runCommand(configCommand, [...words, "--json"])).out);
  const port = json.settings.find(({ name }: { name: string }) => name === "port");
  deepStrictEqual(port, { name: "port", values: ["5000"], origin: "file", place: folder.config });
  await rejects(runCommand(configCommand, ["check", "--on", "electd=x"]), /did you mean elected/);
  await rejects(runCommand(configCommand, ["show"]), /write fumata config check/);
  deepStrictEqual(
    strangeVariables({ FUMATA_PROT: "1", FUMATA_PORT: "1", FUMATA_TERM: "1", OTHER: "1" }),
    ["FUMATA_PROT is no setting and is ignored; did you mean FUMATA_PORT?"],
  );
});

Deno.test("an enclave host takes its file and its own variables, and not those of a node", async () => {
  await using folder = await Folder.create({ "tls-cert": "/nowhere/chain.pem" });
  const { config } = folder;
  const env = {
    FUMATA_CONFIG: "/nowhere/node.json",
    FUMATA_TLS_KEY: "/nowhere/key.pem",
    FUMATA_ENCLAVE_DATA: folder.path,
  };
  const refused = async (more: Record<string, string>, why: RegExp) =>
    await rejects(runCommand(enclaveCommand, [], { env: { ...env, ...more } }), why);
  await refused({ FUMATA_ENCLAVE_CONFIG: config }, /--tls-cert and --tls-key go together/);
  const key = { FUMATA_ENCLAVE_TLS_KEY: "/nowhere/key.pem" };
  await refused({ FUMATA_ENCLAVE_CONFIG: config, ...key }, /"\/nowhere\/chain.pem" cannot be read/);
  await refused({ FUMATA_ENCLAVE_PORT: "70000" }, /FUMATA_ENCLAVE_PORT "70000"/);
});

Deno.test("a lock waits as long as its file says, and its variables and flags win", async () => {
  await using folder = await Folder.create({ wait: 0, folder: "/nowhere" });
  const { config } = folder;
  await rejects(runCommand(lockCommand, ["--config", config, "--", "true"]), /time of --wait/);
  const env = { FUMATA_LOCK_CONFIG: config, FUMATA_LOCK_WAIT: "soon", FUMATA_WAIT: "never" };
  await rejects(runCommand(lockCommand, ["--", "true"], { env }), /FUMATA_LOCK_WAIT "soon"/);
  await rejects(runCommand(lockCommand, ["--wait", "0", "--", "true"], { env }), /time of --wait/);
  await using wrong = await Folder.create({ wiat: 0 });
  const words = ["--config", wrong.config, "--", "true"];
  await rejects(runCommand(lockCommand, words), /"wiat".*did you mean "wait"/);
});

Deno.test("config check reads the files of enclave hosts and locks as well", async () => {
  await using folder = await Folder.create({ "limit-call": 2000 });
  const words = ["check", "enclave", "--config", folder.config];
  const { out } = await runCommand(configCommand, words);
  match(out, /^limit-call +2000 +file/m);
  match(out, /^port +7878 +default$/m);
  await rejects(runCommand(configCommand, ["check", "lock", ...words.slice(2)]), /"limit-call"/);
  await rejects(runCommand(configCommand, ["check", "toString"]), /one of node, enclave, lock/);
  deepStrictEqual(strangeVariables({ FUMATA_ENCLAVE_PORT: "1", FUMATA_LOCK_NAME: "a" }), []);
});
