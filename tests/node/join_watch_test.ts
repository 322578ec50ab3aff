/** Waiting for seeds: each answer counts, and nobody waits for a node that stops. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { JoinWatch } from "../../lib/node/join_watch.ts";

const [one, two] = [1, 2].map((port) => ({ host: "127.0.0.1", port }));
const LONG_MS = 3_600_000;

Deno.test("a join ends with the last answer", async () => {
  using watch = new JoinWatch();
  const { answered, silent } = await watch.join([one, two], LONG_MS, () => {
    watch.hear({ kind: "seed-answered", seed: one, id: "a" });
    watch.hear({ kind: "seed-answered", seed: two, id: "b" });
  });
  deepStrictEqual([answered.map(({ id }) => id), silent], [["a", "b"], []]);
});

Deno.test("a node that stops lets everybody go who waits, and who comes after", async () => {
  const watch = new JoinWatch();
  const joined = watch.join([one, two], LONG_MS, () => {
    watch.hear({ kind: "seed-answered", seed: one, id: "a" });
  });
  watch[Symbol.dispose]();
  deepStrictEqual((await joined).silent, [two]);
  strictEqual((await watch.join([one], LONG_MS, () => {})).silent.length, 1);
});
