/**
 * `fumata simulate`: runs whole clusters in virtual time under every fault there is, and checks from outside that what the README promises
 * holds. A failure prints one command that repeats it; `--shrink` makes it small and draws it.
 */
import { fromUtf8 } from "../../base/bytes.ts";
import { EXIT_CODES, FumataError } from "../../base/errors.ts";
import {
  addRun,
  areDrawsFair,
  CLUSTER_KINDS,
  type ClusterKind,
  diagramOf,
  EMPTY_TALLY,
  entryText,
  type Mix,
  MIXES,
  parseScenario,
  replayCommand,
  runScenario,
  scheduleText,
  shrink,
  simulate,
  type SimulationOptions,
  type SimulationResult,
  type Tally,
  tallyText,
  type TraceEntry,
} from "../../simulate/mod.ts";
import { readFile } from "../certificate/input.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { JSON_FLAG, printJson, printText, wantsJson } from "../output.ts";

/** Seeds are 32 bits. */
const SEED_MAX = 2 ** 32 - 1;
/** The last messages of a failing run that a diagram shows: what came before is in the trace. */
const DIAGRAM_MESSAGES_MAX = 40;
/** What a diagram can be written as. */
const DIAGRAM_FILE = /\.(svg|mmd|txt)$/;
/** Runs between two looks at whether somebody wants to stop. */
const YIELD_RUNS = 8;

/** Flags of runs, which say nothing of a scenario: it has all of that in its file. */
const PLAYS_RUNS = [
  "seed",
  "seeds",
  "until-failure",
  "nodes",
  "liars",
  "kind",
  "mix",
  "duration",
  "wire",
  "keep",
  "shrink",
  "trace",
  "diagram",
];

