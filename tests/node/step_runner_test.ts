/** The one timer of a node: it never wakes early, and is left alone while the deadline stays where it is. */
import { ok, strictEqual } from "node:assert";
import { StepRunner } from "../../lib/node/step_runner.ts";

function runnerWith(deadlineMs: () => number | undefined, tick: () => void): StepRunner {
  return new StepRunner({
    carryOut() {},
    deadlineMs,
    tick,
    fail(thrown) {
      throw thrown;
    },
  });
}

Deno.test("no tick comes before its deadline, also where that is between two milliseconds", async () => {
  for (let round = 0; round < 30; round++) {
    const { promise, resolve } = Promise.withResolvers<number>();
    const deadlineMs = Math.floor(performance.now()) + 1.9;
    using runner = runnerWith(() => deadlineMs, () => resolve(performance.now()));
    runner.run(() => []);
    ok(await promise >= deadlineMs);
  }
});

Deno.test("a step that moves no deadline leaves the timer alone, one that moves it sets it anew", () => {
  let deadlineMs: number | undefined = performance.now() + 60_000;
  const original = globalThis.setTimeout;
  let set = 0;
  const counting = (...words: Parameters<typeof setTimeout>) => {
    set++;
    return original(...words);
  };
  globalThis.setTimeout = counting as typeof setTimeout;
  try {
    using runner = runnerWith(() => deadlineMs, () => {});
    runner.run(() => []);
    runner.run(() => []);
    strictEqual(set, 1);
    deadlineMs -= 1_000;
    runner.run(() => []);
    strictEqual(set, 2);
    deadlineMs = undefined;
    runner.run(() => []);
    strictEqual(set, 2);
  } finally {
    globalThis.setTimeout = original;
  }
});

Deno.test("a deadline that a tick leaves where it is comes again", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const deadlineMs = performance.now();
  let ticks = 0;
  using runner = runnerWith(() => deadlineMs, () => {
    if (++ticks === 3) resolve();
    else runner.run(() => []);
  });
  runner.run(() => []);
  await promise;
  strictEqual(ticks, 3);
});
