/** What strangers may send: garbage, too much, too slow. It ends their own connection with a reason and nothing else. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { connect } from "node:net";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { connectEnclave } from "../../lib/enclave/client/mod.ts";
import { sealHpke } from "../../lib/crypto/hpke.ts";
import { nonceFrame, RawSocket } from "./_raw.ts";
import { decodeUnverifiedKey } from "./_session_key.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

const NONCE = new Uint8Array(12).fill(1);

/** The echo function gives back what begins with it as it is; to look for words in anything else takes it long. */
const BYTE_THAT_IS_ECHOED = 0xff;

function openRun(world: World): Promise<RawSocket> {
  const path = `/v1/run/${world.echoId}`;
  return RawSocket.open(world.host.url, path, ["cape.runtime", world.token]);
}

/** That the host still serves others. */
async function stillServes(world: World): Promise<void> {
  const { token, policy, echoId: functionId } = world;
  const target = { url: world.host.url, token, policy, functionId, checksum: ECHO.checksum };
  using connection = await connectEnclave(target);
  strictEqual(fromUtf8(await connection.invoke(utf8("there?"))), "there?");
}

Deno.test("whatever comes in place of a nonce ends the session with a reason", async () => {
  await using world = await startWorld();
  const first: (string | Uint8Array)[] = [
    "",
    "garbage",
    "{}",
    "[]",
    "null",
    '{"message":"nonce"}',
    '{"message":{"nonce":7}}',
    '{"message":{"nonce":"not base64"}}',
    nonceFrame(new Uint8Array(11)),
    nonceFrame(new Uint8Array(65)),
    '{"error":"I am a client"}',
    new Uint8Array(32),
    `{"message":${"[".repeat(20_000)}`,
  ];
  for (const frame of first) {
    await using socket = await openRun(world);
    socket.send(frame);
    match((await socket.nextJson()).error, /nonce/);
    strictEqual(await socket.next(), 1008);
  }
  await stillServes(world);
});

Deno.test("inputs that are not sealed to the session end it", async () => {
  await using world = await startWorld();
  const foreign = await sealHpke(new Uint8Array(32).fill(9), utf8("x"));
  for (const frame of [new Uint8Array(0), new Uint8Array(47), new Uint8Array(100), foreign]) {
    await using socket = await openRun(world);
    socket.send(nonceFrame(NONCE));
    await socket.nextJson();
    socket.send(frame);
    const { error, reason } = await socket.nextJson();
    match(error, /cannot decrypt the input/);
    strictEqual(reason, "host");
    strictEqual(await socket.next(), 1008);
  }
  await using socket = await openRun(world);
  socket.send(nonceFrame(NONCE));
  await socket.nextJson();
  socket.send("text where bytes are wanted");
  match((await socket.nextJson()).error, /binary frame/);
  await stillServes(world);
});

Deno.test("a deployment of another form than described is refused", async () => {
  await using world = await startWorld();
  const descriptions = [
    "{}",
    '{"message":{}}',
    '{"message":{"function_name":""}}',
    '{"message":{"function_name":"a\\u0007b"}}',
    `{"message":{"function_name":"${"x".repeat(200)}"}}`,
    '{"message":{"function_name":"x","public":"yes"}}',
    new Uint8Array(3),
  ];
  for (const description of descriptions) {
    const protocols = ["cape.runtime", world.token];
    await using socket = await RawSocket.open(world.host.url, "/v1/deploy", protocols);
    socket.send(nonceFrame(NONCE));
    await socket.nextJson();
    socket.send(description);
    ok((await socket.nextJson()).error);
    strictEqual(await socket.next(), 1008);
  }
  const protocols = ["cape.runtime", world.token];
  await using socket = await RawSocket.open(world.host.url, "/v1/deploy", protocols);
  socket.send(nonceFrame(NONCE));
  await socket.nextJson();
  socket.send('{"message":{"function_name":"x"}}');
  socket.send(new Uint8Array(1000));
  match((await socket.nextJson()).error, /cannot decrypt the package/);
});

Deno.test("a frame above the limit closes the connection before it is taken in", async () => {
  await using world = await startWorld({ limits: { inputBytesMax: 1000 } });
  await using socket = await openRun(world);
  socket.send(nonceFrame(NONCE));
  await socket.nextJson();
  socket.send(new Uint8Array(100_000));
  strictEqual(await socket.next(), 1009);
  await stillServes(world);
});

Deno.test("a flood of inputs is answered in order, not dropped", async () => {
  await using world = await startWorld({ limits: { inputsWaitingMax: 2 } });
  await using socket = await openRun(world);
  socket.send(nonceFrame(NONCE));
  const document = (await socket.nextJson()).message.message;
  const key = decodeUnverifiedKey(document);
  const inputs = await Promise.all(
    Array.from({ length: 50 }, (_, i) => sealHpke(key, utf8(String(i)))),
  );
  for (const input of inputs) socket.send(input);
  for (const i of inputs.keys()) {
    strictEqual(atob((await socket.nextJson()).message.message), String(i));
  }
});

