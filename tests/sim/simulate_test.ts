/** The simulator itself: runs repeat, keep the promises under every mix, and a failure is found, told and shrunk. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import {
  entryText,
  MIXES,
  replayCommand,
  simulate,
  type SimulationOptions,
} from "../../lib/simulate/mod.ts";

/** Short runs of each mix; the soak has the long ones. */
const SEEDS_A_MIX = 6;

function traceOf(options: SimulationOptions): string {
  const lines: string[] = [];
  simulate({ ...options, trace: (entry) => lines.push(entryText(entry)) });
  return lines.join("\n");
}

Deno.test("two runs of one seed are the same to the last byte", () => {
  for (const options of [{ seed: 7 }, { seed: 8, wire: true, faultsMs: 4_000 }]) {
    const trace = traceOf(options);
    ok(trace.length > 10_000);
    strictEqual(traceOf(options), trace);
    deepStrictEqual(simulate(options), simulate(options));
  }
});

Deno.test("watching a run does not change it", () => {
  const plain = simulate({ seed: 9 });
  deepStrictEqual(simulate({ seed: 9, trace: () => {} }), plain);
});

Deno.test("another seed is another run", () => {
  ok(simulate({ seed: 1 }).fingerprint !== simulate({ seed: 2 }).fingerprint);
});

for (const mix of MIXES) {
  Deno.test(`clusters keep every promise under the mix "${mix}"`, () => {
    for (let seed = 1; seed <= SEEDS_A_MIX; seed++) {
      const options = { seed, mix };
      const result = simulate(options);
      strictEqual(result.violation, undefined, replayCommand(options, result));
      ok(result.reigns > 0);
    }
  });
}

Deno.test("open clusters keep what they promise under every mix, and become one again", () => {
  for (const [i, mix] of MIXES.entries()) {
    // The first two are seeds that found something.
    for (const seed of [19, 98, 100 + i]) {
      const options = { kind: "open", seed, mix, faultsMs: 5_000 } as const;
      const result = simulate(options);
      strictEqual(result.violation, undefined, replayCommand(options, result));
    }
  }
  for (const seed of [19, 98]) {
    const result = simulate({ kind: "open", seed });
    strictEqual(result.violation, undefined);
    ok(result.reigns > 1);
  }
});

Deno.test("what once ended a soak in vain, or for nothing, ends well", () => {
  for (
    const options of [
      { seed: 21391, mix: "all", faultsMs: 4_000 },
      { seed: 31426, mix: "crashes", faultsMs: 3_000 },
      { seed: 463, mix: "all", faultsMs: 4_000 },
      { seed: 54391, mix: "all", faultsMs: 9_000 },
    ] as const
  ) {
    const result = simulate(options);
    strictEqual(result.violation, undefined, replayCommand(options, result));
  }
});

Deno.test("sixty nodes that come together all at once cost a few events for each pair of them", () => {
  const nodes = 60;
  const result = simulate({ kind: "open", seed: 1, mix: "calm", nodes, faultsMs: 1_000 });
  strictEqual(result.violation, undefined);
  strictEqual(result.reigns, 1);
  // Two first words and their answers, and gossip: 3.0 when this was written.
  ok(result.events < 3.5 * nodes ** 2, `${result.events} events`);
});

Deno.test("a cluster can't be of another size than its kind allows, nor an open one have liars", () => {
  throws(() => simulate({ seed: 1, nodes: 65 }), FumataError);
  throws(() => simulate({ seed: 1, kind: "open", nodes: 4, faultBound: 1 }), FumataError);
});

Deno.test("clusters keep every promise when every message is encoded, and some are damaged", () => {
  for (const seed of [1, 2, 3]) {
    const options = { seed, wire: true, faultsMs: 3_000 };
    const result = simulate(options);
    strictEqual(result.violation, undefined, replayCommand(options, result));
  }
});
