/** Nothing but the nonce leaves a client before evidence, nonce, checksum and certificate key are what it demands (design §6, I9). */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import type { AttestationPolicy } from "../../lib/attestation/mod.ts";
import { base64, concat, fromBase64, hex, utf8 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import {
  connectEnclave,
  deployPackage,
  type EnclaveOptions,
} from "../../lib/enclave/client/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { nonceFrame, RawSocket } from "./_raw.ts";
import { ECHO, policyOf, startWorld, type World } from "./_harness.ts";

const NONCE = new Uint8Array(16).fill(7);
const NONCE_FRAME_BYTES = JSON.stringify({ message: { nonce: base64(NONCE) } }).length;

/** Connects and expects a refusal; gives its line. */
async function refusalOf(options: EnclaveOptions): Promise<string> {
  try {
    await connectEnclave({ ...options, nonce: NONCE });
  } catch (thrown) {
    ok(thrown instanceof FumataError);
    strictEqual(thrown.exitCode, 3);
    ok(!thrown.message.includes("\n"));
    return thrown.message;
  }
  throw new Error("the client did not refuse");
}

/** What a world's client would use if all were well. */
function goodOptions(world: World): EnclaveOptions {
  const { token, policy, echoId: functionId } = world;
  return { url: world.host.url, token, policy, functionId, checksum: ECHO.checksum };
}

/** Asserts that the host got the nonce of a run session and not a byte more. */
function onlyNonceCame(world: World): void {
  const runs = world.host.counters().filter((count) => count.path === "/v1/run/:id");
  deepStrictEqual(runs.map(({ bytes, bytesAfterNonce }) => [bytes, bytesAfterNonce]), [
    [NONCE_FRAME_BYTES, 0],
  ]);
}

Deno.test("a client refuses another function than the pinned one", async () => {
  await using world = await startWorld();
  const wanted = new Uint8Array(32).fill(1);
  const line = await refusalOf({ ...goodOptions(world), checksum: wanted });
  ok(line.includes(hex(wanted)) && line.includes(hex(ECHO.checksum)), line);
  onlyNonceCame(world);
});

Deno.test("a client refuses a simulated TEE under another root", async () => {
  await using world = await startWorld();
  const other = await openSimulatedTee({ folder: join(world.folder, "other"), version: "test" });
  const line = await refusalOf({ ...goodOptions(world), policy: policyOf(other) });
  match(line, /^Cannot trust the enclave at "http.*root/);
  onlyNonceCame(world);
});

Deno.test("a client refuses other code in the enclave", async () => {
  await using world = await startWorld();
  const policy = { ...world.policy, measurements: { pcr0: "ab".repeat(48) } };
  const line = await refusalOf({ ...goodOptions(world), policy });
  match(line, /pcr0 is [0-9a-f]{96}, expected (ab){48}/);
  onlyNonceCame(world);
});

Deno.test("a client that was not told to trust a simulated TEE refuses it", async () => {
  await using world = await startWorld();
  const policy: AttestationPolicy = { platform: "nitro", measurements: { pcr0: "ab".repeat(48) } };
  const line = await refusalOf({ ...goodOptions(world), policy });
  match(line, /simulated/);
  onlyNonceCame(world);
});

Deno.test("a client refuses a certificate that is not valid at its time", async () => {
  await using world = await startWorld();
  const at = () => new Date(Date.now() + 24 * 3600 * 1000);
  match(await refusalOf({ ...goodOptions(world), at }), /valid/);
  onlyNonceCame(world);
});

Deno.test("a deployment to an enclave that is not trusted leaves nothing there", async () => {
  await using world = await startWorld();
  const other = await openSimulatedTee({ folder: join(world.folder, "other"), version: "test" });
  const { token } = world;
  const to = { url: world.host.url, token, policy: policyOf(other), zip: ECHO.zip, name: "echo" };
  const refused = await deployPackage(to).catch((thrown) => thrown);
  strictEqual(refused.exitCode, 3);
  deepStrictEqual(world.host.counters().map((count) => count.bytesAfterNonce), [0]);
});

Deno.test("of a client that refuses, nothing but the nonce and a goodbye is on the wire", async () => {
  await using world = await startWorld();
  const sent: Uint8Array[] = [];
  const target = new URL(world.host.url);
  const done = Promise.withResolvers<void>();
  const relay = createTcpServer((client) => {
    const host = connect(Number(target.port), target.hostname);
    client.on("data", (bytes: Uint8Array) => sent.push(new Uint8Array(bytes)));
    client.pipe(host);
    host.pipe(client);
    for (const end of [client, host]) {
      end.on("error", () => {});
      end.on("close", () => {
        client.destroy();
        host.destroy();
        done.resolve();
      });
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", () => resolve()));
  const { port } = relay.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  await refusalOf({ ...goodOptions(world), url, checksum: new Uint8Array(32).fill(1) });
  await done.promise;
  await new Promise<void>((resolve) => relay.close(() => resolve()));
  const all = concat(...sent);
  const head = new TextDecoder().decode(all).indexOf("\r\n\r\n") + 4;
  // RFC 6455, section 5.2: 2 bytes of header and 4 of mask around the nonce, the same around a close code of 2.
  strictEqual(all.length - head, 6 + NONCE_FRAME_BYTES + 6 + 2);
});

/** A host that lies: answers every nonce with one frame, and counts what comes behind the nonce. */
async function startLiar(frame: unknown) {
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] });
  const frames: Uint8Array[] = [];
  sockets.on("connection", (socket) => {
    socket.on("message", (data: Uint8Array) => {
      frames.push(data);
      if (frames.length === 1) socket.send(JSON.stringify(frame));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    frames,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The frame with which the real host answers a nonce. */
// deno-lint-ignore no-explicit-any
async function genuineFrame(options: EnclaveOptions, nonce: Uint8Array): Promise<any> {
  const path = `/v1/run/${options.functionId}`;
  await using socket = await RawSocket.open(options.url, path, ["cape.runtime", options.token]);
  socket.send(nonceFrame(nonce));
  return await socket.nextJson();
}

async function refusalOfLiar(options: EnclaveOptions, frame: unknown): Promise<string> {
  await using liar = await startLiar(frame);
  const line = await refusalOf({ ...options, url: liar.url });
  deepStrictEqual(liar.frames.map((bytes) => bytes.length), [NONCE_FRAME_BYTES]);
  return line;
}

Deno.test("a client refuses evidence that answered an earlier nonce", async () => {
  await using world = await startWorld();
  const options = goodOptions(world);
  const old = new Uint8Array(16).fill(3);
  const line = await refusalOfLiar(options, await genuineFrame(options, old));
  ok(line.includes(base64(old)) && line.includes(base64(NONCE)), line);
});

Deno.test("a client refuses a document in which one key was changed", async () => {
  await using world = await startWorld();
  const options = goodOptions(world);
  const frame = await genuineFrame(options, NONCE);
  const document = fromBase64(frame.message.message)!;
  // The session key is the value of `public_key`: a byte string of 32 behind the name.
  const name = utf8("public_key");
  const at = document.findIndex((_, i) => name.every((byte, j) => document[i + j] === byte));
  document[at + name.length + 2] ^= 1;
  frame.message.message = base64(document);
  match(await refusalOfLiar(options, frame), /signature/);
});

Deno.test("a client refuses a certificate key that the evidence does not bind", async () => {
  await using world = await startWorld();
  const options = goodOptions(world);
  const frame = await genuineFrame(options, NONCE);
  const kid = /the evidence binds the certificate key [\w-]{43}; the key that came/;
  const { n } = frame.message.certificate_key;
  frame.message.certificate_key.n = n.slice(0, -2) + (n.endsWith("AQ") ? "Aw" : "AQ");
  match(await refusalOfLiar(options, frame), kid);
  delete frame.message.certificate_key;
  match(await refusalOfLiar(options, frame), kid);
});

Deno.test("a client refuses frames that are no attestation", async () => {
  await using world = await startWorld();
  const options = goodOptions(world);
  const frames = [
    { message: { type: "attestation_doc", message: "not base64!" } },
    { message: { type: "attestation_doc", message: base64(utf8("nonsense")) } },
    { message: { type: "function_result", message: "" } },
    { message: 7 },
    ["attestation_doc"],
  ];
  for (const frame of frames) match(await refusalOfLiar(options, frame), /^Cannot (trust|attest)/);
});

Deno.test("a client refuses a result whose output was changed on the way", async () => {
  await using world = await startWorld();
  const options = goodOptions(world);
  const change = (text: string) => {
    const frame = JSON.parse(text);
    if (frame.message.type === "function_result") frame.message.message = base64(utf8("forged"));
    return JSON.stringify(frame);
  };
  await using proxy = await startProxy(world.host.url, change);
  const connection = await connectEnclave({ ...options, url: proxy.url });
  const refused = await connection.invoke(utf8("genuine")).catch((thrown) => thrown);
  strictEqual(refused.exitCode, 3);
  match(refused.message, /checksum of the output/);
});

Deno.test("a client refuses a result whose signature does not cover its checksums", async () => {
  await using world = await startWorld();
  const options = goodOptions(world);
  const forged = utf8("forged");
  const digest = base64(new Uint8Array(await crypto.subtle.digest("SHA-256", forged)));
  const change = (text: string) => {
    const frame = JSON.parse(text);
    if (frame.message.type === "function_result") {
      frame.message.message = base64(forged);
      frame.message.checksums.output = digest;
    }
    return JSON.stringify(frame);
  };
  await using proxy = await startProxy(world.host.url, change);
  const connection = await connectEnclave({ ...options, url: proxy.url });
  const refused = await connection.invoke(utf8("genuine")).catch((thrown) => thrown);
  strictEqual(refused.exitCode, 3);
  match(refused.message, /signature is not by the key/);
});

/** A proxy between client and host that may change what the host says. */
async function startProxy(target: string, change: (text: string) => string) {
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] });
  const opened: RawSocket[] = [];
  sockets.on("connection", (socket, request) => {
    const protocols = request.headers["sec-websocket-protocol"]!.split(",").map((p) => p.trim());
    const upstream = RawSocket.open(target, request.url!, protocols);
    socket.on("message", async (data: Uint8Array, isBinary: boolean) => {
      (await upstream).send(isBinary ? data : new TextDecoder().decode(data));
    });
    upstream.then(async (raw) => {
      opened.push(raw);
      for (let event; typeof (event = await raw.next()) === "string";) socket.send(change(event));
      socket.close();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const raw of opened) await raw[Symbol.asyncDispose]();
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
