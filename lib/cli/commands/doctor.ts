/** `fumata doctor`: looks at everything that a node needs, as this node would start, and says what to do about what is not well. */
import { formatAddress, isLoopback, requireAddress } from "../../base/address.ts";
import { EXIT_CODES, FumataError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import type { NodeOptions } from "../../node/node_options.ts";
import { KeyringFile } from "../../node/keyring_file.ts";
import { createSealer } from "../../wire/sealing.ts";
import type { Command } from "../command.ts";
import { columns } from "../columns.ts";
import { layer } from "../config/layers.ts";
import { checkClock, checkEnclave, checkRoster } from "../doctor/enclave.ts";
import { fail, type Finding, ok, warn } from "../doctor/finding.ts";
import { checkClusterKeys, checkPorts, checkStateFolder, runningNode } from "../doctor/machine.ts";
import { checkReach } from "../doctor/reach.ts";
import { checkLeader, memberAddresses } from "../doctor/running.ts";
import { parseHooks } from "../hooks/hook.ts";
import { NODE_SERVICE_FLAGS } from "../node_flags.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";
import type { Line } from "../view/paint.ts";
import { nodeOptions } from "./node.ts";

/** Members that are tried; more say nothing new of this machine. */
const MEMBERS_MAX = 16;

/** The command. */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "check what a node needs and say what to do",
  examples: [
    "fumata doctor --config /etc/fumata/node.json",
    "fumata doctor -p 5000 -n 10.0.0.8:5000 --function-json fn.json",
  ],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_SERVICE_FLAGS],
  async run(args, context) {
    const findings = await examine(
      async () => {
        const layered = await layer(args, { flags: NODE_SERVICE_FLAGS }, context);
        parseHooks(layered.args.list("on"));
        return await nodeOptions(layered.args, context, silentLogger);
      },
    );
    print(args, context, { findings }, () => text(findings));
    return findings.some(({ health }) => health === "fail") ? EXIT_CODES.failure : 0;
  },
};

async function examine(read: () => Promise<NodeOptions>): Promise<readonly Finding[]> {
  let options: NodeOptions;
  try {
    options = await read();
  } catch (thrown) {
    if (!(thrown instanceof FumataError)) throw thrown;
    const advice = '"fumata config check" shows where each setting comes from';
    return [fail("config", thrown.message, advice)];
  }
  const { stateFolder, bind, enclaves, cluster, keyFile } = options;
  const http = await runningNode(stateFolder);
  const isRunning = http !== undefined;
  const isLocal = isLoopback(bind.host);
  const found: Finding[] = [
    ok("config", `cluster "${cluster}", ${enclaves.length} enclave host(s)`),
    ...checkPorts(bind, isRunning),
    ...await checkStateFolder(stateFolder),
    ...checkClusterKeys(keyFile, isLocal),
  ];
  for (const host of enclaves) {
    const { findings, description } = await checkEnclave(host);
    found.push(...findings, ...await checkClock(host));
    if (description) found.push(...checkRoster(description, stateFolder, isRunning, cluster));
  }
  found.push(...await checkMembers(options, http));
  if (http !== undefined) found.push(await checkLeader(http));
  return found;
}

async function checkMembers(
  { seeds, advertise, bind, keyFile, checksum, cluster }: NodeOptions,
  http: string | undefined,
): Promise<Finding[]> {
  const own = formatAddress(advertise ?? bind);
  const members = http === undefined ? [] : await memberAddresses(http);
  const addresses = new Set([...seeds.map(formatAddress), ...members]);
  addresses.delete(own);
  if (addresses.size === 0) {
    return [warn("reach", "no other member is known", "name one with --neighbor")];
  }
  let sealer;
  try {
    sealer = keyFile === undefined
      ? undefined
      : createSealer(cluster, KeyringFile.open(keyFile).keyring);
  } catch (thrown) {
    // What is wrong with the file was said.
    if (thrown instanceof FumataError) return [];
    throw thrown;
  }
  const passerBy = { host: bind.host, domain: { checksum, cluster }, ...(sealer && { sealer }) };
  const reached = await Promise.all(
    [...addresses].slice(0, MEMBERS_MAX)
      .map((address) => checkReach(requireAddress(address, "--neighbor"), passerBy)),
  );
  return reached.flat();
}

function text(findings: readonly Finding[]): Line[] {
  const rows = findings.flatMap(({ check, health, what, advice }) => [
    [health, check, what],
    ...(advice === undefined ? [] : [["", "", `→ ${advice}`]]),
  ]);
  return columns(["STATE", "CHECK", "FOUND"], rows);
}
