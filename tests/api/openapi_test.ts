/** `/openapi.json`: every route is in it, it is whole in itself, and real answers are of the described shape. */
import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert";
import { ROUTES } from "../../lib/api/routes.ts";
import { clusterKey } from "../../lib/wire/keyring.ts";
import { base64 } from "../../lib/base/bytes.ts";
import { misfits } from "./_schema.ts";
import { Served, TOKEN } from "./_served.ts";

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

Deno.test("real answers are of the described shape", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const keyFile = `${folder}/key`;
    await Deno.writeTextFile(keyFile, base64(new Uint8Array(32)), { mode: 0o600 });
    await using served = await Served.start({ node: { keyFile, tags: { zone: "b" } } });
    await served.test.leader(1);
    const { body: description } = await served.get("/openapi.json");
    const check = (method: string, path: string, answer: { status: number; body: unknown }) => {
      const operation = description.paths[path.split("?")[0]][method];
      const response = operation.responses[answer.status];
      ok(response, `${path} answered ${answer.status}, which is not described`);
      const [[type, { schema }]] = Object.entries<{ schema: object }>(response.content);
      strictEqual(type === "application/json", typeof answer.body === "object", path);
      deepStrictEqual(misfits(answer.body, schema, description), [], path);
    };
    for (const { method, path } of ROUTES) {
      if (method !== "GET" || path === "/v1/events") continue;
      check("get", path, await served.get(path, TOKEN));
    }
    const { id } = clusterKey(new Uint8Array(32));
    const post = async (path: string, body: unknown, status: number) => {
      const answer = await served.post(path, body, TOKEN);
      strictEqual(answer.status, status, path);
      check("post", path, answer);
    };
    check("get", "/v1/cluster-keys", await served.get("/v1/cluster-keys"));
    check("get", "/v1/leader?wait=x", await served.get("/v1/leader?wait=x"));
    await post("/v1/cluster-keys/use", { id }, 200);
    await post("/v1/join", { seeds: [served.test.node.name.replace("n:1", "127.0.0.1:1")] }, 200);
    await post("/v1/join", {}, 400);
    await post("/v1/step-down", {}, 409);
    await post("/v1/force-leave", { member: "nobody" }, 409);
    await post("/v1/leave", {}, 200);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

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
