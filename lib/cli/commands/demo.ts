/** `fumata demo`: the whole system on this machine, in one folder that is gone afterwards. */
import { fileURLToPath } from "node:url";
import { FumataError } from "../../base/errors.ts";
import type { Command, CommandContext } from "../command.ts";
import { DEMO_CLUSTER, DemoCluster, type Deployed, type Launched } from "../demo/cluster.ts";
import { playLive } from "../demo/live.ts";
import { DemoModel } from "../demo/model.ts";
import { playScript } from "../demo/script.ts";
import { summaryJson, summaryText } from "../demo/summary.ts";
import { DemoFailure } from "../demo/supervisor.ts";
import { TemporaryFolder } from "../demo/temporary_folder.ts";
import { attestedWitness, type Witness } from "../demo/witness.ts";
import { readProfile } from "../profile.ts";
import { selfCommand } from "../self.ts";
import { capabilitiesOf } from "../view/capabilities.ts";

/** Four voters are the fewest that bear a liar; an open cluster has one more to lose. */
const NODES_DEFAULT = { roster: 4, open: 5 };
const NODES_MIN = { roster: 4, open: 3 };
const NODES_MAX = 9;

/** The election function that ships with this program, also inside its executable. */
const FUNCTION = new URL("../../../function/leader-election", import.meta.url);

/** The command. */
export const demoCommand: Command = {
  name: "demo",
  summary: "show the whole system on this machine: elections, crashes, a liar that is caught",
  examples: [
    "fumata demo",
    "fumata demo --nodes 7",
    "fumata demo --open",
    "fumata demo --script --json > summary.json",
  ],
  flags: [
    {
      name: "nodes",
      type: "number",
      range: [NODES_MIN.open, NODES_MAX],
      placeholder: "N",
      help: "how many nodes to start with; default 4 voters, 5 with --open",
    },
    {
      name: "open",
      type: "boolean",
      help:
        "an open cluster in place of a roster: nodes come and go, there is no lease, nobody lies",
    },
    { name: "script", type: "boolean", help: "play the fixed script, also in a terminal" },
    { name: "json", type: "boolean", help: "play the script and print its summary as JSON" },
  ],
  async run(args, context) {
    const kind = args.has("open") ? "open" : "roster";
    const nodes = args.number("nodes") ?? NODES_DEFAULT[kind];
    if (!Number.isInteger(nodes) || nodes < NODES_MIN[kind]) {
      const wanted = kind === "open"
        ? "a whole number is wanted"
        : `a whole number from ${NODES_MIN.roster} on is wanted, so that one of them may lie`;
      throw new FumataError("usage", `Cannot start ${nodes} nodes: ${wanted}`);
    }
    const json = args.has("json");
    const isTerminal = context.stdinIsTerminal && context.stdoutIsTerminal;
    const isLive = isTerminal && !args.has("script") && !json;
    const line = (text: string) => json ? context.say(text) : context.out(text + "\n");
    return await runDemo({ nodes, kind, isLive, json, line }, context);
  },
};

interface DemoOptions {
  readonly nodes: number;
  readonly kind: "roster" | "open";
  /** Whether a person watches and drives. */
  readonly isLive: boolean;
  readonly json: boolean;
  /** Prints a line of the story. */
  readonly line: (text: string) => void;
}

/** The user, or the system, asked the demo to stop. */
class Interrupted extends Error {}

/** What shells expect of a program that SIGINT ended. */
const INTERRUPTED_EXIT_CODE = 130;

async function runDemo(options: DemoOptions, context: CommandContext): Promise<number> {
  await using folder = await TemporaryFolder.make();
  try {
    const summary = await playIn(folder, options, context);
    context.out(summary);
    return 0;
  } catch (thrown) {
    if (thrown instanceof Interrupted) {
      context.say("fumata: interrupted; all processes of the demo are ended");
      return INTERRUPTED_EXIT_CODE;
    }
    if (thrown instanceof DemoFailure) thrown.logLines.forEach((text) => context.say(text));
    throw thrown;
  }
}

/** Plays; gives the summary. When it returns or throws, no process is left. */
async function playIn(
  folder: TemporaryFolder,
  { nodes, kind, isLive, json, line }: DemoOptions,
  context: CommandContext,
): Promise<string> {
  const model = new DemoModel(performance.now(), (event) => {
    if (!isLive) line(`${event.atS.toFixed(2).padStart(7)} s  ${event.text}`);
  });
  let redraw = () => {};
  await using cluster = new DemoCluster({
    self: selfCommand(),
    folder: folder.path,
    functionFolder: fileURLToPath(FUNCTION),
    ...(kind === "roster" && { voters: nodes }),
    model,
    attest,
    onChange: () => redraw(),
  });
  folder.removeOnUnload();
  using _signals = onSignals(context, () => cluster.fail(new Interrupted()));
  if (isLive) {
    await playLive(cluster, nodes, capabilitiesOf(context.env), (wanted) => redraw = wanted);
    context.say("ending the processes");
    return summaryText(model);
  }
  const launched: Launched = await cluster.launch();
  await playScript(cluster, nodes);
  return json ? summaryJson(model, launched) : summaryText(model);
}

async function attest(deployed: Deployed): Promise<Witness> {
  const profile = await readProfile(deployed.profilePath, true);
  return await attestedWitness({ ...profile!, ...deployed, cluster: DEMO_CLUSTER });
}

/** Calls `stop` when the program is to end: by a signal, or because the terminal was closed. */
function onSignals(context: CommandContext, stop: () => void): Disposable {
  context.interrupted.then(stop);
  Deno.addSignalListener("SIGHUP", stop);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", stop) };
}
