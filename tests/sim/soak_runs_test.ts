/** What the soak tries: every mix, kind, door and length together. */
import { strictEqual } from "node:assert";
import { CLUSTER_KINDS, MIXES } from "../../lib/simulate/mod.ts";
import { FAULTS_LENGTHS, OPEN_ONE_IN, soakRun, WIRE_ONE_IN } from "./_soak_runs.ts";

Deno.test("the soak comes to every mix with every kind of cluster, encoded or not, at every length", () => {
  const seeds = MIXES.length * WIRE_ONE_IN * OPEN_ONE_IN * FAULTS_LENGTHS;
  const met = new Set<string>();
  for (let seed = 0; seed < seeds; seed++) {
    const { mix, kind, wire, faultsMs } = soakRun(seed);
    met.add([mix, kind, wire, faultsMs].join());
  }
  strictEqual(met.size, MIXES.length * CLUSTER_KINDS.length * 2 * FAULTS_LENGTHS);
});
