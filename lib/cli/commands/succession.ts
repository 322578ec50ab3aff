/**
 * `fumata succession`: signs the operator's order that a roster cluster goes on as another function, makes the operator's key, or gives the order
 * to a running node, which passes it on; their electorate votes the closing certificate, and the new package goes on from there. A voter
 * that was not there imports that certificate.
 */
import { CLUSTER_FILE } from "../../../function/leader-election/cluster_config.ts";
import { base64url, equalBytes, fromHex, hex } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import {
  formatSuccessionOrder,
  parseSuccessionOrder,
  signSuccessionOrder,
} from "../../certificate/mod.ts";
import { generateIdentity, type Identity, identityFromPem } from "../../crypto/ed25519.ts";
import { importClosing } from "../certificate/import_closing.ts";
import { readText } from "../certificate/input.ts";
import {
  configOf,
  FUNCTION_FLAGS,
  type PinnedFunction,
  readPackage,
  readPinnedFunction,
} from "../certificate/pinned_function.ts";
import { TRUST_FLAGS } from "../certificate/trusted_keys.ts";
import type { Succession } from "../../node/succession.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { printText } from "../output.ts";

/** What the flags of other commands mean here. */
const FLAG_HELP: Readonly<Record<string, string>> = {
  checksum: "the function that is to close; --package says it too",
  package: "the package of the function that is to close",
  "cluster-json": "its cluster.json, in place of --package",
  cluster: "the cluster that is to close",
};

