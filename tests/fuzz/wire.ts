/**
 * Fuzzes the decoders for as long as one likes: `deno run -A tests/fuzz/wire.ts [EXECUTIONS] [SEED]`, 10 million from a random seed if not
 * said otherwise. Stops with the input at the first finding; the seed repeats it.
 */
import { fuzzWire } from "./_wire.ts";

const BATCH = 100_000;

const executions = Number(Deno.args[0] ?? 10_000_000);
const seed = Number(Deno.args[1] ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const startedMs = performance.now();
let [opened, accepted] = [0, 0];
for (let done = 0; done < executions;) {
  const count = fuzzWire((seed + done) >>> 0, Math.min(BATCH, executions - done));
  done += count.executions;
  opened += count.opened;
  accepted += count.accepted;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const { heapUsed } = Deno.memoryUsage();
  console.log(
    `seed ${seed}: ${done} executions in ${seconds} s, ${opened} opened, ${accepted} accepted, ` +
      `heap ${Math.round(heapUsed / 2 ** 20)} MiB`,
  );
}
