/**
 * `deno task sim:soak [MINUTES] [FIRST_SEED]`: simulated clusters under all mixes of faults, on all cores, for so long (10 minutes). Prints failures
 * with the commands that repeat them, every ten minutes how far it is, and at the end what was tried and how fast. A run that does not end is a
 * failure too: another worker goes on behind it. Exits with 1 when anything failed.
 */
import { addTally, areDrawsFair, EMPTY_TALLY, tallyText } from "../../lib/simulate/mod.ts";
import type { SoakOrder, SoakReport } from "./_soak_worker.ts";

/** A run that takes this long, ms, does not end: the longest take some seconds, also on a machine that does much else. */
const RUN_MS_MAX = 600_000;
/** How often it says how far it is, ms. */
const SAY_MS = 600_000;

const [minutes = 10, firstSeed = 1, ...others] = Deno.args.map(Number);
if (others.length > 0 || !(minutes > 0) || !Number.isSafeInteger(firstSeed) || firstSeed < 0) {
  console.error("Cannot soak: deno task sim:soak [MINUTES] [FIRST_SEED], two numbers, are wanted");
  Deno.exit(1);
}
const cores = Math.max(1, navigator.hardwareConcurrency);
const startMs = performance.now();
const untilMs = performance.timeOrigin + startMs + minutes * 60_000;

let tally = EMPTY_TALLY;
const failures: string[] = [];
const saying = setInterval(() => console.log(`  so far: ${soFar()}`), SAY_MS);
const nextSeeds = await Promise.all(
  Array.from({ length: cores }, (_, core) => soak(firstSeed + core)),
);
clearInterval(saying);
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

function soFar(): string {
  return `${tally.runs} runs, ${failures.length} failures`;
}

/** Runs every so many-th seed until the time is up; gives the first one that it did not run. */
function soak(seed: number): Promise<number> {
  const worker = new Worker(new URL("./_soak_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    clearTimeout(deadline);
    worker.terminate();
  };
  worker.onmessage = ({ data }: MessageEvent<SoakReport>) => {
    switch (data.kind) {
      case "begins":
        clearTimeout(deadline);
        deadline = setTimeout(() => {
          end();
          fail(`progress: no end after ${RUN_MS_MAX / 1_000} s\n  ${data.command}`);
          resolve(soak(data.seed + cores));
        }, RUN_MS_MAX);
        return;
      case "sum":
        tally = addTally(tally, data.tally);
        data.failures.forEach(fail);
        return;
      case "done":
        end();
        resolve(data.nextSeed);
        return;
      default:
        data satisfies never;
    }
  };
  worker.onerror = (event) => {
    end();
    reject(new Error(event.message));
  };
  worker.postMessage({ seed, stride: cores, untilMs } satisfies SoakOrder);
  return promise;
}

function fail(failure: string): void {
  failures.push(failure);
  console.log(failure);
}
