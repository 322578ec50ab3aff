/** A client that shares no code with fumata (`_independent.ts`) against the host, on every endpoint of the protocol. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  accountKeyOf,
  checkedOutput,
  open,
  sealBase,
  sealedText,
  sealForAccount,
  text,
  verifyDocument,
} from "./_independent.ts";
import { RawSocket } from "./_raw.ts";
import { startWorld } from "./_harness.ts";
import { SHOUT } from "./_shout.ts";

Deno.test("an independent client takes the key, deploys, runs by id and by name, and verifies", async () => {
  await using world = await startWorld({ user: "ann" });
  const { host: { url }, token, tee: { rootPem } } = world;

  const keySession = await open(url, "/v1/key", token, rootPem);
  await keySession.socket[Symbol.asyncDispose]();
  const account = accountKeyOf(keySession.userData);
  strictEqual(account.asymmetricKeyDetails!.modulusLength, 4096);

  const deploy = await open(url, "/v1/deploy", token, rootPem);
  strictEqual(deploy.userData.key, keySession.userData.key);
  deploy.socket.send(JSON.stringify({ message: { function_name: "shout", public: false } }));
  deploy.socket.send(sealForAccount(account, SHOUT));
  const { message: { id } } = await deploy.socket.nextJson();
  match(id, /^[1-9A-HJ-NP-Za-km-z]{22}$/);
  await deploy.socket[Symbol.asyncDispose]();

  for (const path of [`/v1/run/${id}`, "/v1/run/ann/shout"]) {
    const run = await open(url, path, token, rootPem);
    strictEqual(
      run.userData.func_checksum,
      createHash("sha256").update(SHOUT).digest("base64"),
    );
    const inputs = ["one", sealedText(account, "two"), "three"].map((word) => text.encode(word));
    for (const input of inputs) run.socket.send(sealBase(run.sessionKey, input));
    for (const [i, word] of ["ONE", "TWO", "THREE"].entries()) {
      const frame = await run.socket.nextJson();
      const output = checkedOutput(frame, run.userData, { input: inputs[i], zip: SHOUT });
      strictEqual(output, `${i + 1}:${word}`);
    }
    run.socket.send(sealBase(run.sessionKey, text.encode("throw")));
    match((await run.socket.nextJson()).error, /as asked/);
    strictEqual(typeof await run.socket.next(), "number");
  }
});

Deno.test("an independent client tests a package, and is told what is wrong with another", async () => {
  await using world = await startWorld();
  const { host: { url }, token, tee: { rootPem } } = world;
  const input = text.encode("once");
  const test = await open(url, "/v1/test", token, rootPem);
  test.socket.send(sealBase(test.sessionKey, SHOUT));
  test.socket.send(sealBase(test.sessionKey, input));
  const frame = await test.socket.nextJson();
  strictEqual(checkedOutput(frame, test.userData, { input, zip: SHOUT }), "1:ONCE");
  strictEqual(typeof await test.socket.next(), "number");
  const bad = await open(url, "/v1/test", token, rootPem);
  bad.socket.send(sealBase(bad.sessionKey, text.encode("no zip")));
  match((await bad.socket.nextJson()).error, /no zip/);
  strictEqual(typeof await bad.socket.next(), "number");
});

Deno.test("functions and keys over plain HTTP are as the protocol says", async () => {
  await using world = await startWorld({ user: "ann" });
  const { host: { url }, token, tee: { rootPem } } = world;
  const call = async (method: string, path: string, headers: HeadersInit = {
    Authorization: `Bearer ${token}`,
  }) => {
    const response = await fetch(url + path, { method, headers });
    return { status: response.status, body: await response.json() };
  };
  const list = await call("GET", "/v1/functions?limit=50&offset=0");
  strictEqual(list.status, 200);
  deepStrictEqual(Object.keys(list.body[0]), ["id", "name", "created_at"]);
  deepStrictEqual([list.body[0].id, list.body[0].name], [world.echoId, "echo"]);
  ok(!Number.isNaN(Date.parse(list.body[0].created_at)));
  const one = await call("GET", `/v1/functions/${world.echoId}`);
  deepStrictEqual([one.status, one.body.name], [200, "echo"]);
  strictEqual((await call("DELETE", `/v1/functions/${world.echoId}`)).status, 200);
  for (const method of ["GET", "DELETE"]) {
    const gone = await call(method, `/v1/functions/${world.echoId}`);
    deepStrictEqual([gone.status, typeof gone.body.error], [404, "string"]);
  }
  const key = await call("GET", "/v1/user/ann/key", {});
  strictEqual(key.status, 200);
  const document = verifyDocument(Buffer.from(key.body.attestation_document, "base64"), rootPem);
  const userData = JSON.parse(new TextDecoder().decode(document.user_data as Uint8Array));
  strictEqual(accountKeyOf(userData).asymmetricKeyDetails!.modulusLength, 4096);
  const none = await call("GET", "/v1/functions", {});
  deepStrictEqual([none.status, typeof none.body.error], [401, "string"]);
});

Deno.test("refusals and redirects of upgrades are plain HTTP", async () => {
  await using world = await startWorld();
  const { url } = world.host;
  const path = `/v1/run/${world.echoId}`;
  const upgrade = (protocols: string[], at = path) => RawSocket.open(url, at, protocols);
  await rejects(upgrade(["cape.runtime", "not-a-token"]), /^Error: 401 \{"error":".+"\}$/);
  await rejects(upgrade(["cape.runtime"]), /^Error: 401/);
  await rejects(upgrade(["cape.function", world.token]), /^Error: 401/);
  await rejects(upgrade(["cape.runtime", world.token], "/v1/run/none"), /^Error: 404/);
  const dataDir = `${world.folder}/second`;
  const moved = await world.restart({ dataDir, redirect: url, prepareAccountKey: false });
  await rejects(RawSocket.open(moved.url, path, ["cape.runtime", world.token]), /^Error: 307/);
});

Deno.test("tokens over plain HTTP are made, listed and deleted as the protocol says", async () => {
  await using world = await startWorld();
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(world.host.url + path, {
      method,
      headers: { Authorization: `Bearer ${world.token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const made = await call("POST", "/v1/token", {
    name: "ci",
    description: "for the builds",
    function_id: world.echoId,
    expiry: 3600,
  });
  strictEqual(made.status, 201);
  match(made.body.token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  const { status, body: list } = await call("GET", "/v1/tokens");
  strictEqual(status, 200);
  // deno-lint-ignore no-explicit-any
  const listed = list.find((item: any) => item.name === "ci");
  strictEqual(listed.description, "for the builds");
  ok(new Date(listed.expiry) > new Date(listed.created_at));
  strictEqual((await call("DELETE", `/v1/token/${listed.id}`)).status, 200);
  strictEqual((await call("DELETE", `/v1/token/${listed.id}`)).status, 404);
});