/** The command. */
export const successionCommand: Command = {
  name: "succession",
  summary: "order that a roster cluster goes on as another function",
  examples: [
    "fumata succession --make-key operator.pem",
    "fumata succession --package old.zip --to new.zip --key operator.pem > order.json",
    "fumata succession --give order.json --node 5000",
    "fumata succession --import chain.json --package old.zip --policy policy.json --folder node-4",
    "fumata succession -c 6b6d1c8b21f89626… --cluster payments --to 1f0c7a… --key operator.pem > order.json",
  ],
  flags: [
    {
      name: "to",
      type: "string",
      placeholder: "CHECKSUM|ZIP|FOLDER",
      help: "the function that goes on; a package is checked, too",
    },
    {
      name: "key",
      type: "string",
      placeholder: "FILE",
      help: "the operator's private key, PEM",
    },
    ...FUNCTION_FLAGS.map((flag) => ({ ...flag, help: FLAG_HELP[flag.name] ?? flag.help })),
    {
      name: "make-key",
      type: "string",
      placeholder: "FILE",
      help: "make an operator's key there, and print what cluster.json needs of it",
    },
    {
      name: "give",
      type: "string",
      placeholder: "FILE",
      help: "give the order in FILE to a running node, and wait until its cluster is closed",
    },
    {
      name: "import",
      type: "string",
      placeholder: "FILE",
      help:
        'put the closing certificate of the chain in FILE, from "fumata chain" at a closed node, into the state folder --folder',
    },
    ...TRUST_FLAGS,
    ...NODE_FLAGS,
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const keyPath = args.text("make-key");
  if (keyPath !== undefined) return await makeKey(keyPath, context);
  const orderPath = args.text("give");
  if (orderPath !== undefined) return await give(orderPath, args, context);
  const chainPath = args.text("import");
  if (chainPath !== undefined) return await importInto(chainPath, args, context);
  const from = await readPinnedFunction(args, "order a succession");
  const operator = await readKey(args);
  checkOperator(from, operator);
  const successor = await readSuccessor(args, from);
  if (equalBytes(successor, from.checksum)) {
    throw usage(`Cannot order a succession: --to is the function itself, ${hex(successor)}`);
  }
  const domain = { checksum: from.checksum, cluster: from.cluster };
  context.out(formatSuccessionOrder(signSuccessionOrder(operator, domain, successor)));
  context.say(
    `cluster ${from.cluster}: function ${hex(from.checksum)} is to close in favour of ${
      hex(successor)
    }; give the order to its nodes`,
  );
  return 0;
}

/** One node is enough: it passes the order on. */
async function give(path: string, args: Arguments, context: CommandContext): Promise<number> {
  const order = parseSuccessionOrder(await readText(path, "order"));
  if (typeof order === "string") throw usage(`Cannot use --give "${path}": ${order}`);
  const body = JSON.parse(formatSuccessionOrder(order));
  const { successor, closing } = await findNode(args, context)
    .post("/v1/succession", body) as Succession;
  if (!closing) {
    context.say("the order is taken; the cluster is not closed yet, it goes on trying");
    return 0;
  }
  printText(context, `closed in term ${closing.term} in favour of ${successor}`);
  context.say("start its nodes with the successor's package, in the same state folders");
  return 0;
}

/** For a voter that was not there when the cluster closed. */
async function importInto(path: string, args: Arguments, context: CommandContext) {
  const folder = args.text("folder");
  if (folder === undefined) {
    throw usage(`Cannot import from "${path}": name the node's state folder with --folder DIR`);
  }
  return await importClosing(path, folder, args, context);
}

async function makeKey(path: string, context: CommandContext): Promise<number> {
  const operator = generateIdentity();
  try {
    await Deno.writeTextFile(path, operator.exportPem(), { createNew: true, mode: 0o600 });
  } catch (thrown) {
    const isThere = thrown instanceof Deno.errors.AlreadyExists;
    const why = isThere ? "it is there already, and is left alone" : messageOf(thrown);
    throw new FumataError("failure", `Cannot write "${path}": ${why}`, { cause: thrown });
  }
  context.out(`"operatorKey": "${base64url(operator.publicKey)}"\n`);
  context.say(`the private key is in ${path}: keep it away from the nodes`);
  return 0;
}

async function readKey(args: Arguments): Promise<Identity> {
  const path = args.text("key");
  if (path === undefined) throw usage("Cannot order a succession without --key: it is missing");
  const identity = identityFromPem(await readText(path, "key"));
  if (identity) return identity;
  throw usage(`Cannot use --key "${path}": an Ed25519 private key in PEM is wanted`);
}

function checkOperator({ config }: PinnedFunction, operator: Identity): void {
  if (!config) return;
  if (!config.operatorKey) {
    throw usage(
      `Cannot order a succession: ${CLUSTER_FILE} names no operatorKey, so this cluster has no successor`,
    );
  }
  if (equalBytes(config.operatorKey, operator.publicKey)) return;
  throw usage(
    `Cannot order a succession: --key is the key ${
      base64url(operator.publicKey)
    }, ${CLUSTER_FILE} names ${base64url(config.operatorKey)}`,
  );
}

/** The successor's checksum; of a package also that it names the predecessor, without which no node of it would begin. */
async function readSuccessor(args: Arguments, from: PinnedFunction): Promise<Uint8Array> {
  const to = args.text("to");
  if (to === undefined) throw usage("Cannot order a succession without --to: it is missing");
  const given = fromHex(to);
  if (given?.length === 32) return given;
  const { checksum, files } = await readPackage(to);
  const file = files.get(CLUSTER_FILE);
  if (!file) throw usage(`Cannot use --to "${to}": it has no ${CLUSTER_FILE}`);
  const { succeeds, cluster } = configOf(file, to);
  if (cluster !== from.cluster) {
    throw usage(`Cannot use --to "${to}": its cluster is "${cluster}", not "${from.cluster}"`);
  }
  if (succeeds && equalBytes(succeeds, from.checksum)) return checksum;
  const said = succeeds ? `"succeeds": "${hex(succeeds)}"` : 'no "succeeds"';
  throw usage(
    `Cannot use --to "${to}": its ${CLUSTER_FILE} has ${said}; "${hex(from.checksum)}" is wanted`,
  );
}

function usage(message: string): FumataError {
  return new FumataError("usage", message);
}
