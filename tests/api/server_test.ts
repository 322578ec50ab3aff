/** The door of the HTTP interface: the token, the host, and bounds on what strangers hold open. */
import { match, ok, strictEqual } from "node:assert";
import { API_LIMITS } from "../../lib/api/limits.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import type { Route } from "../../lib/api/types.ts";
import { readAll, Served, TOKEN } from "./_served.ts";

Deno.test("what changes something needs the token; what is read does not, but for keys", async () => {
  await using served = await Served.start();
  for (const route of ROUTES) {
    // To prove something to a stranger changes nothing.
    const changes = route.method === "POST" && route.path !== "/v1/prove";
    strictEqual(route.needsToken, changes || route.path === "/v1/cluster-keys");
    if (!route.needsToken) continue;
    for (const token of [undefined, "", "wrong", TOKEN + "x", TOKEN.slice(1)]) {
      const { status, body } = route.method === "GET"
        ? await served.get(route.path, token)
        : await served.post(route.path, {}, token);
      strictEqual(status, 401, route.path);
      strictEqual(body.error.code, "refused");
    }
  }
  strictEqual(served.test.node.members().length, 0);
});

Deno.test("a node without a token takes no orders", async () => {
  await using served = await Served.start({ token: false });
  for (const token of [undefined, "", "undefined"]) {
    const { status, body } = await served.post("/v1/leave", {}, token);
    strictEqual(status, 403);
    match(body.error.message, /has no token, so it takes no orders/);
  }
});

Deno.test("a name that only points to loopback is refused", async () => {
  await using served = await Served.start();
  const { port } = served.server.address;
  const ask = (host: string) => served.raw(`GET /v1/members HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  match(await ask(`evil.example:${port}`), /^HTTP\/1.1 403 /);
  match(await ask("127.0.0.1.evil.example"), /^HTTP\/1.1 403 /);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "[::1]:1"]) {
    match(await ask(host), /^HTTP\/1.1 200 /);
  }
});

Deno.test("unknown paths and methods are named", async () => {
  await using served = await Served.start();
  strictEqual((await served.get("/v2/members")).status, 404);
  strictEqual((await served.get("/v1/members/../../etc/passwd")).status, 404);
  const wrong = await served.post("/v1/members", {}, TOKEN);
  strictEqual(wrong.status, 405);
  match(wrong.body.error.message, /takes GET/);
});

Deno.test("a target that is no URL is the client's fault", async () => {
  await using served = await Served.start();
  const answer = await served.raw("GET //[ HTTP/1.1\r\nhost: localhost\r\n\r\n");
  match(answer, /^HTTP\/1.1 400 /);
});

Deno.test("bodies that are too long or no JSON are refused", async () => {
  await using served = await Served.start();
  const long = await served.post(
    "/v1/join",
    "[" + " ".repeat(API_LIMITS.bodyBytesMax) + "]",
    TOKEN,
  );
  strictEqual(long.status, 413);
  match(long.body.error.message, /longer than/);
  const broken = await served.post("/v1/join", "{", TOKEN);
  strictEqual(broken.status, 400);
  match(broken.body.error.message, /not JSON/);
});

Deno.test("a head that is too long is refused", async () => {
  await using served = await Served.start();
  const answer = await served.raw(
    `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"x".repeat(API_LIMITS.headBytesMax)}\r\n\r\n`,
  );
  ok(!answer.includes(" 200 "), answer);
});

Deno.test("a request that does not come is cut off in time, and others are served meanwhile", async () => {
  // Time enough for whoever asks at once, on a busy machine, too.
  await using served = await Served.start({ limits: { ...API_LIMITS, requestMs: 2_000 } });
  using silent = await served.connect();
  using slow = await served.connect();
  await slow.write(new TextEncoder().encode("POST /v1/join HTTP/1.1\r\nHost: 127.0.0.1\r\n"));
  strictEqual((await served.get("/healthz")).status, 200);
  for (const connection of [silent, slow]) ok(!(await readAll(connection)).includes(" 200 "));
});

Deno.test("connections and streams beyond their number are closed at once", async () => {
  await using served = await Served.start({
    limits: { ...API_LIMITS, connectionsMax: 3, streamsMax: 1 },
  });
  const stream = await fetch(`${served.url}/v1/events`);
  const second = await fetch(`${served.url}/v1/events`);
  strictEqual(second.status, 503);
  await second.text();
  using _one = await served.connect();
  using _two = await served.connect();
  using three = await served.connect();
  strictEqual(await readAll(three), "");
  await stream.body!.cancel();
});

Deno.test("a reader that takes nothing of its answer is cut off in time", async () => {
  const long: Route = {
    method: "GET",
    path: "/long",
    needsToken: false,
    doc: { summary: "More than sockets buffer.", answers: { 200: { means: "Much." } } },
    handle: () => ({ status: 200, text: "x".repeat(32 * 1024 * 1024) }),
  };
  await using served = await Served.start({
    limits: { ...API_LIMITS, connectionsMax: 1, answerMs: 200, answerBytesPerMs: Infinity },
    routes: [...ROUTES, long],
  });
  using slow = await served.connect();
  await slow.write(new TextEncoder().encode("GET /long HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
  // One byte, so that the answer is under way before anybody else asks.
  await slow.read(new Uint8Array(1));
  const request = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  while (!(await served.raw(request)).includes(" 200 "));
});

Deno.test("long answers are made and sent a few at a time, and have the time that they need", async () => {
  const made = Promise.withResolvers<void>();
  const long: Route = {
    method: "GET",
    path: "/long",
    needsToken: false,
    isLong: true,
    doc: { summary: "More than sockets buffer.", answers: { 200: { means: "Much." } } },
    handle() {
      made.resolve();
      return { status: 200, text: "x".repeat(32 * 1024 * 1024) };
    },
  };
  await using served = await Served.start({
    limits: { ...API_LIMITS, longAnswersMax: 1, answerMs: 0 },
    routes: [...ROUTES, long],
  });
  const request = "GET /long HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  const slow = await served.connect();
  await slow.write(new TextEncoder().encode(request));
  await made.promise;
  match(await served.raw(request), /^HTTP\/1.1 503 [^]*retry-after/i);
  slow.close();
  // Its place is free again as soon as the server has noticed, and then all of the answer comes.
  let answer = await served.raw(request);
  while (answer.includes(" 503 ")) answer = await served.raw(request);
  ok(answer.length > 32 * 1024 * 1024);
});
