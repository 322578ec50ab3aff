/** What a lock makes of the answers that it gets. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { SteadyClock } from "../../lib/cli/lock/steady_clock.ts";
import { takeSubLease } from "../../lib/cli/lock/sub_lease_client.ts";
import type { NodeLink } from "../../lib/cli/node_link.ts";

const NAMED = { name: "name", holder: "holder", open: false };
const GRANT = { grantedMs: 500, term: 3, certificateId: "id" };

function take(answer: unknown) {
  const post = () => Promise.resolve(answer);
  const link: NodeLink = { http: "127.0.0.1:1", token: undefined, get: post, post };
  return takeSubLease(link, NAMED, new SteadyClock(() => 7, () => 7));
}

Deno.test("a grant counts from the sending of its request", async () => {
  deepStrictEqual(await take(GRANT), { type: "granted", sentMs: 7, ...GRANT });
});

for (
  const answer of [
    null,
    [],
    "yes",
    {},
    { ...GRANT, grantedMs: "500" },
    { ...GRANT, grantedMs: -1 },
    { ...GRANT, grantedMs: 1e300 },
    { ...GRANT, term: 1.5 },
    { ...GRANT, certificateId: undefined },
  ]
) {
  Deno.test(`an answer that is no grant starts nothing: ${JSON.stringify(answer)}`, async () => {
    const outcome = await take(answer);
    strictEqual(outcome.type, "refused");
    ok(outcome.type === "refused");
    match(outcome.error.message, /what 127\.0\.0\.1:1 answers is no sub-lease/);
  });
}
