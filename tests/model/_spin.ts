/** Runs one check of a Promela model: `spin` makes a C program of it, `gcc` compiles that, and it visits every state. */

/** What bounds a check of `roster.pml`; see README.md. */
export interface RosterBounds {
  readonly honest: number;
  /** q - f: how many honest voters every quorum has. */
  readonly needed: number;
  readonly liarLeads: boolean;
  readonly terms: number;
  readonly leaseTicks: number;
  readonly marginTicks: number;
}

/** What bounds a check of `succession.pml`. */
export interface SuccessionBounds {
  readonly honest: number;
  /** As in {@linkcode RosterBounds}. */
  readonly needed: number;
  /** Of both functions together. */
  readonly terms: number;
  /** Functions in favour of which the electorate may close. */
  readonly successors: number;
}

/** One check. */
export interface Check {
  readonly name: string;
  readonly bounds: RosterBounds | SuccessionBounds;
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
    const model = isOfSuccession(check.bounds) ? "succession.pml" : "roster.pml";
    await Deno.copyFile(new URL(model, import.meta.url), `${folder}/${model}`);
    await run(folder, "spin", [...definitions(check), "-a", model]);
    const options = ["-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", `-DMEMLIM=${MEMORY_MB}`];
    await run(folder, "gcc", ["-O2", "-w", ...options, "-o", "pan", "pan.c"]);
    const output = await run(folder, "./pan", [`-m${DEPTH_MAX}`, "-n"]);
    return outcomeOf(output, (performance.now() - startedMs) / 1_000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether a check is one of successions. */
export function isOfSuccession(bounds: Check["bounds"]): bounds is SuccessionBounds {
  return "successors" in bounds;
}

function definitions({ bounds, breaks }: Check): string[] {
  const { honest, needed, terms } = bounds;
  const common = [`-DHONEST=${honest}`, `-DNEEDED=${needed}`, `-DTERMS=${terms}`];
  // With a rule taken out it is the harm that has to be found, not only that a reason is gone.
  const broken = breaks === undefined ? [] : [`-DBREAK_${breaks}`, "-DHARM_ONLY"];
  if (isOfSuccession(bounds)) return [...common, `-DSUCCESSORS=${bounds.successors}`, ...broken];
  const { liarLeads, leaseTicks, marginTicks } = bounds;
  return [
    ...common,
    `-DLIAR_LEADS=${Number(liarLeads)}`,
    `-DLEASE=${leaseTicks}`,
    `-DMARGIN=${marginTicks}`,
    ...broken,
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

/** What an assertion looks at tells which invariant it is, in this order. */
const MARKS: readonly (readonly [string, string])[] = [
  ["votes[", "I5"],
  ["rows[", "I5"],
  ["lease[", "I2"],
  ["x==g", "I2"],
  ["ledUntil", "I3"],
  ["token", "I3"],
  ["leads[", "P3"],
  ["wasLeased[", "P3"],
  [">=", "P3"],
  ["certified[", "I1"],
];

function invariantOf(assertion: string): string | undefined {
  return MARKS.find(([mark]) => assertion.includes(mark))?.[1];
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
