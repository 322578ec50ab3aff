/**
 * `fumata audit`: checks a whole chain of certificates of roster clusters, offline: who led in which term, under which keys, through which
 * functions; and where the chain does not hold. Genuine certificates off the chain are named as what they are: they never led.
 */
import type { ClusterConfig } from "../../../function/leader-election/cluster_config.ts";
import { CLUSTER_FILE } from "../../../function/leader-election/cluster_config.ts";
import { fromBase64url, hex } from "../../base/bytes.ts";
import { EXIT_CODES, FumataError } from "../../base/errors.ts";
import {
  auditChain,
  type ChainAudit,
  type ChainFile,
  type ChainLink,
  claimedChecksum,
  type FunctionPins,
  parseChainFile,
} from "../../certificate/mod.ts";
import { readText } from "../certificate/input.ts";
import {
  configOf,
  FUNCTION_FLAGS,
  readPackage,
  readPinnedFunction,
} from "../certificate/pinned_function.ts";
import { readTrustedKeys, teesOf, TRUST_FLAGS } from "../certificate/trusted_keys.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { printJson, printText } from "../output.ts";

/** The command. */
export const auditCommand: Command = {
  name: "audit",
  summary: "check a whole chain of certificates, offline",
  positional: "FILE|URL|-",
  arity: [1, 1],
  examples: [
    "fumata audit chain.json --package election.zip --policy policy.json",
    "fumata audit chain.json --package old.zip --package new.zip --keys keys.json",
  ],
  flags: [
    ...FUNCTION_FLAGS.map((flag) =>
      flag.name === "package"
        ? {
          ...flag,
          type: "list" as const,
          help: "the package of each function that the chain crosses",
        }
        : flag
    ),
    ...TRUST_FLAGS,
    {
      name: "after",
      type: "string",
      placeholder: "ID",
      help: "a certificate that was audited before: the chain may begin after it",
    },
    { name: "json", type: "boolean", help: "print JSON" },
  ],
  run,
};

interface PinnedRoster {
  readonly checksum: Uint8Array;
  readonly config: ClusterConfig;
}

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const rosters = await readRosters(args);
  const [path] = args.positional;
  const file = parseChainFile(await readText(path, "chain"));
  if (typeof file === "string") {
    throw new FumataError("refused", `Cannot read chain "${path}": ${file}`);
  }
  const audit = auditChain(file.documents, await pinsOf(args, file, rosters), {
    after: afterOf(args),
  });
  const isSound = audit.breaks.length === 0 && audit.refused.length === 0 &&
    audit.chain.length > 0;
  if (args.has("json")) printJson(context, jsonReport(audit, isSound));
  else printText(context, textReport(audit, isSound));
  return isSound ? 0 : EXIT_CODES.refused;
}

/** The rosters of all packages, or the one that the user vouches for. */
async function readRosters(args: Arguments): Promise<PinnedRoster[]> {
  const paths = args.list("package");
  if (paths.length === 0 || args.text("cluster-json") !== undefined) {
    const { checksum, config } = await readPinnedFunction(args, "audit");
    if (config) return [{ checksum, config }];
    throw new FumataError(
      "usage",
      `Cannot audit without a roster: give --package, or --cluster-json with a file that you vouch for; certificates of open clusters are no chain`,
    );
  }
  return await Promise.all(paths.map(async (path) => {
    const { checksum, files } = await readPackage(path);
    const file = files.get(CLUSTER_FILE);
    if (file) return { checksum, config: configOf(file, path) };
    throw new FumataError(
      "usage",
      `Cannot audit with package "${path}": it has no ${CLUSTER_FILE}; certificates of open clusters are no chain`,
    );
  }));
}

/** Pins of the functions that occur in the chain; keys are demanded for no others. */
async function pinsOf(
  args: Arguments,
  file: ChainFile,
  rosters: readonly PinnedRoster[],
): Promise<FunctionPins[]> {
  const claimed = new Set(file.documents.map(claimedChecksum));
  const used = rosters.filter(({ checksum }) => claimed.has(hex(checksum)));
  return await Promise.all(
    (used.length > 0 ? used : rosters.slice(0, 1)).map(async ({ checksum, config }) => {
      const trusted = await readTrustedKeys(args, file, checksum);
      return {
        domain: { checksum, cluster: args.text("cluster") ?? config.cluster },
        keys: trusted.keys,
        tees: teesOf(trusted),
        config,
        allowOpen: false,
      };
    }),
  );
}

function afterOf(args: Arguments): string | undefined {
  const text = args.text("after");
  if (text === undefined || fromBase64url(text)?.length === 32) return text;
  throw new FumataError(
    "usage",
    `Cannot use --after "${text}": it is no certificate id of 32 bytes in base64url`,
  );
}

function textReport(audit: ChainAudit, isSound: boolean): string {
  const { chain, breaks, offChain, refused, keyChanges } = audit;
  return [
    ...chain.map((link, i) => chainLine(link, chain[i - 1])),
    ...keyChanges.map(({ term, from, to }) =>
      `new key      from term ${term} on ${to} signs instead of ${from}; check its evidence`
    ),
    ...offChain.map(({ certificate, neverLed }) =>
      `off chain    term ${certificate.term} ${nameOf(certificate)}: ${
        neverLed
          ? "never led: later certificates do not descend from it"
          : "unknown: beyond a break"
      } (${certificate.id})`
    ),
    ...refused.flatMap(({ index, failures }) =>
      failures.map(({ check, message }) => `refused      document ${index}: ${check}: ${message}`)
    ),
    ...breaks.map(({ term, id, message }, i) =>
      `${i === 0 ? "first break" : "break      "}  term ${term} (${id}): ${message}`
    ),
    verdictLine(audit, isSound),
    "",
  ].join("\n");
}

function chainLine({ certificate, checksum }: ChainLink, before: ChainLink | undefined): string {
  const goesOn = before === undefined || before.checksum === checksum
    ? ""
    : `, function ${checksum}`;
  return `term ${String(certificate.term).padEnd(7)} ${
    nameOf(certificate)
  }${goesOn} (${certificate.id})`;
}

function nameOf({ leaderName, roster }: ChainLink["certificate"]): string {
  return roster?.kind === "closing"
    ? `closes in favour of function ${hex(fromBase64url(roster.successor)!)}`
    : leaderName;
}

function verdictLine({ chain, breaks, refused }: ChainAudit, isSound: boolean): string {
  if (!isSound) {
    const counts = [counted(breaks.length, "break"), counted(refused.length, "document")];
    return `not sound: ${counts.join(", ")} refused`;
  }
  const [first, last] = [chain[0].certificate, chain[chain.length - 1].certificate];
  const what = `sound: ${counted(chain.length, "certificate")}, each follows from the one before`;
  return `${what}, terms ${first.term} to ${last.term}; not proven: that no later term exists`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function jsonReport(audit: ChainAudit, isSound: boolean): object {
  const plain = <Link extends ChainLink>({ certificate, ...rest }: Link) => {
    const { document: _, ...said } = certificate;
    return { ...said, ...rest };
  };
  return {
    sound: isSound,
    ...audit,
    chain: audit.chain.map(plain),
    offChain: audit.offChain.map(plain),
  };
}
