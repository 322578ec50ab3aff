/** Each route: what it answers, what it refuses. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import { ROUTES } from "../../lib/api/routes.ts";
import type { ApiRequest } from "../../lib/api/types.ts";
import { base64 } from "../../lib/base/bytes.ts";
import { formatAddress } from "../../lib/base/address.ts";
import { clusterKey } from "../../lib/wire/keyring.ts";
import { ownLoopback } from "../_loopback.ts";
import { TestNode } from "../node/_cluster.ts";
import { Served, TOKEN } from "./_served.ts";

Deno.test("members: the node itself and the others, with what a node knows of each", async () => {
  await using served = await Served.start({ node: { tags: { zone: "b" } } });
  const { enclave, test } = served;
  await using other = new TestNode(enclave, [test.node.address], { name: "n:2", tags: { a: "1" } });
  await test.leader(2);
  const { status, body } = await served.get("/v1/members");
  strictEqual(status, 200);
  const [self, member] = body.members;
  deepStrictEqual([self.name, self.self, self.state, self.tags], ["n:1", true, "alive", {
    zone: "b",
  }]);
  strictEqual(member.id, other.node.id);
  deepStrictEqual([member.name, member.self, member.state], ["n:2", false, "alive"]);
  deepStrictEqual(member.tags, { a: "1" });
  strictEqual(member.address, formatAddress(other.node.address));
  ok(Math.abs(Date.parse(member.since) - Date.now()) < 60_000);
  strictEqual(typeof member.incarnation, "number");
  ok(member.rttMs === null || member.rttMs >= 0);
});

Deno.test("leader and certificate: 404 without one, then the one that the node respects", async () => {
  await using served = await Served.start();
  const { test, enclave } = served;
  enclave.up = false;
  await using lonely = await Served.start({
    node: { enclaves: [{ name: "e", connect: () => Promise.reject(new Error("down")) }] },
  });
  for (const path of ["/v1/leader", "/v1/certificate"]) {
    const { status, body } = await lonely.get(path);
    deepStrictEqual([status, body.error.code], [404, "no-leader"]);
  }
  enclave.up = true;
  await test.leader(1);
  const leader = await served.get("/v1/leader");
  deepStrictEqual([leader.status, leader.body.name, leader.body.self], [200, "n:1", true]);
  strictEqual(leader.body.certificateId, test.node.leader!.id);
  const certificate = await served.get("/v1/certificate");
  deepStrictEqual(certificate.body, JSON.parse(JSON.stringify(test.node.leader!.document)));
});

Deno.test("status and health", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  const { body } = await served.get("/v1/status");
  strictEqual(body.name, "n:1");
  deepStrictEqual(body.members, { alive: 1, suspect: 0, dead: 0, left: 0 });
  strictEqual(body.leader.name, "n:1");
  strictEqual(body.platform, "simulated");
  strictEqual(body.sealed, false);
  deepStrictEqual(await served.get("/healthz"), { status: 200, body: "ok\n" });
});

Deno.test("join: which seeds answered and which did not", async () => {
  await using served = await Served.start();
  const { enclave, test } = served;
  await using island = new TestNode(enclave, [], { name: "n:2" });
  const gone = new TestNode(enclave, [], { name: "n:3", bind: { host: ownLoopback(), port: 0 } });
  const silent = formatAddress(gone.node.address);
  await gone[Symbol.asyncDispose]();
  const seed = formatAddress(island.node.address);
  const { status, body } = await served.post("/v1/join", { seeds: [seed, silent] }, TOKEN);
  strictEqual(status, 200);
  deepStrictEqual(body, { answered: [{ seed, id: island.node.id }], silent: [silent] });
  await test.leader(2);
  for (const seeds of [undefined, [], ["x"], [7], Array(65).fill(seed)]) {
    const refused = await served.post("/v1/join", { seeds }, TOKEN);
    deepStrictEqual([refused.status, refused.body.error.code], [400, "usage"]);
  }
});

Deno.test("leave: answers when the others know", async () => {
  await using served = await Served.start();
  const { enclave, test } = served;
  await using other = new TestNode(enclave, [test.node.address], { name: "n:2" });
  await test.leader(2);
  deepStrictEqual(await served.post("/v1/leave", {}, TOKEN), { status: 200, body: { left: true } });
  await test.node.stopped;
  await other.listener.until(({ event }) => event === "member-leave");
});

Deno.test("force-leave: only who does not answer", async () => {
  await using served = await Served.start();
  const { enclave, test } = served;
  const victim = new TestNode(enclave, [test.node.address], { name: "n:2" });
  await test.leader(2);
  const force = (member: unknown) => served.post("/v1/force-leave", { member }, TOKEN);
  for (
    const [member, status, message] of [
      ["n:2", 409, /is alive and would refute/],
      ["n:1", 409, /is this node itself/],
      ["n:9", 409, /knows no such member/],
      [undefined, 400, /has to be a name or an id/],
    ] as const
  ) {
    const refused = await force(member);
    strictEqual(refused.status, status);
    match(refused.body.error.message, message);
  }
  await victim[Symbol.asyncDispose]();
  await test.listener.until(({ event }) => event === "member-fail");
  deepStrictEqual((await force("n:2")).body, { id: victim.node.id, was: "dead" });
  strictEqual((await served.get("/v1/members")).body.members.length, 1);
});

Deno.test("cluster keys: listed by id, added, used and removed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const secret = (seed: number) => new Uint8Array(32).fill(seed);
    const [one, two] = [1, 2].map((seed) => clusterKey(secret(seed)).id);
    const keyFile = `${folder}/key`;
    await Deno.writeTextFile(keyFile, base64(secret(1)), { mode: 0o600 });
    await using served = await Served.start({ node: { keyFile } });
    const change = async (action: string, body: unknown) =>
      (await served.post(`/v1/cluster-keys/${action}`, body, TOKEN)).body;
    deepStrictEqual((await served.get("/v1/cluster-keys", TOKEN)).body, {
      primary: one,
      keys: [one],
    });
    deepStrictEqual(await change("add", { key: base64(secret(2)) }), {
      primary: one,
      keys: [one, two],
    });
    deepStrictEqual(await change("use", { id: two }), { primary: two, keys: [two, one] });
    match((await change("remove", { id: two })).error.message, /use another key first/);
    deepStrictEqual(await change("remove", { id: one }), { primary: two, keys: [two] });
    match((await change("add", { key: "short" })).error.message, /base64 of 32 bytes/);
    match((await change("use", {})).error.message, /"id" is missing/);
    strictEqual(await Deno.readTextFile(keyFile), base64(secret(2)) + "\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("cluster keys of a node without any: refused with what to do", async () => {
  await using served = await Served.start();
  match((await served.get("/v1/cluster-keys", TOKEN)).body.error.message, /--encrypt FILE/);
});

Deno.test("a cluster key is taken from this machine itself only", async () => {
  await using served = await Served.start();
  const route = ROUTES.find(({ path }) => path === "/v1/cluster-keys/add")!;
  const body = { key: base64(new Uint8Array(32)) };
  const request: ApiRequest = {
    node: served.test.node,
    query: new URLSearchParams(),
    body,
    isLocal: false,
    hasSeen: () => false,
    waitUntil: () => Promise.resolve(),
  };
  throws(
    () => route.handle(request),
    /must not cross a network in the clear/,
  );
});

Deno.test("events: what was missed, then what comes, with ids that go on", async () => {
  await using served = await Served.start();
  const { test, enclave } = served;
  await test.leader(1);
  const response = await fetch(`${served.url}/v1/events?after=0`);
  strictEqual(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (part: string) => {
    while (!text.includes(part)) {
      const { value, done } = await reader.read();
      ok(!done, text);
      text += value;
    }
  };
  await until("event: leader\n");
  await using _other = new TestNode(enclave, [test.node.address], { name: "n:2" });
  await until("event: member-join\n");
  await until('"name":"n:2"');
  await reader.cancel();
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  deepStrictEqual(ids, ids.map((_, at) => ids[0] + at));
  // A reader that comes back names the last one it has and misses none.
  const again = await fetch(`${served.url}/v1/events`, {
    headers: { "last-event-id": String(ids[0]) },
  });
  const next = again.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (!/^id: \d+$/m.test(rest)) rest += (await next.read()).value;
  strictEqual(Number(/^id: (\d+)$/m.exec(rest)![1]), ids[0] + 1);
  await next.cancel();
});
