/** `/openapi.json`: every route is in it, it is whole in itself, and real answers are of the described shape. */
import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert";
import { ROUTES } from "../../lib/api/routes.ts";
import { clusterKey } from "../../lib/wire/keyring.ts";
import { base64, base64url } from "../../lib/base/bytes.ts";
import { openApi } from "../../lib/api/openapi.ts";
import { formatAddress } from "../../lib/base/address.ts";
import { formatSuccessionOrder, signSuccessionOrder } from "../../lib/certificate/mod.ts";
import { generateIdentity } from "../../lib/crypto/ed25519.ts";
import { TestFolder } from "../certificate/_command.ts";
import { TestNode } from "../node/_cluster.ts";
import { leaseHolder, rosterWorld } from "../node/_roster.ts";
import { holdAnswer, misfits } from "./_schema.ts";
import { Asking, Served, TOKEN } from "./_served.ts";

Deno.test("every route is described, and nothing else is", async () => {
  await using served = await Served.start();
  const { body } = await served.get("/openapi.json");
  match(body.openapi, /^3\.1\.\d$/);
  const described = Object.entries<object>(body.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`));
  deepStrictEqual(described.sort(), ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
  const ids = new Set<string>();
  for (const { method, path, needsToken, doc } of ROUTES) {
    const operation = body.paths[path][method.toLowerCase()];
    strictEqual(operation.summary, doc.summary);
    match(operation.operationId, /^[a-zA-Z0-9]+$/);
    ids.add(operation.operationId);
    strictEqual(operation.security !== undefined, needsToken, path);
    strictEqual("401" in operation.responses, needsToken, path);
    strictEqual(operation.requestBody !== undefined, doc.takes !== undefined, path);
    ok("200" in operation.responses, path);
    for (const answer of Object.values<{ description: string }>(operation.responses)) {
      ok(answer.description.length > 0, path);
    }
  }
  strictEqual(ids.size, ROUTES.length);
});

Deno.test("what the description refers to is in it, and nothing lies there unused", async () => {
  await using served = await Served.start();
  const { body } = await served.get("/openapi.json");
  const named = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];
  const used = [...new Set(named.map(([, name]) => name))].sort();
  deepStrictEqual(used, Object.keys(body.components.schemas).sort());
});

/** Asks real nodes, holds what they answer against the description, and remembers which good answers it had. */
class Asker {
  readonly had = new Set<string>();
  readonly #description: object;

  constructor(description: object) {
    this.#description = description;
  }

  async get(at: Asking, path: string, status = 200, token?: string) {
    this.#hold("get", path, status, await at.get(path, token));
  }

  async post(at: Asking, path: string, body: unknown, status = 200) {
    const answer = await at.post(path, body, TOKEN);
    this.#hold("post", path, status, answer);
    return answer.body;
  }

  #hold(method: "get" | "post", path: string, status: number, answer: Answer) {
    strictEqual(answer.status, status, `${path}: ${JSON.stringify(answer.body)}`);
    holdAnswer(this.#description, method, path, answer);
    if (status === 200) this.had.add(`${method.toUpperCase()} ${path.split("?")[0]}`);
  }
}

type Answer = Awaited<ReturnType<Asking["get"]>>;

Deno.test("every route's good answer, from a real node, is of the described shape", async () => {
  const asker = new Asker(openApi(ROUTES));
  await askOpenNode(asker);
  await askVoter(asker);
  const described = ROUTES.filter(({ path }) => path !== "/v1/events")
    .map(({ method, path }) => `${method} ${path}`);
  deepStrictEqual([...asker.had].sort(), described.sort());
});

/** What a node of an open cluster answers: to everything but what only a roster has. */
async function askOpenNode(asker: Asker): Promise<void> {
  using folder = new TestFolder();
  const [first, second] = [1, 2].map((fill) => new Uint8Array(32).fill(fill));
  const keyFile = folder.write("key", base64(first));
  Deno.chmodSync(keyFile, 0o600);
  await using served = await Served.start({ node: { keyFile, tags: { zone: "b" } } });
  const { test, enclave } = served;
  const victim = new TestNode(enclave, [test.node.address], { name: "n:2", keyFile });
  await test.leader(2);
  const refusals: Readonly<Record<string, number>> = { "/v1/chain": 409, "/v1/cluster-json": 404 };
  for (const { method, path, needsToken } of ROUTES) {
    if (method !== "GET" || path === "/v1/events" || path === "/leaderz") continue;
    await asker.get(served, path, refusals[path] ?? 200, needsToken ? TOKEN : undefined);
  }
  await asker.get(served, "/leaderz", 503);
  await asker.get(served, "/v1/cluster-keys", 401);
  await asker.get(served, "/v1/leader?wait=x", 400);

  await asker.post(served, "/v1/cluster-keys/add", { key: base64(second) });
  await asker.post(served, "/v1/cluster-keys/use", { id: clusterKey(first).id });
  await asker.post(served, "/v1/cluster-keys/remove", { id: clusterKey(second).id });
  const seeds = [formatAddress(victim.node.address), "127.0.0.1:1"];
  await asker.post(served, "/v1/join", { seeds });
  await asker.post(served, "/v1/join", {}, 400);
  await asker.post(served, "/v1/step-down", {}, 409);
  await asker.post(served, "/v1/succession", {}, 400);
  await asker.post(served, "/v1/force-leave", { member: "nobody" }, 409);
  await victim[Symbol.asyncDispose]();
  await test.listener.until(({ event }) => event === "member-fail");
  await asker.post(served, "/v1/force-leave", { member: "n:2" });
  await asker.post(served, "/v1/leave", {});
}
/** What the one voter of a roster answers, until its electorate is closed. */
async function askVoter(asker: Asker): Promise<void> {
  const operator = generateIdentity();
  await using world = await rosterWorld(1, 0, { operatorKey: base64url(operator.publicKey) });
  await using voter = world.startAll()[0];
  await leaseHolder([voter]);
  await voter.listener.until(({ event }) => event === "certificate-kept");
  await using at = await Asking.at(voter);
  for (const path of ["/leaderz", "/v1/leader", "/v1/status", "/v1/chain", "/v1/cluster-json"]) {
    await asker.get(at, path);
  }
  const challenge = base64url(new Uint8Array(32));
  await asker.post(at, "/v1/prove", { certificate: voter.node.leader!.id, challenge });
  const part = { name: "backup", holder: "a" };
  await asker.post(at, "/v1/sub-leases", { ...part, wantedMs: 1500 });
  await asker.post(at, "/v1/sub-leases", { ...part, holder: "b", wantedMs: 1500 }, 409);
  strictEqual((await at.get("/v1/sub-leases")).body.subLeases.length, 1);
  await asker.get(at, "/v1/sub-leases");
  await asker.post(at, "/v1/sub-leases/return", part);
  const heard = voter.listener.said.length;
  await asker.post(at, "/v1/step-down", {});
  await leaseHolder([voter], [heard]);

  const domain = { checksum: world.enclave.checksum, cluster: "test" };
  const order = signSuccessionOrder(operator, domain, new Uint8Array(32).fill(7));
  const taken = await asker.post(
    at,
    "/v1/succession",
    JSON.parse(formatSuccessionOrder(order)),
  );
  ok(taken.closing.term > 0);
  deepStrictEqual((await at.get("/v1/succession")).body, taken);
  await asker.get(at, "/v1/succession");
  strictEqual((await at.get("/v1/chain")).body.chain.length, 3);
  await asker.get(at, "/v1/chain");
  await asker.post(at, "/v1/leave", {});
}

Deno.test("the test's own eye for shapes: a field more, a field less, another type", () => {
  const description = { components: { schemas: {} } };
  const schema = {
    type: "object",
    properties: { a: { type: "integer", minimum: 0 }, b: { anyOf: [{ type: "null" }] } },
    required: ["a"],
    additionalProperties: false,
  };
  deepStrictEqual(misfits({ a: 1, b: null }, schema, description), []);
  for (const wrong of [{}, { a: -1 }, { a: "1" }, { a: 1.5 }, { a: 1, c: 2 }, { a: 1, b: 2 }, []]) {
    notStrictEqual(misfits(wrong, schema, description).length, 0, JSON.stringify(wrong));
  }
});
