/** `fumata certificate`: the certificate that a running node respects, for `fumata verify`; exit code 4 when there is none. */
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG } from "../output.ts";

/** The command. */
export const certificateCommand: Command = {
  name: "certificate",
  summary: "print the election certificate that a node respects",
  examples: ["fumata certificate > leader.json", "fumata certificate --node 5000"],
  flags: [JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const document = await findNode(args, context).get("/v1/certificate");
    context.out(JSON.stringify(document, null, 2) + "\n");
    return 0;
  },
};