/** The command. */
export const simulateCommand: Command = {
  name: "simulate",
  summary: "run clusters in virtual time under faults, and check every promise",
  examples: [
    "fumata simulate",
    "fumata simulate --seeds 1000",
    "fumata simulate --nodes 5 --liars 1 --mix network --until-failure",
    "fumata simulate --seed 7 --trace trace.txt",
    "fumata simulate --seed 7 --shrink --diagram run.svg",
    "fumata simulate --scenario tests/sim/scenarios/paused_leader.scenario",
  ],
  flags: [
    {
      name: "seed",
      type: "number",
      placeholder: "N",
      range: [0, SEED_MAX],
      help: "the first seed; everything in a run follows from it (default 1)",
    },
    {
      name: "seeds",
      type: "number",
      placeholder: "N",
      range: [1, SEED_MAX],
      help: "how many runs, with seeds that count up (default 1, or 100 without --seed)",
    },
    { name: "until-failure", type: "boolean", help: "go on until a run fails or you stop it" },
    {
      name: "nodes",
      type: "number",
      placeholder: "N",
      range: [2, 1_000],
      help: "voters, at most 64; nodes of an open cluster (default: the seed draws 2 to 7)",
    },
    {
      name: "liars",
      short: "f",
      type: "number",
      placeholder: "N",
      range: [0, 21],
      help: "how many of them may lie: 3 N + 1 nodes are needed (default 0 with --nodes)",
    },
    {
      name: "kind",
      type: "string",
      choices: CLUSTER_KINDS,
      default: "roster",
      help: "a cluster with a roster, or an open one",
    },
    {
      name: "mix",
      type: "string",
      choices: MIXES,
      default: "all",
      help: "what goes wrong",
    },
    {
      name: "duration",
      type: "number",
      placeholder: "SECONDS",
      range: [1, 86_400],
      help: "virtual time of the phase of faults (default 10)",
    },
    {
      name: "wire",
      type: "boolean",
      help: "encode, sign, decode and verify every message, and damage some",
    },
    {
      name: "keep",
      type: "string",
      placeholder: "LIST",
      help: "play only these faults of the schedule, by number: 0,3,9 or none",
    },
    { name: "shrink", type: "boolean", help: "make a failing run small, and draw it" },
    { name: "trace", type: "string", placeholder: "FILE", help: "write down what happens" },
    {
      name: "diagram",
      type: "string",
      placeholder: "FILE",
      help: "draw the end of the run that failed, or of the last one: .svg, .mmd or .txt",
    },
    {
      name: "scenario",
      type: "string",
      placeholder: "FILE",
      help: "play a scenario file and print its transcript instead",
    },
    JSON_FLAG,
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const scenario = args.text("scenario");
  if (scenario !== undefined) {
    refuseBeside(args, "scenario", PLAYS_RUNS);
    return await playScenario(scenario, wantsJson(args), context);
  }
  if (args.has("until-failure")) refuseBeside(args, "until-failure", ["seeds"]);
  const seed = whole(args, "seed") ?? 1;
  const count = args.has("until-failure")
    ? Infinity
    : whole(args, "seeds") ?? (args.number("seed") === undefined ? 100 : 1);
  const options = optionsOf(args);
  if (options.keep && count !== 1) {
    throw new FumataError(
      "usage",
      "Cannot use --keep for several runs: the numbers are those of one schedule; give its --seed",
    );
  }
  const diagram = args.text("diagram");
  if (diagram !== undefined && !DIAGRAM_FILE.test(diagram)) {
    throw new FumataError(
      "usage",
      `Cannot draw to "${diagram}": the file has to end in .svg, .mmd or .txt`,
    );
  }
  const startMs = performance.now();
  let isStopped = false;
  context.interrupted.then(() => isStopped = true);
  let tally: Tally = EMPTY_TALLY;
  let failure: { options: SimulationOptions; result: SimulationResult } | undefined;
  for (let i = 0; i < count && seed + i <= SEED_MAX && !failure && !isStopped; i++) {
    const own = { ...options, seed: seed + i };
    const result = runOne(own, args.text("trace"));
    tally = addRun(tally, result);
    if (result.violation) failure = { options: own, result };
    // Between runs, so that a signal is heard.
    if (i % YIELD_RUNS === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  const wallMs = performance.now() - startMs;
  if (failure && args.has("shrink")) failure = shrunk(failure, context);
  if (diagram !== undefined && tally.runs > 0) {
    draw(failure?.options ?? { ...options, seed: seed + tally.runs - 1 }, diagram);
  }
  if (wantsJson(args)) {
    const { violation } = failure?.result ?? {};
    const command = failure && replayCommand(failure.options, failure.result);
    const drawsAreFair = areDrawsFair(tally);
    printJson(context, { ...tally, wallMs, violation, replay: command, drawsAreFair });
  } else {
    context.out(tallyText(tally, wallMs) + "\n");
    if (failure) tell(failure, context);
  }
  if (!areDrawsFair(tally)) context.say("I8: liars win more draws than chance explains");
  return failure || !areDrawsFair(tally) ? EXIT_CODES.failure : 0;
}

/** Throws when flags were given that would say nothing beside another one. */
function refuseBeside(args: Arguments, flag: string, others: readonly string[]): void {
  const other = others.find((name) => args.has(name) || args.text(name) !== undefined);
  if (other === undefined) return;
  throw new FumataError("usage", `Cannot use --${other} beside --${flag}: give one of them`);
}

/** The value of a flag that counts something. */
function whole(args: Arguments, name: string): number | undefined {
  const value = args.number(name);
  if (value === undefined || Number.isInteger(value)) return value;
  throw new FumataError("usage", `Cannot use --${name} "${value}": a whole number is wanted`);
}

async function playScenario(
  path: string,
  isJson: boolean,
  context: CommandContext,
): Promise<number> {
  const text = fromUtf8(await readFile(path));
  if (text === undefined) {
    throw new FumataError("usage", `Cannot read scenario "${path}": it is no text in UTF-8`);
  }
  const { transcript, failure } = runScenario(text);
  const expected = parseScenario(text).transcript;
  const isOther = expected !== "" && expected !== transcript;
  const wrong = failure !== undefined
    ? `it fails: ${failure}`
    : isOther
    ? "the transcript is not the one in the file"
    : undefined;
  if (isJson) printJson(context, { transcript, ...(wrong !== undefined && { failure: wrong }) });
  else printText(context, transcript);
  if (wrong === undefined) return 0;
  context.say(wrong);
  return EXIT_CODES.failure;
}

function optionsOf(args: Arguments): Omit<SimulationOptions, "seed"> {
  const nodes = whole(args, "nodes");
  const liars = whole(args, "liars");
  if (liars !== undefined && nodes === undefined) {
    throw new FumataError("usage", "Cannot simulate --liars without --nodes: give both");
  }
  const seconds = args.number("duration");
  const keep = args.text("keep");
  return {
    kind: (args.text("kind") ?? "roster") as ClusterKind,
    mix: (args.text("mix") ?? "all") as Mix,
    wire: args.has("wire"),
    ...(nodes !== undefined && { nodes }),
    ...(liars !== undefined && { faultBound: liars }),
    ...(seconds !== undefined && { faultsMs: seconds * 1_000 }),
    ...(keep !== undefined && { keep: numbersOf(keep) }),
  };
}

function numbersOf(list: string): number[] {
  if (list === "none") return [];
  if (/^\d{1,9}(,\d{1,9})*$/.test(list)) return list.split(",").map(Number);
  throw new FumataError(
    "usage",
    `Cannot use --keep "${list}": numbers with commas between them, or none, are wanted`,
  );
}

function runOne(options: SimulationOptions, traceFile: string | undefined): SimulationResult {
  if (traceFile === undefined) return simulate(options);
  const lines: string[] = [];
  const result = simulate({ ...options, trace: (entry) => lines.push(entryText(entry)) });
  write(traceFile, lines.join("\n") + "\n");
  return result;
}

/** Runs once more, for a run that is looked at is the same run, and draws it as the name of the file says. */
function draw(options: SimulationOptions, file: string): void {
  const entries: TraceEntry[] = [];
  simulate({ ...options, trace: (entry) => entries.push(entry) });
  const { text, mermaid, svg } = diagramOf(entries, DIAGRAM_MESSAGES_MAX);
  write(file, file.endsWith(".svg") ? svg : file.endsWith(".mmd") ? mermaid + "\n" : text + "\n");
}

function write(file: string, text: string): void {
  try {
    Deno.writeTextFileSync(file, text);
  } catch {
    throw new FumataError(
      "failure",
      `Cannot write to "${file}": name a file in a folder that is there`,
    );
  }
}

function shrunk(
  failure: { options: SimulationOptions; result: SimulationResult },
  context: CommandContext,
): { options: SimulationOptions; result: SimulationResult } {
  context.say(`seed ${failure.options.seed} fails; it is made smaller`);
  const { options, result, runs } = shrink(failure.options, failure.result);
  context.say(
    `${runs} runs: ${result.nodes} nodes and ${options.keep?.length} of ` +
      `${result.schedule.length} faults are left`,
  );
  return { options, result };
}

function tell(
  { options, result }: { options: SimulationOptions; result: SimulationResult },
  context: CommandContext,
): void {
  const { invariant, message, atMs } = result.violation!;
  context.out(`\n${invariant} is broken at ${atMs.toFixed(3)} ms: ${message}\n`);
  context.out(`again: ${replayCommand(options, result)}\n`);
  if (options.keep === undefined) return;
  const entries: TraceEntry[] = [];
  simulate({ ...options, trace: (entry) => entries.push(entry) });
  const { text, mermaid } = diagramOf(entries, DIAGRAM_MESSAGES_MAX);
  context.out(`\n${scheduleText(result, options.keep).join("\n")}\n\n${text}\n\n${mermaid}\n`);
}
