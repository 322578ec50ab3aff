/**
 * `deno task sim:soak [MINUTES] [FIRST_SEED]`: simulated clusters under all mixes of faults, on all cores, for so long (10 minutes). Prints failures
 * with the commands that repeat them, and at the end what was tried and how fast. Exits with 1 when anything failed.
 */
import { addTally, areDrawsFair, EMPTY_TALLY, tallyText } from "../../lib/simulate/mod.ts";
import type { SoakOrder, SoakReport } from "./_soak_worker.ts";

const [minutes = 10, firstSeed = 1] = Deno.args.map(Number);
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed) || firstSeed < 0) {
  console.error("Cannot soak: deno task sim:soak [MINUTES] [FIRST_SEED], two numbers, are wanted");
  Deno.exit(1);
}
const cores = Math.max(1, navigator.hardwareConcurrency);
const startMs = performance.now();
const untilMs = performance.timeOrigin + startMs + minutes * 60_000;

let tally = EMPTY_TALLY;
const failures: string[] = [];
const nextSeeds = await Promise.all(Array.from({ length: cores }, (_, core) => soak(core)));
const wallMs = performance.now() - startMs;

console.log(tallyText(tally, wallMs));
const hours = tally.virtualMs / 3_600_000;
console.log(
  `${cores} cores: ${(hours / (wallMs / 3_600_000 * cores)).toFixed(0)} virtual hours for each ` +
    `hour of one core; seeds ${firstSeed} to ${Math.max(...nextSeeds) - 1}`,
);
for (const [kind, count] of Object.entries(tally.faultsByKind).sort(([, a], [, b]) => b - a)) {
  console.log(`  ${kind.padEnd(16)}${count}`);
}
if (!areDrawsFair(tally)) failures.push("I8: liars win more draws than chance explains");
console.log(failures.length === 0 ? "clean" : `${failures.length} failures`);
if (failures.length > 0) Deno.exit(1);

function soak(core: number): Promise<number> {
  const worker = new Worker(new URL("./_soak_worker.ts", import.meta.url), { type: "module" });
  const order: SoakOrder = { seed: firstSeed + core, stride: cores, untilMs };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  worker.onmessage = ({ data }: MessageEvent<SoakReport>) => {
    tally = addTally(tally, data.tally);
    for (const failure of data.failures) {
      failures.push(failure);
      console.log(failure);
    }
    if (!data.isDone) return;
    worker.terminate();
    resolve(data.nextSeed);
  };
  worker.onerror = (event) => reject(new Error(event.message));
  worker.postMessage(order);
  return promise;
}
