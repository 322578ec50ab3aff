/**
 * `fumata watch`: a running node and what it sees of its cluster, live in a terminal; as lines, or as JSON, elsewhere. It looks for the node again when
 * that restarts, and ends with exit code 2 when there is none.
 */
import type { StatusView } from "../../api/views.ts";
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS, type NodeLink } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, wantsColour, wantsJson } from "../output.ts";
import { capabilitiesOf } from "../view/capabilities.ts";
import { follow } from "../watch/follow.ts";
import { watchLines } from "../watch/lines.ts";
import { watchLive } from "../watch/live.ts";

const PATIENCE_S_DEFAULT = 60;

/** The command. */
export const watchCommand: Command = {
  name: "watch",
  summary: "watch a node's cluster: who leads, who is there, what happens",
  examples: [
    "fumata watch",
    "fumata watch --node 5000",
    "fumata watch --json | grep --line-buffered '\"leader\"'",
  ],
  flags: [
    { name: "lines", type: "boolean", help: "print a line for each event, also in a terminal" },
    {
      name: "patience",
      type: "number",
      range: [0, 86_400],
      placeholder: "SECONDS",
      default: String(PATIENCE_S_DEFAULT),
      help: "look for a node that went away for so long",
    },
    OUTPUT_FLAG,
    JSON_FLAG,
    ...NODE_FLAGS,
  ],
  async run(args, context) {
    // Found anew for each connection: a node that restarts may have another HTTP address.
    const find = (): NodeLink => findNode(args, context);
    const stop = new AbortController();
    const patienceMs = (args.number("patience") ?? PATIENCE_S_DEFAULT) * 1000;
    // Before the screen is taken, so that the reason of a failure is not lost with it.
    const status = await findNode(args, context).get("/v1/status") as StatusView;
    const start = (follower: Parameters<typeof follow>[0]) =>
      follow(follower, { find, patienceMs, signal: stop.signal });
    context.interrupted.then(() => stop.abort());
    const isJson = wantsJson(args);
    const isTerminal = context.stdinIsTerminal && context.stdoutIsTerminal;
    if (isTerminal && !isJson && !args.has("lines")) {
      await watchLive(start, { status, capabilities: capabilitiesOf(context.env), stop });
    } else {
      await watchLines(start, { status, isJson, colour: wantsColour(context), out: context.out });
    }
    return 0;
  },
};
