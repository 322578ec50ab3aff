/** Many functions at once through one real host: what bad ones do ends their own session, good ones answer, and overload is an error. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { connectEnclave, deployPackage, runFunction } from "../../lib/enclave/client/mod.ts";
import { type PackedFolder, packFiles } from "../../lib/package/mod.ts";
import { createSandbox, type SandboxLimits } from "../../lib/sandbox/mod.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

const LIMITS: Partial<SandboxLimits> = {
  memoryBytes: 16 * 1024 * 1024,
  outputBytes: 100_000,
  logBytes: 1000,
  scratchBytes: 10_000,
};

type Misbehaviour = readonly [name: string, body: string, error: RegExp];

/** What one session each does wrong until its time is over, and what its caller hears. */
const ENDLESS: readonly Misbehaviour[] = [
  ["loops", "for (;;) {}", /computed for longer than 900 ms/],
  ["loops in promises", "return (async () => { for (;;) await 0; })()", /longer than 900 ms/],
  ["floods its log", "for (;;) console.log('x'.repeat(1000))", /longer than 900 ms/],
];

/** What meets another limit than that of time. */
const ENDING: readonly Misbehaviour[] = [
  ["waits for ever", "return new Promise(() => {})", /never settles/],
  ["exhausts memory", "const a = []; for (;;) a.push(new Uint8Array(1e6));", /memory/],
  ["grows a text", "let s = 'x'; for (;;) s += s;", /string too long/],
  ["recurses", "const f = () => 1 + f(); f();", /recursed too deeply/],
  ["throws", "throw new Error('as I like')", /as I like/],
  ["throws garbage", "throw { get message() { throw 1; } }", /./],
  ["returns garbage", "return { length: 3 }", /returned a value of type object/],
  ["returns too much", "return new Uint8Array(200_000)", /returned more than 100000 bytes/],
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

/** Good functions beside bad ones in a host whose functions may compute for so long. */
async function goodBesideBad(callMs: number, acts: readonly Misbehaviour[]): Promise<void> {
  await using sandbox = createSandbox({ ...LIMITS, callMs }, { workersMax: 2 });
  await using world = await startWorld({ sandbox });
  const bodies = acts.map(([name, body]) => `${JSON.stringify(name)}() { ${body} }`);
  const bad = await deploy(
    world,
    `return ({ ${bodies.join(",\n")} })[new TextDecoder().decode(x)]();`,
  );
  const misbehave = async ([name, , error]: Misbehaviour) => {
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
    ...acts.map(misbehave),
    ...Array.from({ length: 8 }, (_, client) => behave(client)),
    ...acts.map(misbehave),
  ]);
  await behave(99);
}

Deno.test("good functions answer in order while bad ones compute without end beside them", () =>
  goodBesideBad(900, ENDLESS));

// What does not loop gets time enough, so that on a busy machine the other limit is still the first.
Deno.test("good functions answer in order while bad ones fail beside them", () =>
  goodBesideBad(60_000, ENDING));

Deno.test("what waits too long for its turn is told that the host is busy", async () => {
  const limits = { ...LIMITS, callMs: 1_000, waitMs: 1_500 };
  await using sandbox = createSandbox(limits, { workersMax: 1 });
  await using world = await startWorld({ sandbox });
  const loop = await deploy(world, "for (;;) {}");
  // A worker that starts keeps them waiting as well, on a busy machine for longer than that.
  while (!await runFunction(echoOf(world), utf8("x")).catch(whenBusy));
  // One after the other: what is loaded takes its turn, too.
  const connections = [];
  for (let i = 0; i < 6; i++) connections.push(await connectEnclave(loop));
  const answers = await Promise.all(
    connections.map((connection) =>
      connection.invoke(utf8("x")).then(String, (error) => `${error.reason}: ${error.message}`)
    ),
  );
  const busy = answers.filter((text) => /^busy: .*the host is busy.*try again later/.test(text));
  const late = answers.filter((text) => /^function: .*longer than 1000 ms/.test(text));
  strictEqual(busy.length + late.length, 6, answers.join("\n"));
  ok(busy.length >= 1 && late.length >= 1, answers.join("\n"));
  // Those who were turned away left nothing behind.
  strictEqual(fromUtf8(await runFunction(echoOf(world), utf8("free again"))), "free again");
});

/** Nothing for an error that says that the host is busy; throws others. */
function whenBusy(error: { readonly reason?: string }): undefined {
  strictEqual(error.reason, "busy");
}

Deno.test("one function in many sessions does not keep another from its turn", async () => {
  await using sandbox = createSandbox(LIMITS, { workersMax: 1 });
  await using world = await startWorld({ sandbox });
  // So long that all inputs have come before the first few are answered, on a busy machine, too.
  const hog = await deploy(world, "const end = enclave.now() + 250; while (enclave.now() < end);");
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
