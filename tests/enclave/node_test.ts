/** The client in Node, as the one file that `deno bundle` makes of it: attests, pins, calls, and says why something failed. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { fileURLToPath } from "node:url";
import { hex } from "../../lib/base/bytes.ts";
import { ECHO, startWorld } from "./_harness.ts";

const CLIENT = fileURLToPath(new URL("../../lib/enclave/client/mod.ts", import.meta.url));

/** Runs in Node: reads the target, prints what came of it. */
const SCRIPT = `
import * as client from "./client.mjs";
const target = JSON.parse(process.argv[2]);
target.checksum = Uint8Array.from(Buffer.from(target.checksum, "hex"));
const input = new TextEncoder().encode("from node");
const output = new TextDecoder().decode(await client.runFunction(target, input));
const [{ name }] = await client.listFunctions(target);
const { publicKey } = await client.fetchUserKey({ ...target, user: "local" });
const sealed = await client.encryptForAccount(publicKey, input);
const opened = new TextDecoder().decode(
  await client.runFunction(target, new TextEncoder().encode(sealed)),
);
const reasonOf = (change) =>
  client.runFunction({ ...target, ...change }, input).then(() => "none", (error) => error.reason);
const reasons = [
  await reasonOf({ checksum: new Uint8Array(32) }),
  await reasonOf({ token: "wrong" }),
  await reasonOf({ functionId: "none" }),
  await reasonOf({ url: "http://127.0.0.1:1" }),
];
console.log(JSON.stringify({ output, name, opened, reasons }));
`;

async function run(program: string, args: string[], cwd: string): Promise<string | undefined> {
  const command = new Deno.Command(program, { args, cwd, stderr: "piped", stdout: "piped" });
  const output = await command.output().catch(() => undefined);
  if (!output?.success) {
    console.log(output ? new TextDecoder().decode(output.stderr) : `there is no ${program}`);
    return undefined;
  }
  return new TextDecoder().decode(output.stdout);
}

Deno.test("the client runs in Node", async () => {
  await using world = await startWorld();
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const bundle = `${world.folder}/client.mjs`;
  const version = await run("node", ["--version"], world.folder);
  const words = ["bundle", "--quiet", "--platform", "deno", "-o", bundle, CLIENT];
  if (version === undefined || await run(Deno.execPath(), words, root) === undefined) {
    console.log("skipped: it takes Node, and deno bundle with its esbuild");
    return;
  }
  await Deno.writeTextFile(`${world.folder}/main.mjs`, SCRIPT);
  const { host: { url }, token, policy, echoId: functionId } = world;
  const target = { url, token, policy, functionId, checksum: hex(ECHO.checksum) };
  const out = await run("node", ["main.mjs", JSON.stringify(target)], world.folder);
  strictEqual(typeof out, "string");
  deepStrictEqual(JSON.parse(out!), {
    output: "from node",
    name: "echo",
    opened: "from node",
    reasons: ["evidence", "unauthorized", "not-found", "unreachable"],
  });
});
