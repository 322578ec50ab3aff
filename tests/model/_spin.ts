/** Runs one check of the Promela model: `spin` makes a C program of it, `gcc` compiles that, and it visits every state. */

/** What bounds a check; see README.md. */
export interface Bounds {
  readonly honest: number;
  /** q - f: how many honest voters every quorum has. */
  readonly needed: number;
  readonly liarLeads: boolean;
  readonly terms: number;
  readonly leaseTicks: number;
  readonly marginTicks: number;
}

/** One check. */
export interface Check {
  readonly name: string;
  readonly bounds: Bounds;
  /** A rule that is taken out of the model: a counterexample must be found. */
  readonly breaks?: string;
}

/** What a check found. */
export interface Outcome {
  /** Whether every state within the bounds was visited and nothing was wrong in any. */
  readonly holds: boolean;
  /** Whether a state was found in which an invariant does not hold. */
  readonly isBroken: boolean;
  readonly states: number;
  readonly seconds: number;
  /** The invariant that broke. */
  readonly violated?: string;
}

const MODEL = new URL("./roster.pml", import.meta.url);

/** Memory for the states of one check. The largest takes half of it. */
const MEMORY_MB = 6_000;
/** Longest way from the beginning to a state. */
const DEPTH_MAX = 1_000_000;

/** The tools that are not there. */
export async function missingTools(): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, flag] of [["spin", "-V"], ["gcc", "--version"]]) {
    try {
      await new Deno.Command(name, { args: [flag], stdout: "null", stderr: "null" }).output();
    } catch {
      missing.push(name);
    }
  }
  return missing;
}

/** Runs a check in a temporary folder. Throws when the tools fail. */
export async function runCheck(check: Check): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-model-" });
  const startedMs = performance.now();
  try {
    await Deno.copyFile(MODEL, `${folder}/roster.pml`);
    await run(folder, "spin", [...definitions(check), "-a", "roster.pml"]);
    const options = ["-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", `-DMEMLIM=${MEMORY_MB}`];
    await run(folder, "gcc", ["-O2", "-w", ...options, "-o", "pan", "pan.c"]);
    const output = await run(folder, "./pan", [`-m${DEPTH_MAX}`, "-n"]);
    return outcomeOf(output, (performance.now() - startedMs) / 1_000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function definitions({ bounds, breaks }: Check): string[] {
  const { honest, needed, liarLeads, terms, leaseTicks, marginTicks } = bounds;
  return [
    `-DHONEST=${honest}`,
    `-DNEEDED=${needed}`,
    `-DLIAR_LEADS=${Number(liarLeads)}`,
    `-DTERMS=${terms}`,
    `-DLEASE=${leaseTicks}`,
    `-DMARGIN=${marginTicks}`,
    ...(breaks === undefined ? [] : [`-DBREAK_${breaks}`]),
  ];
}

function outcomeOf(output: string, seconds: number): Outcome {
  const errors = Number(/errors: (\d+)/.exec(output)?.[1] ?? NaN);
  const states = Number(/(\d+) states, stored/.exec(output)?.[1] ?? NaN);
  const isWhole = !/Search not completed|max search depth too small|out of memory/.test(output);
  const assertion = /assertion violated (.*?) \(at depth/.exec(output)?.[1];
  const violated = assertion === undefined ? undefined : invariantOf(assertion);
  return {
    holds: errors === 0 && isWhole,
    isBroken: errors > 0 && violated !== undefined,
    states,
    seconds,
    ...(violated !== undefined && { violated }),
  };
}

/** The model has one assertion for each invariant, told apart by what it looks at. */
function invariantOf(assertion: string): string {
  if (assertion.includes("votes[")) return "I5";
  if (assertion.includes("lease[")) return "I2";
  return assertion.includes("leads[") || assertion.includes("wasLeased[") ? "P3" : "I1";
}

async function run(folder: string, program: string, args: string[]): Promise<string> {
  const command = new Deno.Command(program, {
    args,
    cwd: folder,
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr, success } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${program} failed: ${text}`);
  return text;
}
