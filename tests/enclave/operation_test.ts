/** Operating a host: TLS, limits on how much a token asks, metrics and the log. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { connect } from "node:net";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import {
  connectEnclave,
  createToken,
  listTokens,
  runFunction,
} from "../../lib/enclave/client/mod.ts";
import { RateLimit } from "../../lib/enclave/host/rate_limit.ts";
import { TEST_ACCOUNT_KEY } from "./_account_key.ts";
import { startWorld, targetOf } from "./_harness.ts";
import { makeTls } from "./_tls.ts";

Deno.test("a host with a certificate speaks TLS only, and clients that trust it get in", async () => {
  const tls = makeTls();
  // Time enough for who begins at once, on a busy machine, too.
  await using world = await startWorld({ tls, limits: { handshakeMs: 2_000 } });
  const { url } = world.host;
  match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const trusted = { ...targetOf(world), tlsRoots: tls.root };
  strictEqual(fromUtf8(await runFunction(trusted, utf8("over TLS"))), "over TLS");
  ok((await listTokens(trusted)).length > 0);
  await rejects(runFunction(targetOf(world), utf8("x")), { reason: "unreachable" });
  await rejects(listTokens(targetOf(world)), { reason: "unreachable" });
  const plain = url.replace("https", "http");
  await rejects(runFunction({ ...trusted, url: plain }, utf8("x")), { reason: "unreachable" });
  // A session outlives the deadline of its handshake; who does not begin one is cut off like every slow sender.
  using connection = await connectEnclave(trusted);
  await new Promise<void>((resolve) => {
    const silent = connect(Number(new URL(url).port), "127.0.0.1");
    silent.on("error", () => {});
    silent.on("close", () => resolve());
  });
  strictEqual(fromUtf8(await connection.invoke(utf8("still"))), "still");
});

Deno.test("a certificate that is none is a usage error", async () => {
  await using world = await startWorld();
  const good = makeTls();
  const rest = { dataDir: `${world.folder}/second`, prepareAccountKey: false };
  const wrong: [Partial<typeof good>, RegExp][] = [
    [{ certificate: "no PEM" }, /Cannot serve TLS.*the certificate/],
    [{ key: "no PEM" }, /Cannot serve TLS.*the key/],
    [{ key: TEST_ACCOUNT_KEY }, /Cannot serve TLS.*do not belong together/],
  ];
  for (const [change, message] of wrong) {
    const start = world.restart({ ...rest, tls: { ...good, ...change } });
    await rejects(start, { code: "usage", message });
  }
});

Deno.test("a token that asks too often is told to slow down, and others are not", async () => {
  await using world = await startWorld({ limits: { requestsPerSecond: 0.01 } });
  const { url } = world.host;
  const response = async (token: string) => {
    const answer = await fetch(`${url}/v1/tokens`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await answer.body?.cancel();
    return [answer.status, answer.headers.get("retry-after")];
  };
  deepStrictEqual(await response(world.token), [429, "1"]);
  await rejects(connectEnclave(targetOf(world)), { reason: "busy", message: /HTTP 429/ });
});

Deno.test("a bucket lets bursts pass, fills steadily and forgets nobody who is in debt", () => {
  const limit = new RateLimit(2, 2);
  const takes = (id: string, nowMs: number) => {
    let taken = 0;
    while (limit.take(id, nowMs)) taken++;
    return taken;
  };
  strictEqual(takes("a", 0), 10);
  strictEqual(takes("a", 499), 0);
  strictEqual(takes("a", 1500), 3);
  strictEqual(takes("a", 100_000), 10);
  strictEqual(takes("b", 100_000), 10);
  strictEqual(takes("c", 100_001), 10, "another one has a bucket too");
  strictEqual(takes("a", 100_002), 0, "a is remembered");
  strictEqual(limit.takeLater("a", 100_500), 0);
  strictEqual(Math.round(limit.takeLater("a", 100_500)), 500);
  strictEqual(Math.round(limit.takeLater("a", 100_500)), 1000);
});

Deno.test("inputs above the rate of their token wait and are all answered", async () => {
  await using world = await startWorld({ limits: { inputsPerSecond: 20 } });
  using connection = await connectEnclave(targetOf(world));
  const startMs = performance.now();
  const inputs = Array.from({ length: 110 }, (_, i) => String(i));
  const outputs = await Promise.all(inputs.map((text) => connection.invoke(utf8(text))));
  deepStrictEqual(outputs.map((bytes) => fromUtf8(bytes)), inputs);
  ok(performance.now() - startMs > 400);
});

Deno.test("metrics count what happened, for the account only", async () => {
  await using world = await startWorld();
  using connection = await connectEnclave(targetOf(world));
  await connection.invoke(utf8("x"));
  await rejects(runFunction(targetOf(world), utf8("fail")), { reason: "function" });
  const { url } = world.host;
  const get = (token: string) =>
    fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const response = await get(world.token);
  match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  for (
    const line of [
      'fumata_enclave_calls_total{result="ok"} 1',
      'fumata_enclave_calls_total{result="threw"} 1',
      'fumata_enclave_requests_total{endpoint="/v1/run/:id",status="101"} 2',
      "fumata_enclave_functions 1",
      "# TYPE fumata_enclave_connections gauge",
    ]
  ) ok(text.split("\n").includes(line), `${line}\n${text}`);
  match(text, /fumata_enclave_sessions\{endpoint="\/v1\/run\/:id"\} 1/);
  for (const line of text.trimEnd().split("\n")) {
    match(line, /^(# (HELP|TYPE) \w+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [\d.e+-]+)$/);
  }
  const token = await createToken(targetOf(world), { name: "f", functionId: world.echoId });
  const refused = await get(token);
  await refused.body?.cancel();
  strictEqual(refused.status, 403);
});
