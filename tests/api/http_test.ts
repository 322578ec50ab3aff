/** HTTP as it should be spoken: methods, media types, conditional requests, long polls, other origins. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { API_LIMITS } from "../../lib/api/limits.ts";
import { isOrigin } from "../../lib/api/cross_origin.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import type { Route } from "../../lib/api/types.ts";
import { readAll, Served, TOKEN } from "./_served.ts";

Deno.test("a wrong method is told which are right; OPTIONS and HEAD are answered", async () => {
  await using served = await Served.start();
  const wrong = await fetch(`${served.url}/v1/members`, { method: "DELETE" });
  deepStrictEqual([wrong.status, wrong.headers.get("allow")], [405, "GET, HEAD, OPTIONS"]);
  await wrong.text();
  const both = await fetch(`${served.url}/v1/succession`, { method: "OPTIONS" });
  deepStrictEqual([both.status, both.headers.get("allow")], [204, "GET, POST, HEAD, OPTIONS"]);
  match(await served.raw("OPTIONS /v2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), /^HTTP\/1.1 404 /);
  const head = await served.raw("HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  match(head, /^HTTP\/1.1 200 [^]*content-length: 3\r\n[^]*\r\n\r\n$/i);
  const events = await served.raw("HEAD /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  match(events, /^HTTP\/1.1 200 [^]*text\/event-stream[^]*\r\n\r\n$/);
});

Deno.test("a body that is no JSON by its type is refused before it is read as one", async () => {
  await using served = await Served.start();
  const post = (type: string | undefined, body: BodyInit) =>
    fetch(`${served.url}/v1/join`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, ...(type && { "content-type": type }) },
      body,
    });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", undefined]) {
    const refused = await post(type, new Uint8Array([123, 125]));
    deepStrictEqual([refused.status, refused.headers.get("accept")], [415, "application/json"]);
    await refused.text();
  }
  const taken = await post("Application/JSON; charset=utf-8", "{}");
  strictEqual(taken.status, 400);
  match(await taken.text(), /has to be 1..64 addresses/);
});

Deno.test("without a token the answer names the scheme", async () => {
  await using served = await Served.start();
  const refused = await fetch(`${served.url}/v1/leave`, { method: "POST" });
  strictEqual(refused.status, 401);
  match(refused.headers.get("www-authenticate")!, /^Bearer /);
  await refused.text();
});

Deno.test("a body that is announced as too long is refused before it comes", async () => {
  await using served = await Served.start();
  const length = API_LIMITS.bodyBytesMax + 1;
  const answer = await served.raw(
    `POST /v1/prove HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${length}\r\n\r\n`,
  );
  match(answer, /^HTTP\/1.1 413 /);
});

Deno.test("a client that has the leader already gets no body; the tag changes with it", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  for (const path of ["/v1/leader", "/v1/certificate"]) {
    const first = await fetch(served.url + path);
    const tag = first.headers.get("etag")!;
    match(tag, /^W\/".+"$/);
    await first.text();
    const ask = async (named: string) => {
      const answer = await fetch(served.url + path, { headers: { "if-none-match": named } });
      return [answer.status, (await answer.text()).length > 0];
    };
    for (const same of [tag, tag.slice(2), `"other", ${tag}`, "*"]) {
      deepStrictEqual(await ask(same), [304, false], same);
    }
    deepStrictEqual(await ask('"other"'), [200, true]);
  }
});

Deno.test("long poll: answers when there is a leader, and again only when it is another", async () => {
  await using served = await Served.start();
  const { enclave, test } = served;
  enclave.up = false;
  const ask = (tag?: string, wait = "60s") =>
    fetch(`${served.url}/v1/leader?wait=${wait}`, { headers: tag ? { "if-none-match": tag } : {} });
  const waiting = ask();
  enclave.up = true;
  const first = await waiting;
  strictEqual((await first.json()).name, "n:1");
  const tag = first.headers.get("etag")!;
  const same = await ask(tag, "50ms");
  strictEqual(same.status, 304);
  const changed = ask(tag);
  // Under the policy "highest" the newcomer leads; in between there is none, which is news as well.
  const { TestNode } = await import("../node/_cluster.ts");
  await using _other = new TestNode(enclave, [test.node.address], { name: "n:2" });
  const news = await changed;
  ok(news.status === 404 || news.status === 200);
  await news.text();
  const next = await ask(tag === news.headers.get("etag") ? tag : undefined);
  strictEqual((await next.json()).name, "n:2");
});

Deno.test("long poll: wrong times are refused, too many waits too, and none outlives its client or server", async () => {
  const limits = { ...API_LIMITS, waitsMax: 1 };
  const served = await Served.start({
    limits,
    node: { enclaves: [{ name: "e", connect: () => Promise.reject(new Error("down")) }] },
  });
  for (const wait of ["1", "61s", "-1s", "1h", "60001ms"]) {
    strictEqual((await served.get(`/v1/leader?wait=${wait}`)).status, 400, wait);
  }
  const request = "GET /v1/leader?wait=60s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  const connection = await served.connect();
  await connection.write(new TextEncoder().encode(request));
  let refused = await fetch(`${served.url}/v1/leader?wait=100ms`);
  while (refused.status === 404) {
    await refused.text();
    refused = await fetch(`${served.url}/v1/leader?wait=100ms`);
  }
  deepStrictEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  await refused.text();
  connection.close();
  // Its place is free again as soon as the server has noticed.
  while ((await served.get("/v1/leader?wait=1ms")).status === 503);
  const last = await served.connect();
  await last.write(new TextEncoder().encode(request));
  const answer = readAll(last);
  await served[Symbol.asyncDispose]();
  ok(!(await answer).includes(" 200 "));
  last.close();
});

Deno.test("strangers who wait take no place from orders", async () => {
  const order: Route = {
    method: "POST",
    path: "/order",
    needsToken: true,
    doc: { summary: "An order that takes a moment.", answers: { 200: { means: "Done." } } },
    async handle({ waitUntil }) {
      await waitUntil(() => false, 1);
      return { json: {} };
    },
  };
  await using served = await Served.start({
    limits: { ...API_LIMITS, waitsMax: 0 },
    routes: [...ROUTES, order],
    node: { enclaves: [{ name: "e", connect: () => Promise.reject(new Error("down")) }] },
  });
  strictEqual((await served.get("/v1/leader?wait=1ms")).status, 503);
  strictEqual((await served.post("/order", {}, TOKEN)).status, 200);
});

Deno.test("pages of other origins read nothing unless their origin was allowed", async () => {
  const origin = "https://board.example";
  await using closed = await Served.start();
  await using open = await Served.start({ allowedOrigins: [origin] });
  const fields = async (served: Served, from: string, method = "GET") => {
    const answer = await fetch(`${served.url}/v1/members`, { method, headers: { origin: from } });
    await answer.text();
    return answer.headers;
  };
  for (const from of [origin, "null"]) {
    const headers = await fields(closed, from);
    strictEqual(headers.get("access-control-allow-origin"), null);
    strictEqual(headers.get("cross-origin-resource-policy"), "same-origin");
  }
  strictEqual(
    (await fields(open, "https://evil.example")).get("access-control-allow-origin"),
    null,
  );
  const allowed = await fields(open, origin);
  deepStrictEqual([allowed.get("access-control-allow-origin"), allowed.get("vary")], [
    origin,
    "origin",
  ]);
  const preflight = await fields(open, origin, "OPTIONS");
  match(preflight.get("access-control-allow-headers")!, /authorization/);
  strictEqual(
    (await fields(open, "https://evil.example", "OPTIONS")).get("access-control-allow-methods"),
    null,
  );
});

Deno.test("an origin is a scheme, a host and perhaps a port, and nothing more", () => {
  for (const right of ["*", "https://a.example", "http://127.0.0.1:8080"]) ok(isOrigin(right));
  for (const wrong of ["", "a.example", "https://a.example/", "https://a.example/x", "null"]) {
    ok(!isOrigin(wrong), wrong);
  }
});
