/** The rules of a tenure one by one, on a played clock. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { SteadyClock } from "../../lib/cli/lock/steady_clock.ts";
import { Tenure, type TenureAction } from "../../lib/cli/lock/tenure.ts";

const LEASE_MS = 900;
const GRACE_MS = 5_000;

const fresh = (graceMs = GRACE_MS) => new Tenure({ sentMs: 0, grantedMs: LEASE_MS }, graceMs);

/** Follows the tenure's own deadlines; gives what it did and when. */
function play(tenure: Tenure, fromMs: number, untilMs: number): [number, TenureAction][] {
  const did: [number, TenureAction][] = [];
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs = Math.max(nowMs + 1, tenure.deadlineMs())) {
    for (const action of tenure.step({ type: "tick" }, nowMs)) did.push([nowMs, action]);
  }
  return did;
}

Deno.test("without answers a command is asked to stop, then killed before the sub-lease ends", () => {
  const tenure = fresh();
  const did = play(tenure, 0, LEASE_MS).filter(([, action]) => action !== "renew");
  deepStrictEqual(did, [[600, "terminate"], [810, "kill"]]);
  ok(tenure.isLost);
});

Deno.test("a grant counts from when it was asked for, not from when it came", () => {
  const tenure = fresh();
  tenure.step({ type: "granted", sentMs: 100, grantedMs: LEASE_MS }, 500);
  strictEqual(tenure.remainingMs(500), 500);
});

Deno.test("an earlier end does not shorten what was granted before", () => {
  const tenure = fresh();
  tenure.step({ type: "granted", sentMs: 10, grantedMs: 5 }, 20);
  strictEqual(tenure.remainingMs(20), LEASE_MS - 20);
});

Deno.test("renewals go on until the node refuses, and a refusal is final", () => {
  const tenure = fresh();
  deepStrictEqual(tenure.step({ type: "tick" }, 150), ["renew"]);
  deepStrictEqual(tenure.step({ type: "refused" }, 160), ["terminate"]);
  tenure.step({ type: "granted", sentMs: 150, grantedMs: LEASE_MS }, 170);
  strictEqual(tenure.remainingMs(170), LEASE_MS - 170);
  deepStrictEqual(play(tenure, 170, LEASE_MS), [[810, "kill"]]);
});

Deno.test("a stop that was asked for is no loss, and is killed after its grace while the lease is renewed", () => {
  const tenure = fresh(2_000);
  deepStrictEqual(tenure.step({ type: "stop" }, 100), ["terminate"]);
  deepStrictEqual(tenure.step({ type: "stop" }, 110), []);
  let killedAtMs = 0;
  for (let nowMs = 150; killedAtMs === 0; nowMs += 50) {
    const actions = tenure.step({ type: "tick" }, nowMs);
    if (actions.includes("renew")) {
      tenure.step({ type: "granted", sentMs: nowMs, grantedMs: LEASE_MS }, nowMs);
    }
    if (actions.includes("kill")) killedAtMs = nowMs;
  }
  strictEqual(killedAtMs, 2_100);
  ok(tenure.isKilled && !tenure.isLost);
});

Deno.test("a watcher that comes too late kills at once", () => {
  deepStrictEqual(fresh().step({ type: "tick" }, 10 * LEASE_MS), ["kill"]);
});

Deno.test("the margin before the end does not shrink with the lease", () => {
  const tenure = new Tenure({ sentMs: 0, grantedMs: 300 }, GRACE_MS);
  deepStrictEqual(play(tenure, 0, 300).at(-1), [240, "kill"]);
});

Deno.test("the clock counts the time that the machine slept, and no wall clock that was set back", () => {
  let monotonicMs = 0;
  let wallMs = 1_000_000;
  const clock = new SteadyClock(() => monotonicMs, () => wallMs);
  const pass = (monotonic: number, wall: number) => {
    monotonicMs += monotonic;
    wallMs += wall;
    return clock.nowMs();
  };
  strictEqual(pass(100, 110), 100, "slewed");
  strictEqual(pass(10, 5_010), 5_110, "slept");
  strictEqual(pass(10, -90_000), 5_120, "set back");
  strictEqual(pass(10, 10), 5_130);
});

Deno.test("it is too late to begin from when a command would be asked to stop at once", () => {
  const tenure = fresh();
  strictEqual(tenure.isTooLate(599), false);
  strictEqual(tenure.isTooLate(600), true);
  strictEqual(new Tenure({ sentMs: 0, grantedMs: 60 }, GRACE_MS).isTooLate(0), true);
});
