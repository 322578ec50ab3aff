/** `fumata join`: gives a running node further addresses to find others at. */
import type { JoinView } from "../../api/views.ts";
import { formatAddress, requireAddress } from "../../base/address.ts";
import { EXIT_CODES } from "../../base/errors.ts";
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";

/** More than a node takes. */
const ADDRESSES_MAX = 64;

/** The command. */
export const joinCommand: Command = {
  name: "join",
  summary: "have a running node join others",
  positional: "PEER...",
  arity: [1, ADDRESSES_MAX],
  examples: ["fumata join 10.0.0.8:5000 --node 5000", "fumata join 5001 5002"],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_FLAGS],
  async run(args, context) {
    const seeds = args.positional.flatMap((text) => text.split(","))
      .map((text) => formatAddress(requireAddress(text, "PEER")));
    const answer = await findNode(args, context).post("/v1/join", { seeds }) as JoinView;
    print(args, context, answer, () => lines(answer).join("\n"));
    return answer.answered.length > 0 ? 0 : EXIT_CODES.unreachable;
  },
};

function lines({ answered, silent }: JoinView): string[] {
  return [
    ...answered.map(({ seed, id }) => `${seed} answered, id ${id}`),
    ...silent.map((seed) => `${seed} did not answer; it is tried on`),
  ];
}
