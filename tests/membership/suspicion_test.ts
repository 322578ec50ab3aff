/** The suspicion timeout (Lifeguard, section IV-B), local health (IV-A) and the bounds of the settings. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createLocalHealth } from "../../lib/membership/health.ts";
import { PROFILES } from "../../lib/membership/settings.ts";
import { suspicionBounds, suspicionTimeoutMs } from "../../lib/membership/suspicion.ts";

const settings = {
  ...PROFILES.lan,
  probeIntervalMs: 1000,
  suspicionMult: 4,
  suspicionMaxFactor: 6,
  confirmations: 3,
};

Deno.test("the least timeout is mult * max(1, log10(n)) * interval", () => {
  const least = [2, 10, 100, 1000].map((n) => suspicionBounds(settings, n).minMs);
  deepStrictEqual(least, [4000, 4000, 8000, 12_000]);
});

Deno.test("a lone accuser waits the greatest timeout, each confirmation shortens it by its logarithm", () => {
  const bounds = suspicionBounds(settings, 10);
  const timeouts = [0, 1, 2, 3, 4].map((confirmed) => suspicionTimeoutMs(bounds, confirmed));
  deepStrictEqual(timeouts.map(Math.round), [24_000, 14_000, 8150, 4000, 4000]);
});

Deno.test("where nobody can confirm the least timeout counts at once", () => {
  strictEqual(suspicionTimeoutMs(suspicionBounds(settings, 2), 0), 4000);
});

Deno.test("in a small cluster as many confirmations are wanted as there can be", () => {
  deepStrictEqual([2, 3, 4, 5, 9].map((n) => suspicionBounds(settings, n).confirmations), [
    0,
    1,
    2,
    3,
    3,
  ]);
});

Deno.test("local health stays within its bounds", () => {
  const health = createLocalHealth(8);
  health.note(-1);
  strictEqual(health.multiplier(), 1);
  health.note(100);
  strictEqual(health.multiplier(), 9);
  health.note(-1);
  strictEqual(health.multiplier(), 8);
});

for (const [name, profile] of Object.entries(PROFILES)) {
  Deno.test(`profile ${name} keeps to the documented ranges`, () => {
    const within = (value: number, min: number, max: number) =>
      ok(value >= min && value <= max, `${value} is within ${min}..${max}`);
    within(profile.probeIntervalMs, 200, 60_000);
    // An idle process wakes up to 50 ms late.
    within(profile.probeTimeoutMs, 100, profile.probeIntervalMs);
    within(profile.indirectTimeoutMs, 100, profile.probeIntervalMs - profile.probeTimeoutMs);
    within(profile.indirectProbes, 1, 8);
    within(profile.suspicionMult, 0.5, 20);
    within(profile.suspicionMaxFactor, 1, 10);
    within(profile.confirmations, 1, 8);
    within(profile.healthMax, 0, 8);
    within(profile.gossipIntervalMs, 50, 5000);
    within(profile.gossipFanout, 1, 8);
    within(profile.transmitMult, 1, 10);
    within(profile.gossipToDeadMs, 0, 3_600_000);
    within(profile.syncIntervalMs, 1000, 3_600_000);
    within(profile.reconnectIntervalMs, 500, 3_600_000);
    within(profile.reapAfterMs, 10_000, 2 ** 31);
    within(profile.flapWindowMs, 10_000, 3_600_000);
    within(profile.leaveTimeoutMs, 100, 60_000);
    within(profile.leaveConfirmations, 1, 8);
    within(profile.contactsPerSecond, 1, 1000);
    within(profile.stallMs, 50, profile.probeIntervalMs);
  });
}
