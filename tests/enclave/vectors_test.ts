/** Recorded frames, endpoint by endpoint: our client accepts what a host said, a host understands what a client said, and answers keep their shape. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { parsePolicy } from "../../lib/attestation/mod.ts";
import { fromBase64, fromHex, fromUtf8 } from "../../lib/base/bytes.ts";
import { sha256Hex } from "../../lib/crypto/digest.ts";
import { connectEnclave, fetchAccountKey, testPackage } from "../../lib/enclave/client/mod.ts";
import { nonceFrame, RawSocket } from "./_raw.ts";
import { startWorld } from "./_harness.ts";

const FOLDER = new URL("../vectors/enclave/", import.meta.url);

interface Frame {
  readonly from: "client" | "host";
  readonly text?: string;
  readonly hex?: string;
  readonly plain?: string;
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  readonly answer: unknown;
}

function read(name: string) {
  const vector = JSON.parse(Deno.readTextFileSync(new URL(`${name}.json`, FOLDER)));
  const at = new Date(vector.at);
  return {
    endpoint: String(vector.endpoint),
    functionChecksum: String(vector.function_checksum),
    exchanges: (vector.exchanges ?? []) as Exchange[],
    frames: (vector.frames ?? []) as Frame[],
    target: {
      token: "token",
      policy: parsePolicy(vector.policy, name),
      nonce: vector.nonce && fromBase64(vector.nonce)!,
      at: () => at,
    },
    checksum: fromHex(vector.function_checksum)!,
  };
}

/** A host that says what was recorded: after each client's frame all of the host's that followed it. */
async function replay(frames: readonly Frame[]) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise<void>((resolve) => server.on("listening", resolve));
  server.on("connection", (socket: WebSocket) => {
    let at = 0;
    socket.on("message", () => {
      at++;
      for (; frames[at]?.from === "host"; at++) socket.send(frames[at].text!);
    });
  });
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) (socket as WebSocket).terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

for (const name of ["run", "run_by_name"]) {
  Deno.test(`${name}: the client accepts recorded evidence and results, and no other input or nonce`, async () => {
    const { frames, target, endpoint, checksum } = read(name);
    const functionId = endpoint.slice("/v1/run/".length);
    const inputs = frames.flatMap(({ plain }) => plain === undefined ? [] : [fromHex(plain)!]);
    await using host = await replay(frames);
    const connect = (change: object = {}) =>
      connectEnclave({ ...target, url: host.url, functionId, checksum, ...change });
    using connection = await connect();
    const outputs = [];
    for (const input of inputs.slice(0, 3)) {
      outputs.push(fromUtf8(await connection.invoke(input)));
    }
    deepStrictEqual(outputs, ["1:ONE", "2:TWO", "3:THREE"]);
    await rejects(connection.invoke(inputs[3]), { reason: "function", message: /as asked/ });

    using other = await connect();
    await rejects(other.invoke(inputs[1]), { reason: "result" });
    await rejects(connect({ nonce: new Uint8Array(12) }), { reason: "evidence" });
    await rejects(connect({ checksum: new Uint8Array(32) }), { reason: "evidence" });
  });
}

Deno.test("key and test: the client accepts what was recorded", async () => {
  {
    const { frames, target } = read("key");
    await using host = await replay(frames);
    const { publicKey } = await fetchAccountKey({ ...target, url: host.url });
    ok(publicKey.length > 512);
  }
  const { frames, target } = read("test");
  await using host = await replay(frames);
  const input = new TextEncoder().encode("once");
  const zip = fromHex(frames.find(({ plain }) => plain !== undefined)!.plain!)!;
  const output = await testPackage({ ...target, url: host.url, zip, input });
  strictEqual(fromUtf8(output), "1:ONCE");
});

Deno.test("deploy: a host takes the recorded frames, whose package is the recorded one", async () => {
  const { frames, functionChecksum: checksum } = read("deploy");
  await using world = await startWorld();
  const protocols = ["cape.runtime", world.token];
  await using socket = await RawSocket.open(world.host.url, "/v1/deploy", protocols);
  socket.send(nonceFrame(new Uint8Array(12)));
  await socket.nextJson();
  for (const { text, hex, plain } of frames.slice(2).filter(({ from }) => from === "client")) {
    if (plain !== undefined) strictEqual(sha256Hex(fromHex(plain)!), checksum);
    socket.send(text ?? fromHex(hex!)!);
  }
  match((await socket.nextJson()).message.id, /^[1-9A-HJ-NP-Za-km-z]{22}$/);
});

/** The names of members, and the kinds of values, all the way down. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shapeOf(item)]));
}

Deno.test("http: a host answers with the recorded statuses and shapes", async () => {
  const { exchanges } = read("http");
  await using world = await startWorld({ user: "ann" });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(world.host.url + path, {
      method,
      headers: { Authorization: `Bearer ${world.token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, answer: await response.json() };
  };
  let tokenId = "";
  for (const { method, path, body, status, answer } of exchanges) {
    const here = path.replace(/(?<=functions\/)\w+/, world.echoId)
      .replace(/(?<=token\/)\w+/, tokenId);
    const got = await call(method, here, body);
    deepStrictEqual(
      [got.status, shapeOf(got.answer)],
      [status, shapeOf(answer)],
      `${method} ${path}`,
    );
    if (path === "/v1/token") tokenId = got.answer.id;
  }
});
