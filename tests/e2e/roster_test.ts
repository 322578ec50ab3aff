/** A roster cluster of real processes: the nodes find out what their function serves, and a leader that stood still comes back without its lease. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { FumataCluster } from "../bench/_fumata_cluster.ts";

/** So long that nobody loses the lease whom nothing was done to, on a busy machine, too. */
const LEASE_MS = 2_000;

Deno.test("a leader that was stopped for longer than its lease does not say that it leads when it goes on", async () => {
  await using cluster = await FumataCluster.start(3, "local", LEASE_MS);
  let asked = 0;
  const { agreedMs, leasedMs } = await cluster.failOver("stop", async (http) => {
    asked++;
    // Whatever it does first when it goes on: answering this, or hearing what happened meanwhile.
    const ready = await fetch(`http://${http}/leaderz`);
    deepStrictEqual([ready.status, await ready.text()], [503, "not leading\n"]);
    const response = await fetch(`http://${http}/v1/leader`);
    const { leads, leaseRemainingMs } = await response.json();
    if (response.status === 200) deepStrictEqual([leads, leaseRemainingMs], [false, 0]);
    else strictEqual(response.status, 404);
  });
  strictEqual(asked, 1);
  ok(agreedMs > 0 && leasedMs! > 0);
});
