/** The client against hosts that are away, slow, strange or elsewhere. */
import { match, ok, rejects, strictEqual } from "node:assert";
import { createServer, type RequestListener } from "node:http";
import type { Duplex } from "node:stream";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { connectEnclave, type EnclaveOptions, listTokens } from "../../lib/enclave/client/mod.ts";
import { ownLoopback } from "../_loopback.ts";
import { startWorld, targetOf } from "./_harness.ts";

/** A server of our own making on a free port. */
async function startServer(handlers: {
  onUpgrade?: (socket: Duplex) => void;
  onRequest?: RequestListener;
}) {
  const open = new Set<Duplex>();
  const server = createServer(handlers.onRequest);
  server.on("connection", (socket) => open.add(socket));
  server.on("upgrade", (_request: unknown, socket: Duplex) => handlers.onUpgrade?.(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const refuseWith = (head: string) => (socket: Duplex) =>
  socket.end(`HTTP/1.1 ${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);

Deno.test("a host that is down is out of reach, with what to look at", async () => {
  await using world = await startWorld({ host: ownLoopback() });
  await world.host.close();
  const connecting = connectEnclave(targetOf(world));
  await rejects(connecting, { code: "unreachable", message: /is the enclave host running\?/ });
  await rejects(listTokens(targetOf(world)), { code: "unreachable" });
});

Deno.test("a host that accepts and says nothing is given up at the deadline", async () => {
  await using world = await startWorld();
  await using mute = await startServer({});
  const timeouts = { connectMs: 30 };
  const options = { ...targetOf(world), url: mute.url, timeouts };
  await rejects(connectEnclave(options), {
    code: "unreachable",
    message: /no connection within 0.03 s/,
  });
  await rejects(listTokens(options), { code: "unreachable", message: /no answer in 0.03 s/ });
});

Deno.test("an attempt can be given up from outside", async () => {
  await using world = await startWorld();
  await using mute = await startServer({});
  const giveUp = new AbortController();
  const options = { ...targetOf(world), url: mute.url, signal: giveUp.signal };
  const connecting = connectEnclave(options);
  giveUp.abort();
  await rejects(connecting, { code: "unreachable", message: /given up/ });
  await rejects(connectEnclave(options), { code: "unreachable", message: /given up/ });
});

Deno.test("a redirect is followed once and not twice", async () => {
  await using world = await startWorld();
  const to = (url: string) => refuseWith(`307 Temporary Redirect\r\nLocation: ${url}`);
  const path = `/v1/run/${world.echoId}`;
  await using near = await startServer({ onUpgrade: to(world.host.url + path) });
  await using far = await startServer({ onUpgrade: to(near.url + path) });
  using connection = await connectEnclave({ ...targetOf(world), url: near.url });
  strictEqual(fromUtf8(await connection.invoke(utf8("hello"))), "hello");
  const twice = connectEnclave({ ...targetOf(world), url: far.url });
  await rejects(twice, { code: "unreachable", message: /redirects more than once/ });
});

Deno.test("a redirect to something else than a host is an error like others", async () => {
  await using world = await startWorld();
  const location = "307 Temporary Redirect\r\nLocation: file:///etc/passwd";
  await using server = await startServer({ onUpgrade: refuseWith(location) });
  await rejects(connectEnclave({ ...targetOf(world), url: server.url }), { message: /HTTP 307/ });
});

Deno.test("answers that are not of this protocol are reported on one line", async () => {
  await using world = await startWorld();
  const evil = '{"error":"line one\\nline two \\u001b[31mred"}';
  await using server = await startServer({
    onUpgrade: (socket) =>
      socket.end(
        `HTTP/1.1 500 x\r\nConnection: close\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`,
      ),
    onRequest: (_request, response) => response.end("<html>"),
  });
  const options = { ...targetOf(world), url: server.url };
  const error = await connectEnclave(options).catch((thrown) => thrown);
  match(error.message, /line one line two \?\[31mred/);
  ok(!error.message.includes("\n"));
  await rejects(listTokens(options), { message: /something else than this protocol/ });
});

Deno.test("URLs and tokens that cannot be used are usage errors, and the token is not shown", async () => {
  await using world = await startWorld();
  for (const url of ["", "7878", "ftp://host", "http://user@host", "http://host/?a", "nonsense"]) {
    await rejects(connectEnclave({ ...targetOf(world), url }), { code: "usage" }, url);
    await rejects(listTokens({ ...targetOf(world), url }), { code: "usage" }, url);
  }
  const token = "secret with spaces";
  const error = await connectEnclave({ ...targetOf(world), token }).catch((thrown) => thrown);
  strictEqual(error.code, "usage");
  ok(!error.message.includes("secret"), error.message);
});

Deno.test("a call that takes too long is given up and the connection closed", async () => {
  await using world = await startWorld();
  const options = { ...targetOf(world), timeouts: { invokeMs: 0 } };
  using connection = await connectEnclave(options);
  await rejects(connection.invoke(utf8("x")), { code: "unreachable", message: /none came in 0 s/ });
  ok(!connection.isOpen);
});

Deno.test("a connection that the host closed for idling says so at the next call", async () => {
  await using world = await startWorld({ limits: { idleMs: 10 } });
  using connection = await connectEnclave(targetOf(world));
  await connection.closed;
  ok(!connection.isOpen);
  await rejects(connection.invoke(utf8("x")), {
    code: "unreachable",
    message: /the connection is closed/,
  });
});

Deno.test("the platform's own WebSocket does as well", async () => {
  await using world = await startWorld();
  const webSocket = globalThis.WebSocket as unknown as EnclaveOptions["webSocket"];
  using connection = await connectEnclave({ ...targetOf(world), webSocket });
  strictEqual(fromUtf8(await connection.invoke(utf8("hello"))), "hello");
});

Deno.test("a signal keeps nothing of connections that have ended, and ends those that are open", async () => {
  await using world = await startWorld();
  const controller = new AbortController();
  const { signal } = controller;
  let listening = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = (...words: unknown[]) => {
    listening++;
    add.apply(signal, words as never);
  };
  signal.removeEventListener = (...words: unknown[]) => {
    listening--;
    remove.apply(signal, words as never);
  };
  const ended = await connectEnclave({ ...targetOf(world), signal });
  ended.close();
  await ended.closed;
  await Promise.resolve();
  strictEqual(listening, 0);
  const open = await connectEnclave({ ...targetOf(world), signal });
  controller.abort();
  await open.closed;
});
