/** How a node is called when nobody says so. */
import { strictEqual } from "node:assert";
import { base64url } from "../../lib/base/bytes.ts";
import type { FunctionDescription } from "../../lib/node/function_description.ts";
import { voterName } from "../../lib/node/roster_cluster.ts";

const KEY = new Uint8Array(32).fill(7);
const VOTER = { name: "a", id: KEY, key: KEY, weight: 1 };
const DESCRIPTION = {
  kind: "roster",
  config: { roster: [VOTER] },
} as unknown as FunctionDescription;

Deno.test("a voter has the name that the roster gives it", () => {
  strictEqual(voterName(DESCRIPTION, base64url(KEY)), "a");
});

Deno.test("who is no voter has no name from the roster, nor has anybody in an open cluster", () => {
  strictEqual(voterName(DESCRIPTION, "another"), undefined);
  strictEqual(
    voterName({ ...DESCRIPTION, kind: "open" } as FunctionDescription, base64url(KEY)),
    undefined,
  );
  strictEqual(voterName(undefined, base64url(KEY)), undefined);
});
