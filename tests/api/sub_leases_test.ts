/** Sub-leases over HTTP: who gets one, and what refuses one. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import { formatAddress } from "../../lib/base/address.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { LEASE_MS, leaseHolder, rosterWorld } from "../node/_roster.ts";
import { Served, TOKEN } from "./_served.ts";

const WANTED = { name: "a", holder: "x", wantedMs: 60_000 };

Deno.test("a leader grants sub-leases of its own lease, one holder a name; a follower grants none", async () => {
  await using world = await rosterWorld(3, 0);
  await using nodes = new AsyncDisposableStack();
  const started = world.startAll().map((node) => nodes.use(node));
  const leader = await leaseHolder(started);
  const post = async (of: typeof leader, path: string, body: unknown) => {
    await using server = await ApiServer.start({
      at: { host: "127.0.0.1", port: 0 },
      node: of.node,
      routes: ROUTES,
      token: TOKEN,
    });
    const response = await fetch(`http://${formatAddress(server.address)}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const { status, body } = await post(leader, "/v1/sub-leases", WANTED);
  strictEqual(status, 200, JSON.stringify(body));
  const { id, term } = leader.node.leader!;
  deepStrictEqual([body.certificateId, body.term], [id, term]);
  strictEqual(body.grantedMs > 0 && body.grantedMs < LEASE_MS, true);
  const other = await post(leader, "/v1/sub-leases", { ...WANTED, holder: "y" });
  deepStrictEqual([other.status, other.body.error.code], [409, "failure"]);
  strictEqual((await post(leader, "/v1/sub-leases/return", WANTED)).status, 200);
  strictEqual(
    (await post(leader, "/v1/sub-leases", { ...WANTED, holder: "y" })).status,
    200,
  );
  const follower = started.find((node) => node !== leader)!;
  const refused = await post(follower, "/v1/sub-leases", WANTED);
  deepStrictEqual([refused.status, refused.body.error.code], [409, "leadership-lost"]);
});

Deno.test("an open cluster grants only to who says that it knows", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  const { status, body } = await served.post("/v1/sub-leases", WANTED, TOKEN);
  strictEqual(status, 403);
  match(body.error.message, /open/);
  const meant = await served.post("/v1/sub-leases", { ...WANTED, open: true }, TOKEN);
  deepStrictEqual([meant.status, meant.body.grantedMs], [200, 2_000]);
});

Deno.test("in an open cluster, too, a name has one holder at a time", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  const take = (holder: string) =>
    served.post("/v1/sub-leases", { ...WANTED, holder, open: true }, TOKEN);
  strictEqual((await take("x")).status, 200);
  const other = await take("y");
  deepStrictEqual([other.status, other.body.error.code], [409, "failure"]);
  strictEqual((await served.post("/v1/sub-leases/return", WANTED, TOKEN)).status, 200);
  strictEqual((await take("y")).status, 200);
});

Deno.test("sub-leases need the token and a request in full", async () => {
  await using served = await Served.start();
  for (const path of ["/v1/sub-leases", "/v1/sub-leases/return"]) {
    strictEqual((await served.post(path, WANTED)).status, 401);
    for (const body of [{}, { ...WANTED, name: "" }, { ...WANTED, holder: "x".repeat(129) }]) {
      strictEqual((await served.post(path, body, TOKEN)).status, 400, path);
    }
  }
  for (const wantedMs of [0, -1, 60_001, "1", null]) {
    const { status } = await served.post("/v1/sub-leases", { ...WANTED, wantedMs }, TOKEN);
    strictEqual(status, 400, String(wantedMs));
  }
});
