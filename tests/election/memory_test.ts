/** Nothing grows with the number of terms, restarts or strangers: the heap before and after thousands of each, in virtual time. */
import { ok, strictEqual } from "node:assert";

/** The noise of a collected heap is some ten kilobytes; one entry of a map that stays each round would be a hundred. */
const GROWN_BYTES_MAX = 48 * 1024;

/** By how much the heap of a process under this load has grown. */
async function grownBytes(load: string): Promise<number> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check", "--v8-flags=--expose-gc"],
      new URL("_memory_probe.ts", import.meta.url).pathname,
      load,
    ],
  }).output();
  strictEqual(code, 0, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
}

for (const load of ["terms", "restarts", "strangers", "books"]) {
  Deno.test(`no machine of a node keeps anything of each round: ${load}`, async () => {
    const bytes = await grownBytes(load);
    ok(bytes < GROWN_BYTES_MAX, `the heap grew by ${bytes} bytes`);
  });
}

Deno.test("the measure sees a load that keeps one text a round", async () => {
  const bytes = await grownBytes("leaking");
  ok(bytes > GROWN_BYTES_MAX, `the heap grew by ${bytes} bytes only`);
});
