/** What the simulator is for: with a rule of the core taken away it fails, says how to repeat that, makes it small and draws it. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Promises } from "../../lib/election/roster/promises.ts";
import { SubLeases } from "../../lib/election/roster/sub_leases.ts";
import { SubLeaseDesk } from "../../lib/node/sub_lease_desk.ts";
import {
  diagramOf,
  type Mix,
  replayCommand,
  scheduleText,
  shrink,
  simulate,
  type SimulationOptions,
  type SimulationResult,
  type TraceEntry,
} from "../../lib/simulate/mod.ts";

/** Seeds that are tried until one fails: many times as many as it takes. */
const SEEDS_MAX = 200;
/** A leader that is asked to step down while a command runs. */
const SUB_LEASE_SEED = 177;

/** Runs with a method of the core replaced. */
function withBroken<Core extends object, Name extends keyof Core, T>(
  core: Core,
  name: Name,
  broken: Core[Name],
  run: () => T,
): T {
  const sound = core[name];
  core[name] = broken;
  try {
    return run();
  } finally {
    core[name] = sound;
  }
}

function firstFailure(mix: Mix): { options: SimulationOptions; result: SimulationResult } {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const options = { seed, mix };
    const result = simulate(options);
    if (result.violation) return { options, result };
  }
  throw new Error(`no failure in ${SEEDS_MAX} seeds`);
}

Deno.test("voters that keep no promise are found, and the failure is repeated and shrunk", () => {
  withBroken(Promises.prototype, "freeAtMs", () => -Infinity, () => {
    const { options, result } = firstFailure("network");
    strictEqual(result.violation?.invariant, "promise");
    strictEqual(
      replayCommand(options, result),
      `fumata simulate --seed ${options.seed} --mix network`,
    );
    deepStrictEqual(simulate(options), result, "a failure repeats");

    const small = shrink(options, result);
    const { keep = [] } = small.options;
    ok(keep.length <= 4, `${keep.length} faults are left`);
    strictEqual(small.result.violation?.invariant, "promise");
    ok(small.result.nodes <= 3, `${small.result.nodes} nodes are left`);
    ok(replayCommand(small.options, small.result).includes(`--keep ${keep.join(",") || "none"}`));
    strictEqual(scheduleText(small.result, keep).length, keep.length);

    const entries: TraceEntry[] = [];
    simulate({ ...small.options, trace: (entry) => entries.push(entry) });
    const { text, mermaid, svg } = diagramOf(entries, 40);
    ok(text.split("\n").length > 5);
    const wrong = `promise is broken: ${small.result.violation.message}`;
    for (const drawn of [text, mermaid, svg]) {
      ok(drawn.includes(wrong), "it ends with what is wrong");
    }
    ok(mermaid.startsWith("sequenceDiagram\n  participant "));
    ok(mermaid.includes("->>"));
    strictEqual(svg.match(/text-anchor="middle"/g)?.length, small.result.nodes);
    ok(svg.includes('marker-end="url(#head)"') && svg.endsWith("</svg>\n"));
  });
});

Deno.test("a step-down that does not wait for commands lets one run under two leaders' leases", () => {
  withBroken(SubLeases.prototype, "idleAtMs", () => -Infinity, () => {
    const result = simulate({ seed: SUB_LEASE_SEED, mix: "crashes" });
    strictEqual(result.violation?.invariant, "I2");
    ok(result.violation.message.includes("a command of "));
  });
  const result = simulate({ seed: SUB_LEASE_SEED, mix: "crashes" });
  strictEqual(result.violation, undefined);
  ok(result.subLeases > 0);
});

Deno.test("two commands of one name that a node lets run at one time are found", () => {
  const { take } = SubLeaseDesk.prototype;
  const shared: typeof take = function (this: SubLeaseDesk, name, holder, wantedMs) {
    return take.call(this, `${name} ${holder}`, holder, wantedMs);
  };
  withBroken(SubLeaseDesk.prototype, "take", shared, () => {
    const { result } = firstFailure("all");
    ok(result.violation?.message.endsWith("run at one time"));
  });
});

Deno.test("with the rule back in its place the same seeds are sound", () => {
  for (let seed = 1; seed <= 20; seed++) {
    strictEqual(simulate({ seed, mix: "network" }).violation, undefined);
  }
});
