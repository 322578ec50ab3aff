/** Clients that go away at any moment, floods at the door, and other things that go wrong: nothing is left behind, nobody else is hurt. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { connect, type Socket } from "node:net";
import { concat, fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { sealHpke } from "../../lib/crypto/hpke.ts";
import { connectEnclave, deployPackage } from "../../lib/enclave/client/mod.ts";
import { DataFolder } from "../../lib/enclave/host/data_folder.ts";
import { FunctionStore } from "../../lib/enclave/host/function_store.ts";
import { openHostKeys } from "../../lib/enclave/host/keys.ts";
import { SealedFolder } from "../../lib/enclave/host/sealed_folder.ts";
import { ENCLAVE_LIMITS } from "../../lib/enclave/limits.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import { ECHO, startWorld, targetOf, type World } from "./_harness.ts";
import { nonceFrame, RawSocket } from "./_raw.ts";
import { decodeUnverifiedKey } from "./_session_key.ts";

async function metrics(world: World): Promise<string> {
  const headers = { authorization: `Bearer ${world.token}` };
  return await (await fetch(`${world.host.url}/metrics`, { headers })).text();
}

/** A session that has its evidence, and inputs sealed for it. */
async function openRun(world: World, ...inputs: string[]) {
  const protocols = ["cape.runtime", world.token];
  const socket = await RawSocket.open(world.host.url, `/v1/run/${world.echoId}`, protocols);
  socket.send(nonceFrame(new Uint8Array(12)));
  const key = decodeUnverifiedKey((await socket.nextJson()).message.message);
  const sealed = await Promise.all(inputs.map((input) => sealHpke(key, utf8(input))));
  return { socket, sealed };
}

Deno.test("inputs of a client that has gone are not computed", async () => {
  await using world = await startWorld({ limits: { inputsPerSecond: 0.2 } });
  const { socket, sealed } = await openRun(world, "answered", "waits", "waits");
  for (const input of sealed) socket.send(input);
  // The first is within what a token may ask at once, the second has to wait for five seconds.
  strictEqual(atob((await socket.nextJson()).message.message), "answered");
  const startMs = performance.now();
  await socket[Symbol.asyncDispose]();
  while (!/sessions\{endpoint="\/v1\/run\/:id"\} 0/.test(await metrics(world)));
  ok(performance.now() - startMs < 3000, "its session ends without the wait");
  match(await metrics(world), /calls_total\{result="ok"\} 1\n/);
});

Deno.test("a host that stops does not wait for inputs that have to wait", async () => {
  await using world = await startWorld({ limits: { inputsPerSecond: 0.2 } });
  const { socket, sealed } = await openRun(world, "answered", "waits");
  await using _socket = socket;
  for (const input of sealed) socket.send(input);
  await socket.nextJson();
  const startMs = performance.now();
  await world.host.close();
  ok(performance.now() - startMs < 3000);
});

/** A connection that says so much and no more. */
function say(url: string, words: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(words);
  return socket;
}

Deno.test("connections that say nothing do not keep out those who do", async () => {
  await using world = await startWorld({ limits: { connectionsMax: 2 } });
  const silent = [1, 2, 3].map(() => say(world.host.url, "GET /"));
  const ends = silent.map((socket) => new Promise<void>((resolve) => socket.on("close", resolve)));
  await Promise.any(ends);
  using connection = await connectEnclave(targetOf(world));
  strictEqual(fromUtf8(await connection.invoke(utf8("there"))), "there");
  for (const socket of silent) socket.destroy();
  await Promise.all(ends);
});

Deno.test("what a function says of its input is not in the log", async () => {
  const source =
    "export function cape_handler(x) { throw new Error(new TextDecoder().decode(x)); }";
  const { zip, checksum } = packFiles("tell", new Map([["app.js", utf8(source)]]));
  await using world = await startWorld();
  const lines: string[] = [];
  const ended = Promise.withResolvers<void>();
  world.onLog = (event, message) => {
    lines.push(message);
    if (event === "session-ended") ended.resolve();
  };
  const { url, token, policy } = targetOf(world);
  const { id: functionId } = await deployPackage({ url, token, policy, zip, name: "tell" });
  using connection = await connectEnclave({ url, token, policy, functionId, checksum });
  await rejects(connection.invoke(utf8("a secret")), { message: /a secret/ });
  await ended.promise;
  deepStrictEqual(lines.filter((line) => /secret/.test(line)), []);
  match(lines.join("\n"), /ended: the function failed/);
});

