/** The endpoints around a function: by name, tests without deploying, lists, the open key, redirects, and tokens that end meanwhile. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { fromBase64, fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  connectEnclave,
  createToken,
  deleteFunction,
  deleteToken,
  deployPackage,
  type EnclaveOptions,
  encryptForAccount,
  fetchAccountKey,
  fetchUserKey,
  getFunction,
  listFunctions,
  listTokens,
  runFunction,
  testPackage,
} from "../../lib/enclave/client/mod.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { RawSocket } from "./_raw.ts";
import { ECHO, policyOf, startWorld, type World } from "./_harness.ts";

const account = ({ host: { url }, token, policy }: World) => ({ url, token, policy });
const target = (world: World, functionId = world.echoId) => ({
  ...account(world),
  functionId,
  checksum: ECHO.checksum,
});
const packed = (source: string) => packFiles("f", new Map([["app.js", utf8(source)]]));

Deno.test("a function is run by user and name, the newest of that name", async () => {
  let now = new Date("2030-01-01T00:00:00Z");
  await using world = await startWorld({ user: "ann", now: () => now });
  strictEqual(fromUtf8(await runFunction(target(world, "ann/echo"), utf8("hi"))), "hi");
  now = new Date("2030-01-01T00:00:01Z");
  const newer = packed("export const cape_handler = () => 'newer';");
  await deployPackage({ ...account(world), zip: newer.zip, name: "echo" });
  const call = (functionId: string) =>
    runFunction({ ...target(world, functionId), checksum: newer.checksum }, utf8("hi"));
  strictEqual(fromUtf8(await call("ann/echo")), "newer");
  for (const unknown of ["bob/echo", "ann/other", "ann/ec%68o", "ann/..", "ann/"]) {
    await rejects(call(unknown), { reason: "not-found" }, unknown);
  }
  await deployPackage({ ...account(world), zip: newer.zip, name: "a name/with é %" });
  await rejects(call("ann/a name/with é %"), { reason: "not-found" });
  await deployPackage({ ...account(world), zip: newer.zip, name: "a name with é %" });
  strictEqual(fromUtf8(await call("ann/a name with é %")), "newer");
});

Deno.test("a function token runs its function by name and no other of that name", async () => {
  await using world = await startWorld();
  const token = await createToken(account(world), { name: "one", functionId: world.echoId });
  const byName = { ...target(world, "local/echo"), token };
  strictEqual(fromUtf8(await runFunction(byName, utf8("hi"))), "hi");
  await deployPackage({ ...account(world), zip: ECHO.zip, name: "echo" });
  await rejects(runFunction(byName, utf8("hi")), { reason: "unauthorized", message: /HTTP 403/ });
});

Deno.test("a package is tested without being stored", async () => {
  await using world = await startWorld();
  const { zip } = packed(`
    export function cape_handler(input) {
      if (input.length === 0) throw new Error("nothing came");
      return enclave.kid + " " + new TextDecoder().decode(input);
    }`);
  const test = (input: string, bytes: Uint8Array = zip) =>
    testPackage({ ...account(world), zip: bytes, input: utf8(input) });
  const [first, second] = [fromUtf8(await test("a"))!, fromUtf8(await test("a"))!];
  match(first, /^[\w-]{43} a$/);
  ok(first !== second, "each test has a certificate key of its own");
  await rejects(test(""), { reason: "function", message: /nothing came/ });
  await rejects(test("a", utf8("no zip")), { message: /cannot test the package.*no zip/ });
  const { publicKey } = await fetchAccountKey(account(world));
  match(fromUtf8(await test(await encryptForAccount(publicKey, utf8("b"))))!, / b$/);
  deepStrictEqual((await listFunctions(account(world))).map(({ id }) => id), [world.echoId]);
});

Deno.test("functions are listed by pages, looked at and deleted for good", async () => {
  let now = Date.parse("2030-01-01T00:00:00Z");
  await using world = await startWorld({ now: () => new Date(now += 1000) });
  const deploy = (name: string) => deployPackage({ ...account(world), zip: ECHO.zip, name });
  const ids = [world.echoId, (await deploy("two")).id, (await deploy("three")).id];
  const listed = async (page?: { limit?: number; offset?: number }) =>
    (await listFunctions(account(world), page)).map(({ id }) => id);
  deepStrictEqual(await listed(), ids);
  deepStrictEqual(await listed({ limit: 1, offset: 1 }), [ids[1]]);
  deepStrictEqual(await listed({ offset: 3 }), []);
  for (const page of [{ limit: 0 }, { limit: 1001 }, { offset: -1 }, { limit: 1.5 }]) {
    await rejects(listed(page), { reason: "host", message: /HTTP 400/ });
  }
  const details = await getFunction(account(world), ids[1]);
  deepStrictEqual([details.name, details.isPublic], ["two", false]);
  strictEqual(hex(details.checksum!), hex(ECHO.checksum));
  match(details.isolation!, /quickjs/);

  using running = await connectEnclave(target(world, ids[1]));
  await deleteFunction(account(world), ids[1]);
  strictEqual(fromUtf8(await running.invoke(utf8("still here"))), "still here");
  deepStrictEqual(await listed(), [ids[0], ids[2]]);
  for (const use of [getFunction, deleteFunction]) {
    await rejects(use(account(world), ids[1]), { reason: "not-found" });
  }
  await rejects(connectEnclave(target(world, ids[1])), { reason: "not-found" });
  running.close();
  await world.host.close();
  const { url } = await world.restart();
  deepStrictEqual((await listFunctions({ ...account(world), url })).length, 2);
});

Deno.test("a user's key is had without a token and judged at its certificate's beginning", async () => {
  await using world = await startWorld({ user: "ann" });
  const { url } = world.host;
  const { policy } = world;
  const { publicKey, verdict } = await fetchUserKey({ url, user: "ann", policy });
  deepStrictEqual(publicKey, (await fetchAccountKey(account(world))).publicKey);
  strictEqual(verdict.genuine, true);
  await rejects(fetchUserKey({ url, user: "bob", policy }), { reason: "not-found" });
  const other = await openSimulatedTee({ folder: `${world.folder}/other`, version: "test" });
  const foreign = fetchUserKey({ url, user: "ann", policy: policyOf(other) });
  await rejects(foreign, { reason: "evidence", exitCode: 3 });
  const document = async () => {
    const response = await fetch(`${url}/v1/user/ann/key`);
    return (await response.json()).attestation_document;
  };
  const first = await document();
  strictEqual(await document(), first, "one document serves many");
  ok(fromBase64(first));
});

Deno.test("a host that has moved sends WebSockets on, and the client follows", async () => {
  await using world = await startWorld();
  const { url } = world.host;
  const dataDir = `${world.folder}/second`;
  const moved = await world.restart({ dataDir, redirect: url, prepareAccountKey: false });
  const call = { ...target(world), url: moved.url };
  strictEqual(fromUtf8(await runFunction(call, utf8("hi"))), "hi");
  await rejects(
    RawSocket.open(moved.url, "/v1/key?a=1", ["cape.runtime", world.token]),
    /^Error: 307 .*has moved to ws:/,
  );
  const tokens = listTokens({ url: moved.url, token: moved.accountToken() });
  strictEqual((await tokens).length, 1, "plain requests are answered");
  for (const redirect of ["nowhere", "ftp://x", "http://x/?a=b"]) {
    const start = world.restart({ dataDir: `${world.folder}/third`, redirect });
    await rejects(start, { code: "usage", message: /Cannot redirect/ });
  }
});

Deno.test("an open session takes no more inputs once its token has expired or was deleted", async () => {
  let now = new Date("2030-01-01T00:00:00Z");
  await using world = await startWorld({ now: () => now });
  const short = await createToken(account(world), { name: "short", expirySeconds: 60 });
  const other = await createToken(account(world), { name: "other" });
  using first = await connectEnclave({ ...target(world), token: short });
  using second = await connectEnclave({ ...target(world), token: other });
  await first.invoke(utf8("x"));
  now = new Date("2030-01-01T00:01:00Z");
  await rejects(first.invoke(utf8("x")), { message: /token is expired/ });
  await second.invoke(utf8("x"));
  const { id } = (await listTokens(account(world))).find(({ name }) => name === "other")!;
  await deleteToken(account(world), id);
  await rejects(second.invoke(utf8("x")), {
    reason: "unauthorized",
    message: /token was deleted/,
  });
});

Deno.test("sessions above the limit are refused as busy, and there is room again afterwards", async () => {
  await using world = await startWorld({ limits: { sessionsMax: 1 } });
  const first = await connectEnclave(target(world));
  await first.invoke(utf8("loaded"));
  await rejects(connectEnclave(target(world)), { reason: "busy", message: /HTTP 503/ });
  first.close();
  await first.closed;
  await connectAgain(target(world));
});

/** The host learns of the end of a session a moment after the client; each attempt is such a moment. */
async function connectAgain(options: EnclaveOptions): Promise<void> {
  for (let left = 2000;; left--) {
    const again = await connectEnclave(options).catch(() => undefined);
    if (again) {
      again.close();
      return await again.closed;
    }
    ok(left > 0, "there is no room again");
  }
}

Deno.test("a token for a function has a share of the sessions, and the account has the rest", async () => {
  await using world = await startWorld({ limits: { sessionsPerFunctionTokenMax: 1 } });
  const name = { name: "page", functionId: world.echoId };
  const ofPage = { ...target(world), token: await createToken(account(world), name) };
  const first = await connectEnclave(ofPage);
  const error = { reason: "busy", message: /this token has 1 sessions already/ };
  await rejects(connectEnclave(ofPage), error);
  for (const connection of [1, 2].map(() => connectEnclave(target(world)))) {
    (await connection).close();
  }
  first.close();
  await first.closed;
  await connectAgain(ofPage);
});
