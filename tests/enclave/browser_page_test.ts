/** What the host serves of the page of hide and seek, and to whom. */
import { deepStrictEqual as assertEquals, ok as assert, strictEqual } from "node:assert";
import { parsePolicy } from "../../lib/attestation/mod.ts";
import { fromHex, hex, utf8 } from "../../lib/base/bytes.ts";
import { connectFunction } from "../../lib/enclave/browser/client.ts";
import { deployPackage } from "../../lib/enclave/client/mod.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

async function getJson(world: World, path: string, token?: string) {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(world.host.url + path, { headers });
  return { status: response.status, body: await response.json() };
}

async function deploy(world: World, name: string, isPublic: boolean): Promise<string> {
  const { token, policy } = world;
  const { zip } = ECHO;
  return (await deployPackage({ url: world.host.url, token, policy, zip, name, isPublic })).id;
}

Deno.test("the page, its style and its script come from the host, and nothing else may", async () => {
  await using world = await startWorld();
  const types: [string, string, string][] = [
    ["/hide-and-seek", "text/html; charset=utf-8", "<!doctype html>"],
    ["/hide-and-seek/page.css", "text/css; charset=utf-8", "/* One column"],
    ["/hide-and-seek/page.js", "text/javascript; charset=utf-8", "const module0 = "],
  ];
  for (const [path, type, start] of types) {
    const response = await fetch(world.host.url + path);
    const text = await response.text();
    strictEqual(response.headers.get("content-type"), type);
    strictEqual(response.headers.get("x-content-type-options"), "nosniff");
    const policy = response.headers.get("content-security-policy")!;
    assert(policy.startsWith("default-src 'none'; script-src 'self'; style-src 'self';"), policy);
    assert(!policy.includes("unsafe"));
    assert(text.startsWith(start), text.slice(0, 40));
    if (path === "/hide-and-seek") {
      assert(!/https?:\/\//.test(text.replaceAll("http://www.w3.org/2000/svg", "")));
      assert(!/style=|\bon\w+=|<script>|<style/.test(text));
    }
  }
  strictEqual((await getJson(world, "/hide-and-seek/page.ts")).status, 404);
});

Deno.test("the page is for a public function of its name only", async () => {
  await using world = await startWorld();
  const refused = await getJson(world, "/hide-and-seek/pins");
  strictEqual(refused.status, 404);
  assert(refused.body.error.includes("no public function named hide-and-seek"));
  await deploy(world, "hide-and-seek", false);
  await deploy(world, "seek", true);
  strictEqual((await getJson(world, "/hide-and-seek/pins")).status, 404);

  const id = await deploy(world, "hide-and-seek", true);
  const { status, body } = await getJson(world, "/hide-and-seek/pins");
  strictEqual(status, 200);
  const { token, policy, ...names } = body;
  assertEquals(names, { function_id: id, function_checksum: hex(ECHO.checksum), user: "local" });
  assertEquals(parsePolicy(policy), world.policy);

  strictEqual((await getJson(world, "/v1/tokens", token)).status, 403);
  const pins = { url: world.host.url, token, functionId: id, policy: world.policy };
  const checksum = fromHex(body.function_checksum)!;
  const connection = await connectFunction({ ...pins, checksum });
  assertEquals(await connection.invoke(utf8("x")), utf8("x"));
  connection.close();
  const other = { ...pins, functionId: world.echoId, checksum };
  const outcome = await connectFunction(other).catch((thrown) => thrown.code);
  strictEqual(outcome, "unreachable");
});

Deno.test("visits share one token until half of its life is over, it is deleted, or another function comes", async () => {
  let nowMs = Date.now();
  await using world = await startWorld({ now: () => new Date(nowMs) });
  await deploy(world, "hide-and-seek", true);
  const tokenNow = async () => (await getJson(world, "/hide-and-seek/pins")).body.token;
  const first = await tokenNow();
  nowMs += 11 * 3_600_000;
  strictEqual(await tokenNow(), first);
  nowMs += 2 * 3_600_000;
  const second = await tokenNow();
  assert(second !== first);
  const list = (await getJson(world, "/v1/tokens", world.token)).body;
  const pageTokens = list.filter((token: { name: string }) => token.name === "page hide-and-seek");
  strictEqual(pageTokens.length, 2);
  const headers = { authorization: `Bearer ${world.token}` };
  const path = `${world.host.url}/v1/token/${pageTokens[1].id}`;
  await (await fetch(path, { method: "DELETE", headers })).body?.cancel();
  const third = await tokenNow();
  assert(third !== second);
  await deploy(world, "hide-and-seek", true);
  assert(await tokenNow() !== third);
});
