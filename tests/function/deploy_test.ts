/** `fumata deploy` of a package with a `cluster.json`: what no node could use is refused here, before anything is sent. */
import { match, rejects } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { deployCommand } from "../../lib/cli/commands/deploy.ts";
import { runCommand, TestFolder } from "../certificate/_command.ts";
import { configFields } from "./_roster.ts";

async function refusalOf(clusterJson: unknown): Promise<string> {
  using folder = new TestFolder();
  folder.write("app.js", "export function cape_handler(input) { return input; }");
  folder.write("cluster.json", clusterJson);
  // There is no such profile: whoever gets that far says so.
  const words = [folder.path, "--profile", `${folder.path}/none.json`];
  let message = "";
  await rejects(runCommand(deployCommand, ...words), (error: FumataError) => {
    message = error.message;
    return true;
  });
  return message;
}

Deno.test("deploy names the field of a cluster.json that no node could use", async () => {
  const { lease: _, ...lacking } = configFields();
  match(await refusalOf(lacking), /^Cannot use cluster.json of ".*": the file lacks "lease"/);
  match(await refusalOf(configFields(3, 1)), /^Cannot use cluster.json of ".*": .*faultBound/);
  match(await refusalOf("{"), /^Cannot use cluster.json of ".*": /);
});

Deno.test("deploy goes on with a cluster.json that is in order", async () => {
  match(
    await refusalOf(configFields(4, 1)),
    /none\.json": it cannot be read: there is no such file/,
  );
});
