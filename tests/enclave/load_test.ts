/** Many functions at once through one real host: what bad ones do ends their own session, good ones answer, and overload is an error. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { connectEnclave, deployPackage, runFunction } from "../../lib/enclave/client/mod.ts";
import { type PackedFolder, packFiles } from "../../lib/package/mod.ts";
import { createSandbox, type SandboxLimits } from "../../lib/sandbox/mod.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

const LIMITS: Partial<SandboxLimits> = {
  callMs: 900,
  memoryBytes: 16 * 1024 * 1024,
  outputBytes: 100_000,
  logBytes: 1000,
  scratchBytes: 10_000,
};

/** What one session each does wrong, and what its caller hears. */
const MISBEHAVIOUR: readonly [name: string, body: string, error: RegExp][] = [
  ["loops", "for (;;) {}", /computed for longer than 900 ms/],
  ["waits for ever", "return new Promise(() => {})", /never settles/],
  ["loops in promises", "return (async () => { for (;;) await 0; })()", /longer than 900 ms/],
  ["exhausts memory", "const a = []; for (;;) a.push(new Uint8Array(1e6));", /memory/],
  ["grows a text", "let s = 'x'; for (;;) s += s;", /string too long/],
  ["recurses", "const f = () => 1 + f(); f();", /recursed too deeply/],
  ["throws", "throw new Error('as I like')", /as I like/],
  ["throws garbage", "throw { get message() { throw 1; } }", /./],
  ["returns garbage", "return { length: 3 }", /returned a value of type object/],
  ["returns too much", "return new Uint8Array(200_000)", /returned more than 100000 bytes/],
  [
    "floods its log and loops",
    "for (;;) console.log('x'.repeat(1000))",
    /longer than 900 ms/,
  ],
  ["fills its scratch", "for (let i = 0;; i++) enclave.writeFile('' + i, 'xxxxxxxxx')", /room for/],
];

const packed = (body: string): PackedFolder =>
  packFiles("f", new Map([["app.js", utf8(`export function cape_handler(x) { ${body} }`)]]));

async function deploy(world: World, body: string) {
  const { zip, checksum } = packed(body);
  const { host: { url }, token, policy } = world;
  const { id: functionId } = await deployPackage({ url, token, policy, zip, name: "f" });
  return { url, token, policy, functionId, checksum };
}

const echoOf = ({ host: { url }, token, policy, echoId: functionId }: World) => ({
  url,
  token,
  policy,
  functionId,
  checksum: ECHO.checksum,
});

Deno.test("good functions answer in order while bad ones fail beside them", async () => {
  await using sandbox = createSandbox(LIMITS, { workersMax: 2 });
  await using world = await startWorld({ sandbox });
  const acts = MISBEHAVIOUR.map(([name, body]) => `${JSON.stringify(name)}() { ${body} }`);
  const bad = await deploy(
    world,
    `return ({ ${acts.join(",\n")} })[new TextDecoder().decode(x)]();`,
  );
  const misbehave = async (index: number) => {
    const [name, , error] = MISBEHAVIOUR[index];
    const failure = runFunction(bad, utf8(name));
    await rejects(failure, { reason: "function", message: error }, name);
  };
  const behave = async (client: number) => {
    using connection = await connectEnclave(echoOf(world));
    for (let i = 0; i < 5; i++) {
      const text = `client ${client}, input ${i}`;
      strictEqual(fromUtf8(await connection.invoke(utf8(text))), text);
      strictEqual(fromUtf8(await connection.invoke(utf8("count"))), String(2 * i + 2));
    }
  };
  await Promise.all([
    ...MISBEHAVIOUR.map((_, index) => misbehave(index)),
    ...Array.from({ length: 8 }, (_, client) => behave(client)),
    ...MISBEHAVIOUR.map((_, index) => misbehave(index)),
  ]);
  await behave(99);
});

Deno.test("what waits too long for its turn is told that the host is busy", async () => {
  await using sandbox = createSandbox({ ...LIMITS, callMs: 500, waitMs: 600 }, { workersMax: 1 });
  await using world = await startWorld({ sandbox });
  const loop = await deploy(world, "for (;;) {}");
  await runFunction(echoOf(world), utf8("the worker has started"));
  const connections = await Promise.all(Array.from({ length: 6 }, () => connectEnclave(loop)));
  const answers = await Promise.all(
    connections.map((connection) =>
      connection.invoke(utf8("x")).then(String, (error) => `${error.reason}: ${error.message}`)
    ),
  );
  const busy = answers.filter((text) => /^busy: .*the host is busy.*try again later/.test(text));
  const late = answers.filter((text) => /^function: .*longer than 500 ms/.test(text));
  strictEqual(busy.length + late.length, 6, answers.join("\n"));
  ok(busy.length >= 1 && late.length >= 1, answers.join("\n"));
  // Those who were turned away left nothing behind.
  strictEqual(fromUtf8(await runFunction(echoOf(world), utf8("free again"))), "free again");
});

Deno.test("one function in many sessions does not keep another from its turn", async () => {
  await using sandbox = createSandbox({ ...LIMITS, callMs: 100 }, { workersMax: 1 });
  await using world = await startWorld({ sandbox });
  const hog = await deploy(world, "const end = enclave.now() + 50; while (enclave.now() < end);");
  const order: string[] = [];
  using good = await connectEnclave(echoOf(world));
  await good.invoke(utf8("loaded"));
  const hogs = await Promise.all(Array.from({ length: 10 }, () => connectEnclave(hog)));
  const note = (name: string) => () => void order.push(name);
  const all = hogs.map((connection) =>
    connection.invoke(utf8("x")).catch(() => {}).then(note("hog"))
  );
  all.push(good.invoke(utf8("x")).then(note("good")));
  await Promise.all(all);
  ok(order.indexOf("good") <= 3, order.join());
  for (const connection of hogs) connection.close();
});

Deno.test("errors of functions are one line without control characters", async () => {
  await using world = await startWorld();
  const evil = await deploy(world, "throw new Error('a\\n\\u001b[31mb')");
  const error = await runFunction(evil, utf8("x")).catch((thrown) => thrown);
  match(error.message, /: a \[31mb$/);
  deepStrictEqual([error.reason, error.exitCode], ["function", 5]);
});
