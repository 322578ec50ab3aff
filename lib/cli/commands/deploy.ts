/** `fumata deploy`: packs a folder and deploys it; prints the id and the checksum that everybody else pins. */
import { fileURLToPath } from "node:url";
import { hex, utf8 } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import { deployPackage } from "../../enclave/client/mod.ts";
import { openPackage, type PackedFolder, packFiles, packFolder } from "../../package/mod.ts";
import { CLUSTER_FILE } from "../../../function/leader-election/cluster_config.ts";
import { POLICIES } from "../../../function/leader-election/rules.ts";
import { readFile } from "../certificate/input.ts";
import { configOf } from "../certificate/pinned_function.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { withProgress } from "../progress.ts";

const POLICY_FILE = "policy.json";

/** The functions that ship with fumata, also inside its executable. */
const SHIPPED = new URL("../../../function/", import.meta.url);

/** The command. */
export const deployCommand: Command = {
  name: "deploy",
  summary: "deploy a function",
  positional: "FOLDER",
  arity: [1, 1],
  examples: [
    "fumata deploy function/leader-election",
    "fumata deploy function/leader-election --policy random -o json > leader_election.json",
    "fumata deploy function/leader-election --cluster-json cluster.json --save vote.zip -o json > vote.json",
    "fumata deploy function/hide-and-seek --public",
  ],
  flags: [
    { name: "name", type: "string", placeholder: "NAME", help: "default: the folder's name" },
    {
      name: "policy",
      type: "string",
      choices: POLICIES,
      help: "how leaders are drawn, in place of what the package's policy.json says",
    },
    {
      name: "cluster-json",
      type: "string",
      placeholder: "FILE",
      help: "who votes, as the package's cluster.json: makes a roster cluster of the election",
    },
    {
      name: "save",
      type: "string",
      placeholder: "ZIP",
      help: "write the package there, for those who verify certificates with --package",
    },
    {
      name: "public",
      type: "boolean",
      help: "anyone may run it; a public hide-and-seek gets its page at /hide-and-seek",
    },
    OUTPUT_FLAG,
    ...PROFILE_FLAGS,
  ],
  async run(args, context) {
    const packed = await packageOf(args, context);
    const name = args.text("name") ?? packed.folder;
    const target = targetOf(await loadProfile(args, context));
    // First: an id that was made and not told would be lost.
    const savePath = args.text("save");
    if (savePath !== undefined) await save(packed, savePath);
    const deployed = { ...target, zip: packed.zip, name, isPublic: args.has("public") };
    const { id } = await withProgress(
      context,
      `deploying ${name} to ${target.url}`,
      () => deployPackage(deployed),
    );
    const checksum = hex(packed.checksum);
    const facts = { function_id: id, function_checksum: checksum, function_name: name };
    print(args, context, facts, () =>
      [
        `Function ID ➜  ${id}`,
        `Function Checksum ➜  ${checksum}`,
        `Function Name ➜  ${name}`,
      ].join("\n"));
    return 0;
  },
};

/** The package, with what the flags put into it. */
async function packageOf(args: Arguments, context: CommandContext): Promise<PackedFolder> {
  const [path] = args.positional;
  const policy = args.text("policy");
  const clusterPath = args.text("cluster-json");
  const folder = await pack(path, context);
  const drawn = policy === undefined ? folder : withPolicy(folder, policy, context);
  const packed = clusterPath === undefined ? drawn : await withCluster(drawn, clusterPath);
  checkCluster(packed, clusterPath ?? path);
  return packed;
}

/** The folder on disk, or the one of that name that ships with fumata. */
async function pack(path: string, context: CommandContext): Promise<PackedFolder> {
  const shipped = /^function\/([a-z0-9-]+)\/?$/.exec(path)?.[1];
  if (shipped === undefined || await isThere(path)) return await packFolder(path);
  const folder = fileURLToPath(new URL(shipped, SHIPPED));
  if (!await isThere(folder)) return await packFolder(path);
  context.say(`deploying the ${path} that ships with fumata; there is no such folder here`);
  return await packFolder(folder);
}

/** A cluster.json with a fault would be found by the first node only, after its checksum was pinned everywhere. */
function checkCluster({ zip }: PackedFolder, path: string): void {
  const opened = openPackage(zip);
  const file = typeof opened === "string" ? undefined : opened.files.get(CLUSTER_FILE);
  if (file) configOf(file, path);
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    // What cannot be looked at is packed next, which says why it cannot.
    return false;
  }
}

function withPolicy(packed: PackedFolder, policy: string, context: CommandContext): PackedFolder {
  const opened = openPackage(packed.zip);
  if (typeof opened === "string" || !opened.files.has(POLICY_FILE)) {
    throw new FumataError(
      "usage",
      `Cannot set --policy "${policy}": the package "${packed.folder}" has no ${POLICY_FILE} to set it in`,
    );
  }
  const text = utf8(`{ "policy": "${policy}" }\n`);
  context.say(`deploying with ${POLICY_FILE} set to ${policy}, which the checksum covers`);
  return packFiles(packed.folder, new Map([...opened.files, [POLICY_FILE, text]]));
}

/** Only the election function knows what the file says. */
async function withCluster(packed: PackedFolder, path: string): Promise<PackedFolder> {
  const opened = openPackage(packed.zip);
  if (typeof opened === "string" || !opened.files.has(POLICY_FILE)) {
    throw new FumataError(
      "usage",
      `Cannot use --cluster-json: the package "${packed.folder}" has no ${POLICY_FILE}, so it is no election function`,
    );
  }
  return packFiles(packed.folder, new Map([...opened.files, [CLUSTER_FILE, await readFile(path)]]));
}

async function save({ zip }: PackedFolder, path: string): Promise<void> {
  try {
    await Deno.writeFile(path, zip);
  } catch (thrown) {
    const why = messageOf(thrown);
    throw new FumataError("failure", `Cannot write the package "${path}": ${why}`, {
      cause: thrown,
    });
  }
}
