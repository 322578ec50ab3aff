/** What a signal means by when it comes. */
import { deepStrictEqual as assertEquals } from "node:assert";
import { stopWish } from "../../lib/cli/interruption.ts";

Deno.test("signals that come at once are one wish, and a later one insists", () => {
  const wish = stopWish();
  assertEquals([1_000, 1_000, 1_005, 1_300].map(wish), ["asks", "asks", "asks", "asks"]);
  assertEquals([1_301, 1_302, 9_000].map(wish), ["insists", "insists", "insists"]);
});