Deno.test("a connection without a nonce is closed", async () => {
  await using world = await startWorld({ limits: { nonceMs: 20 } });
  await using silent = await openRun(world);
  match((await silent.nextJson()).error, /no nonce came in time/);
  strictEqual(await silent.next(), 1008);
});

Deno.test("an idle session is closed without an error", async () => {
  await using world = await startWorld({ limits: { idleMs: 20 } });
  await using idle = await openRun(world);
  idle.send(nonceFrame(NONCE));
  ok((await idle.nextJson()).message);
  strictEqual(await idle.next(), 1000);
});

Deno.test("a client that asks and does not read is cut off", async () => {
  // Time enough to seal the input: until it comes the session is idle.
  await using world = await startWorld({ limits: { idleMs: 2_000, handshakeMs: 2_000 } });
  await using socket = await openRun(world);
  socket.send(nonceFrame(NONCE));
  const key = decodeUnverifiedKey((await socket.nextJson()).message.message);
  socket.pause();
  const input = await sealHpke(key, new Uint8Array(4_000_000).fill(BYTE_THAT_IS_ECHOED));
  const ended = Promise.withResolvers<string>();
  world.onLog = (event, message) => event === "session-ended" && ended.resolve(message);
  for (let i = 0; i < 10; i++) socket.send(input);
  match(await ended.promise, /does not take its answers/);
  socket.resume();
});

/** Sends bytes over TCP and gives what comes back until the host hangs up. */
function exchange(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = "";
    socket.on("data", (part) => answer += part);
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
    socket.write(bytes);
  });
}

Deno.test("a request that is sent too slowly is cut off", async () => {
  // Time enough for whoever sends at once, on a busy machine, too.
  await using world = await startWorld({ limits: { handshakeMs: 2_000 } });
  const { url } = world.host;
  const head = `POST /v1/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.token}\r\n`;
  const slow = [
    "GET /v1/tokens HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    `${head}Content-Length: 100\r\n\r\n{"name"`,
    "",
  ];
  const answers = await Promise.all(slow.map((bytes) => exchange(url, bytes)));
  deepStrictEqual(answers, ["", "", ""]);
  await stillServes(world);
});

Deno.test("heads and bodies above the limit are refused", async () => {
  await using world = await startWorld();
  const { url } = world.host;
  const long = `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(40_000)}\r\n\r\n`;
  match(await exchange(url, long), /^(HTTP\/1\.1 431.*)?/);
  const response = await fetch(`${url}/v1/token`, {
    method: "POST",
    headers: { Authorization: `Bearer ${world.token}` },
    body: "x".repeat(100_000),
  });
  strictEqual(response.status, 413);
  match((await response.json()).error, /more than 65536 bytes/);
  match(
    await exchange(url, "\x16\x03\x01 this is TLS or nonsense\r\n\r\n"),
    /^(HTTP\/1\.1 400.*)?/,
  );
  await stillServes(world);
});

Deno.test("connections above the limit are dropped, and there is room again afterwards", async () => {
  await using world = await startWorld({ limits: { connectionsMax: 1 } });
  {
    await using _held = await openRun(world);
    await rejects(openRun(world));
  }
  // The host learns of the end of a connection a moment after the client; each attempt is such a moment.
  for (let left = 200;; left--) {
    const opened = await openRun(world).catch(() => undefined);
    if (opened) {
      await opened[Symbol.asyncDispose]();
      break;
    }
    ok(left > 0, "there is no room again");
  }
});

Deno.test("endpoints that do not exist, and wrong methods, answer JSON errors", async () => {
  await using world = await startWorld();
  const status = async (method: string, path: string, token = world.token) => {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(world.host.url + path, { method, headers });
    ok((await response.json()).error);
    return response.status;
  };
  strictEqual(await status("GET", "/"), 404);
  strictEqual(await status("GET", "/v1/tokens/"), 404);
  strictEqual(await status("PUT", "/v1/token"), 405);
  strictEqual(await status("GET", `/v1/run/${world.echoId}`), 426);
  strictEqual(await status("DELETE", "/v1/token/..%2f..%2fetc"), 404);
  const noToken = await fetch(`${world.host.url}/v1/tokens`);
  strictEqual(noToken.status, 401);
  ok((await noToken.json()).error);
  const run = `/v1/run/${"1".repeat(22)}`;
  await rejects(RawSocket.open(world.host.url, run, ["cape.runtime", world.token]), /404/);
  await rejects(RawSocket.open(world.host.url, "/nothing", ["cape.runtime", world.token]), /404/);
});

Deno.test("a host that stops ends its sessions", async () => {
  await using world = await startWorld();
  await using socket = await openRun(world);
  await world.host.close();
  strictEqual(typeof await socket.next(), "number");
  await world.host.close();
});
