/**
 * Fuzzes the doors for as long as one likes: `deno task fuzz [--door NAME[,NAME…]] [--executions N] [--seed S]`. Without a door all of them
 * in turn, N for each; without a number a hundred times what the suite feeds them; without a seed a random one. A finding is told with
 * what repeats it and ends its door; the others go on. At the end stands a table of all doors.
 */
import { messageOf } from "../../lib/base/errors.ts";
import { taskFlags } from "../_flags.ts";
import { type Door, fuzzDoor } from "./_door.ts";
import { DOORS } from "./doors.ts";

/** Between two lines of a long run; each batch has a seed of its own. */
const BATCH = 100_000;
const SUITES_A_RUN = 100;

/** What came of one door. */
interface Outcome {
  readonly door: string;
  readonly executions: number;
  readonly taken: number;
  readonly seconds: number;
  readonly slowestMs: number;
  readonly findings: number;
}

async function main(args: string[]): Promise<number> {
  const flags = taskFlags(args, { string: ["door", "executions", "seed"] });
  const names: string[] = flags.door === undefined ? [] : flags.door.split(",");
  const foreign = names.find((name) => !DOORS.some((door) => door.name === name));
  if (foreign !== undefined) {
    console.error(`there is no door "${foreign}"; the doors: ${DOORS.map(({ name }) => name)}`);
    return 1;
  }
  const wrong = ["executions", "seed"].find((name) =>
    flags[name] !== undefined && !/^\d{1,15}$/.test(flags[name])
  );
  if (wrong !== undefined) {
    console.error(`--${wrong} is "${flags[wrong]}": a whole number is wanted`);
    return 1;
  }
  const seed = Number(flags.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const outcomes: Outcome[] = [];
  for (const door of DOORS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const wanted = Number(flags.executions ?? SUITES_A_RUN * door.suiteExecutions);
    outcomes.push(await fuzzLong(door, seed, wanted));
  }
  console.log(`\n${table(outcomes)}`);
  return outcomes.some(({ findings }) => findings > 0) ? 1 : 0;
}

async function fuzzLong(door: Door, seed: number, wanted: number): Promise<Outcome> {
  let [done, taken, seconds, slowestMs] = [0, 0, 0, 0];
  const outcome = (findings: number): Outcome => ({
    door: door.name,
    executions: done,
    taken,
    seconds,
    slowestMs,
    findings,
  });
  while (done < wanted) {
    const batch = Math.min(BATCH, wanted - done);
    try {
      const report = await fuzzDoor(door, seed + done, batch);
      taken += report.taken;
      seconds += report.seconds;
      slowestMs = Math.max(slowestMs, report.slowestMs);
      const heapMiB = Math.round(Deno.memoryUsage().heapUsed / 2 ** 20);
      console.log(
        `${door.name}: ${done + batch} inputs, seed ${seed + done}, ` +
          `${report.taken} of the last ${batch} taken, ${
            Math.round(batch / report.seconds)
          } a second, ` +
          `slowest ${report.slowestMs.toFixed(0)} ms, heap ${heapMiB} MiB`,
      );
    } catch (thrown) {
      console.error(messageOf(thrown));
      return outcome(1);
    }
    done += batch;
  }
  return outcome(0);
}

/** As README files have it. */
function table(outcomes: readonly Outcome[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.join(" | ")} |`;
  const heading = ["door", "inputs", "taken", "a second", "slowest, ms", "findings"];
  const rows = outcomes.map(({ door, executions, taken, seconds, slowestMs, findings }) =>
    line([
      `\`${door}\``,
      executions,
      taken,
      seconds > 0 ? Math.round(executions / seconds) : "-",
      slowestMs.toFixed(0),
      findings,
    ])
  );
  return [line(heading), line(heading.map(() => "---")), ...rows].join("\n");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
