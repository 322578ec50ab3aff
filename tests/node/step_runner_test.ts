/** The one timer of a node: it never wakes early, and is left alone while the deadline stays where it is. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { PartEffect } from "../../lib/node/election_part.ts";
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

/** Runs with every delay that is given to `setTimeout` written down. */
function withDelays(work: (delaysMs: readonly number[]) => void): void {
  const original = globalThis.setTimeout;
  const delaysMs: number[] = [];
  const noting = (act: () => void, delayMs: number) => {
    delaysMs.push(delayMs);
    return original(act, delayMs);
  };
  globalThis.setTimeout = noting as typeof setTimeout;
  try {
    work(delaysMs);
  } finally {
    globalThis.setTimeout = original;
  }
}

Deno.test("a timer is set for whole milliseconds that end behind the deadline, for fractions are cut off", () => {
  withDelays((delaysMs) => {
    for (let round = 0; round < 20; round++) {
      const nowMs = performance.now();
      const deadlineMs = nowMs + 60_000 + round / 20;
      using runner = runnerWith(() => deadlineMs, () => {});
      runner.run(() => []);
      const delayMs = delaysMs[round];
      strictEqual(delayMs, Math.trunc(delayMs));
      ok(performance.now() + delayMs >= deadlineMs);
    }
  });
});

Deno.test("a step that moves no deadline leaves the timer alone, one that moves it sets it anew", () => {
  let deadlineMs: number | undefined = performance.now() + 60_000;
  withDelays((delaysMs) => {
    using runner = runnerWith(() => deadlineMs, () => {});
    runner.run(() => []);
    runner.run(() => []);
    strictEqual(delaysMs.length, 1);
    deadlineMs! -= 1_000;
    runner.run(() => []);
    strictEqual(delaysMs.length, 2);
    deadlineMs = undefined;
    runner.run(() => []);
    strictEqual(delaysMs.length, 2);
  });
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

/** A runner whose effects are what the test says, in the order in which they were carried out. */
function noting(): { runner: StepRunner; done: string[]; act: (name: string) => PartEffect } {
  const done: string[] = [];
  const runner = new StepRunner({
    carryOut: (effect) => void (effect.type === "act" && effect.act()),
    deadlineMs: () => undefined,
    tick() {},
    fail(thrown) {
      throw thrown;
    },
  });
  const act = (name: string): PartEffect => ({ type: "act", act: () => done.push(name) });
  return { runner, done, act };
}

Deno.test("a step that an effect sets off waits until the others of its own step are carried out", () => {
  const { runner, done, act } = noting();
  using _ = runner;
  const inner = { type: "act", act: () => runner.run(() => [act("inner")]) } as const;
  runner.run(() => [act("first"), inner, act("last")]);
  deepStrictEqual(done, ["first", "last", "inner"]);
});

Deno.test("after the end nothing is carried out, neither the rest of a step nor another", () => {
  const { runner, done, act } = noting();
  const end = { type: "act", act: () => runner[Symbol.dispose]() } as const;
  runner.run(() => [act("first"), end, act("rest")]);
  runner.run(() => [act("another")]);
  deepStrictEqual(done, ["first"]);
});
