/**
 * Which enclave hosts a node uses: the flags of a profile and of a function, each of them given once for all hosts or once for each, in the same
 * order. So `--enclave A --enclave B` is two hosts under one token and policy, `--profile a.json --profile b.json` two with their own; a
 * function has another id on each host, and one checksum.
 */
import { equalBytes } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import { connectEnclave } from "../enclave/client/mod.ts";
import type { EnclaveHost } from "../node/enclave_hosts.ts";
import type { Arguments, CommandContext, Flag } from "./command.ts";
import { readFunctionPin } from "./function_pin.ts";
import { loadProfile, PROFILE_FLAGS } from "./profile.ts";

/** The flags that say where the hosts are. */
export const HOST_FLAGS: readonly Flag[] = PROFILE_FLAGS.map((flag) => ({
  ...flag,
  type: "list",
  help: `${flag.help}; several times for several hosts`,
}));

/** All flags that may differ from host to host. */
const FLAGS_BY_HOST: readonly string[] = [
  ...PROFILE_FLAGS.map((flag) => flag.name),
  "function",
  "function-json",
  "checksum",
];

/** Each is attested and kept warm by every node. */
const HOSTS_MAX = 8;

/** The hosts, and the checksum that the function has on all of them. Throws a {@linkcode FumataError}. */
export async function loadHosts(
  args: Arguments,
  context: CommandContext,
): Promise<{ readonly checksum: Uint8Array; readonly enclaves: readonly EnclaveHost[] }> {
  const count = Math.max(1, ...FLAGS_BY_HOST.map((name) => args.list(name).length));
  if (count > HOSTS_MAX) throw usage(`Cannot use ${count} enclave hosts: ${HOSTS_MAX} at most`);
  const uneven = FLAGS_BY_HOST.find((name) => ![0, 1, count].includes(args.list(name).length));
  if (uneven !== undefined) {
    throw usage(
      `Cannot use --${uneven} ${args.list(uneven).length} times for ${count} enclave hosts: ` +
        "once for all of them, or once for each, is wanted",
    );
  }
  const found = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const own = argumentsOf(args, index);
      return { pin: await readFunctionPin(own, context), profile: await loadProfile(own, context) };
    }),
  );
  const [{ pin: { checksum } }] = found;
  if (!found.every(({ pin }) => equalBytes(pin.checksum, checksum))) {
    throw usage("Cannot use these enclave hosts: the checksums of the function differ");
  }
  const enclaves = found.map(({ pin, profile }): EnclaveHost => ({
    name: profile.enclave,
    policy: profile.attestation,
    connect: () =>
      connectEnclave({
        url: profile.enclave,
        token: profile.token,
        policy: profile.attestation,
        functionId: pin.id,
        checksum,
      }),
  }));
  return { checksum, enclaves };
}

/** The arguments as if they were for this host alone. */
function argumentsOf(args: Arguments, index: number): Arguments {
  const text = (name: string) => {
    const list = args.list(name);
    return list.length > 1 ? list[index] : list[0];
  };
  return { ...args, text: (name) => FLAGS_BY_HOST.includes(name) ? text(name) : args.text(name) };
}

function usage(message: string): FumataError {
  return new FumataError("usage", message);
}