/** A sealed folder without a host. */
async function withFolder(work: (sealed: SealedFolder) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "fumata-test-" });
  {
    using folder = DataFolder.open(path);
    const tee = { platform: "simulated", attest: () => Promise.reject() } as const;
    await work(await SealedFolder.open(folder, tee as never, () => {}));
  }
  await Deno.remove(path, { recursive: true });
}

Deno.test("an account key that could not be made is tried again", () =>
  withFolder(async (sealed) => {
    let isFull = false;
    const makeKey = () =>
      isFull ? Promise.reject(new Error("the disk is full")) : Promise.resolve(CERTIFICATE_PEM);
    const keys = await openHostKeys(sealed, makeKey);
    isFull = true;
    await rejects(keys.accountKey(), /full/);
    isFull = false;
    ok((await keys.accountKey()).publicKey.length > 0);
    strictEqual(keys.accountKey(), keys.accountKey(), "one key for all");
  }));

Deno.test("deployments at the same moment do not go over the number of functions", () =>
  withFolder(async (sealed) => {
    const sandbox = { fault: () => Promise.resolve(undefined) };
    const limits = { ...ENCLAVE_LIMITS, functionsMax: 2 };
    const makeKey = () => Promise.resolve(CERTIFICATE_PEM);
    const store = new FunctionStore(sealed, sandbox, limits, makeKey);
    const deploy = () => store.deploy(ECHO.zip, "echo", false, new Date());
    const records = await Promise.all([deploy(), deploy(), deploy()]);
    strictEqual(records.filter((record) => typeof record !== "string").length, 2);
    strictEqual(store.size, 2);
    store.delete(store.list()[0].id);
    ok(typeof await deploy() !== "string", "a refusal takes no place");
  }));

Deno.test("nonces and descriptions that fill a whole frame are refused before they are read", async () => {
  await using world = await startWorld();
  const protocols = ["cape.runtime", world.token];
  const padded = (text: string) => text.replace("}", " ".repeat(5000) + "}");
  for (const path of [`/v1/run/${world.echoId}`, "/v1/deploy"]) {
    await using socket = await RawSocket.open(world.host.url, path, protocols);
    socket.send(padded(nonceFrame(new Uint8Array(12))));
    match((await socket.nextJson()).error, /nonce.* is wanted first/);
  }
  await using socket = await RawSocket.open(world.host.url, "/v1/deploy", protocols);
  socket.send(nonceFrame(new Uint8Array(12)));
  await socket.nextJson();
  socket.send(padded('{"message":{"function_name":"x"}}'));
  match((await socket.nextJson()).error, /a frame .* is wanted here/);
});

Deno.test("a frame in too many pieces is refused", async () => {
  await using world = await startWorld();
  const protocols = `cape.runtime, ${world.token}`;
  const socket = say(
    world.host.url,
    `GET /v1/run/${world.echoId} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n` +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocols}\r\n\r\n`,
  );
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  const first = Uint8Array.of(0x02, 0x81, 0, 0, 0, 0, 7);
  const more = Uint8Array.of(0x00, 0x81, 0, 0, 0, 0, 7);
  socket.write(concat(first, ...Array.from({ length: 4096 }, () => more)));
  const code = await new Promise<number>((resolve) => {
    socket.on("data", (part: Uint8Array) => {
      const at = part.findIndex((byte, i) => byte === 0x88 && part[i + 1] >= 2);
      if (at >= 0) resolve(part[at + 2] << 8 | part[at + 3]);
    });
  });
  strictEqual(code, 1008);
  socket.destroy();
});
