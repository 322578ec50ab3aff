/** `fumata rtt`, against a node's answers by hand. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import { rttCommand } from "../../lib/cli/commands/rtt.ts";
import { FakeNode, MEMBER } from "./_fake_node.ts";

const at = (x: number) => ({ position: [x, 0, 0], heightMs: 1, adjustmentMs: 0.5, error: 0.1 });
const MEMBERS = [
  { ...MEMBER, coordinate: at(0) },
  { ...MEMBER, id: "idB", name: "n2", self: false, coordinate: at(30) },
  { ...MEMBER, id: "idC", name: "n3", self: false, coordinate: at(-10) },
  { ...MEMBER, id: "idD", name: "n4", self: false },
  { ...MEMBER, id: "idE", name: "n3", self: false },
];

async function estimated(...words: string[]): Promise<string> {
  await using node = new FakeNode({ "/v1/members": { members: MEMBERS } });
  let out = "";
  const context: Partial<CommandContext> = {
    out: (text) => void (out += text),
    env: () => undefined,
    stdoutIsTerminal: false,
  };
  const args = parseArguments([...words, "--node", `127.0.0.1:${node.port}`], rttCommand);
  strictEqual(await rttCommand.run(args, context as CommandContext), 0);
  return out;
}

Deno.test("rtt estimates between two members, and from one to the node that answers", async () => {
  strictEqual(await estimated("n2", "idC"), "n2 to n3: about 43.00 ms\n");
  strictEqual(await estimated("n2"), "n2 to n1: about 33.00 ms\n");
  deepStrictEqual(JSON.parse(await estimated("n2", "--json")), {
    from: "n2",
    to: "n1",
    estimateMs: 33,
  });
});

Deno.test("rtt says why it cannot estimate", async () => {
  await rejects(estimated("n9"), /"n9": no member has this name or id/);
  await rejects(estimated("n3"), /"n3": several have this name/);
  await rejects(estimated("n4"), /"n4": it has not answered a probe yet/);
});
