/**
 * Fuzzes the doors for as long as one likes: `deno task fuzz [--door NAME] [--executions N] [--seed S]`. Without a door all of them in
 * turn, a hundred times what the suite feeds them; without a seed a random one. Stops at the first finding, with what repeats it.
 */
import { parseArgs } from "@std/cli/parse-args";
import { fuzzDoor } from "./_door.ts";
import { DOORS } from "./doors.ts";

/** Between two lines of a long run; each batch has a seed of its own. */
const BATCH = 100_000;
const SUITES_A_RUN = 100;

async function main(args: string[]): Promise<number> {
  const flags = parseArgs(args, { string: ["door", "executions", "seed"] });
  const doors = DOORS.filter(({ name }) => flags.door === undefined || flags.door === name);
  if (doors.length === 0) {
    console.error(`there is no door "${flags.door}"; the doors: ${DOORS.map(({ name }) => name)}`);
    return 1;
  }
  const seed = Number(flags.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  for (const door of doors) {
    const wanted = Number(flags.executions ?? SUITES_A_RUN * door.suiteExecutions);
    for (let done = 0; done < wanted; done += BATCH) {
      const batch = Math.min(BATCH, wanted - done);
      const { taken, slowestMs, seconds } = await fuzzDoor(door, seed + done, batch);
      const heapMiB = Math.round(Deno.memoryUsage().heapUsed / 2 ** 20);
      console.log(
        `${door.name}: ${done + batch} inputs, seed ${
          seed + done
        }, ${taken} of the last ${batch} taken, ` +
          `${Math.round(batch / seconds)} a second, slowest ${
            slowestMs.toFixed(0)
          } ms, heap ${heapMiB} MiB`,
      );
    }
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
