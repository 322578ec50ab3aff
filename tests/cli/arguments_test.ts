/** Words that the splitter of words would take for something else. */
import { throws } from "node:assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS } from "../../lib/cli/commands.ts";

Deno.test("a flag called like the splitter's list of words is unknown, and no bug of the program", async () => {
  const command = await COMMANDS.leader.load();
  for (const word of ["-_", "--_", "--_=1", "-_x"]) {
    throws(() => parseArguments([word], command), /Cannot use "-+_.*no such flag/);
  }
});
