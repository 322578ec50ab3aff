/**
 * `fumata demo-liar`: a node of the demo that votes twice, so that people can see it caught. It takes the flags of `fumata node`, and runs only
 * as a child of a demo, in that demo's folder and on a loopback address: a slip of the fingers makes nobody's node a liar.
 */
import { isLoopback } from "../../base/address.ts";
import { FumataError } from "../../base/errors.ts";
import type { NodeOptions } from "../../node/node_options.ts";
import { StateStore } from "../../node/state_store.ts";
import type { Command } from "../command.ts";
import { doubleVoter } from "../demo/double_voter.ts";
import { isDemoFolder } from "../demo/demo_mark.ts";
import { nodeCommand, runNode } from "./node.ts";

/** The command. */
export const demoLiarCommand: Command = {
  name: "demo-liar",
  summary: "the liar of the demo: a node that votes twice; runs in a demo only",
  isHidden: true,
  examples: ["fumata demo"],
  flags: nodeCommand.flags,
  run(args, context) {
    const folder = args.text("state");
    if (folder !== undefined && isDemoFolder(folder)) {
      return runNode(args, context, (options) => lying(options, folder));
    }
    throw new FumataError(
      "usage",
      'Cannot run a liar: this is a part of "fumata demo" and runs nowhere else; start that',
    );
  },
};

function lying(options: NodeOptions, folder: string): NodeOptions {
  const { cluster, checksum, bind } = options;
  if (!isLoopback(bind.host)) {
    throw new FumataError("usage", `Cannot run a liar at ${bind.host}: loopback addresses only`);
  }
  using store = StateStore.open(folder);
  return { ...options, middleman: doubleVoter(store.identity, { checksum, cluster }) };
}
