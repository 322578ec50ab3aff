/** `fumata enclave`: the enclave host in the foreground, until a signal stops it. */
import { resolve } from "node:path";
import { FumataError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import {
  type EnclaveHost,
  startEnclaveHost,
  type TlsIdentity,
  USER_DEFAULT,
} from "../../enclave/host/mod.ts";
import { createSandbox } from "../../sandbox/mod.ts";
import { openTee, TEE_CHOICES, type TeeChoice } from "../../tee/mod.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { ownPolicy } from "../../tee/own_policy.ts";
import { configFlagOf, layer } from "../config/layers.ts";
import { LIMIT_FLAGS, readLimits } from "../enclave_limits.ts";
import { logFormOf } from "../log_form.ts";
import { defaultProfilePath, type Profile, readProfile, writeProfile } from "../profile.ts";
import { VERSION } from "../../base/version.ts";

const PORT_DEFAULT = 7878;

/** The command. */
export const enclaveCommand: Command = {
  name: "enclave",
  summary: "run an enclave host",
  examples: [
    "fumata enclave",
    "fumata enclave --port 0 --data ./enclave --no-profile",
    "fumata enclave --config /etc/fumata/enclave.json",
    "fumata enclave --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem --limit-call 2000",
  ],
  flags: [
    {
      name: "port",
      type: "number",
      range: [0, 65535],
      placeholder: "PORT",
      default: String(PORT_DEFAULT),
      help: "TCP port; 0 takes a free one",
    },
    {
      name: "host",
      type: "string",
      placeholder: "ADDRESS",
      default: "127.0.0.1",
      help: "address to listen on",
    },
    {
      name: "data",
      type: "string",
      placeholder: "DIR",
      help: "folder of functions, keys and tokens; default $XDG_DATA_HOME/fumata/enclave",
    },
    {
      name: "tee",
      type: "string",
      choices: TEE_CHOICES,
      default: "simulated",
      help: "trusted execution environment; the simulated one protects nothing",
    },
    {
      name: "endorsement",
      type: "list",
      placeholder: "FILE",
      help: "certificate of this chip's key (SNP): DER, PEM or a table; several times",
    },
    {
      name: "tls-cert",
      type: "string",
      placeholder: "FILE",
      help: "serve TLS with this certificate chain, PEM",
    },
    { name: "tls-key", type: "string", placeholder: "FILE", help: "its private key, PEM" },
    {
      name: "user",
      type: "string",
      placeholder: "NAME",
      default: USER_DEFAULT,
      help: "the account's name, as in USER/NAME of functions",
    },
    {
      name: "redirect",
      type: "string",
      placeholder: "URL",
      help: "send every session to this host (307), when this one moves",
    },
    {
      name: "profile-out",
      type: "string",
      placeholder: "FILE",
      help: "write the profile there too, for clients of this host",
    },
    {
      name: "no-profile",
      type: "boolean",
      help: "do not make it this user's default profile",
    },
    {
      name: "insecure-python-isolation",
      type: "boolean",
      help:
        "run Python functions also where neither bwrap nor namespaces can keep them from this " +
        "machine's files",
    },
    ...LIMIT_FLAGS,
    configFlagOf("enclave"),
  ],
  async run(given, context) {
    const configured = { flags: enclaveCommand.flags, variablesOf: "enclave" };
    const { args } = await layer(given, configured, context);
    const logger = context.logger(logFormOf(args));
    const dataDir = resolve(args.text("data") ?? defaultDataDir(context));
    const name = (args.text("tee") ?? "simulated") as TeeChoice;
    const insecureIsolation = args.has("insecure-python-isolation");
    const limits = readLimits(args);
    await using sandbox = createSandbox(limits.sandbox, {
      workersMax: limits.workersMax,
      python: { insecureIsolation, limits: limits.python },
    });
    await using host = await startEnclaveHost({
      tee: (dataFolder) =>
        openTee(name, {
          dataFolder,
          version: VERSION,
          endorsementFiles: args.list("endorsement"),
        }),
      sandbox,
      dataDir,
      port: portOf(args),
      host: args.text("host"),
      tls: await readTls(args),
      user: args.text("user"),
      redirect: args.text("redirect"),
      limits: limits.enclave,
      logger,
    });
    if (host.tee.platform === "simulated") {
      const text = "the TEE is simulated: it protects nothing and is for trying things out";
      logger.log("warn", "insecure-tee", text);
    }
    if (insecureIsolation) {
      const text =
        "functions in Python may read this machine's files where nothing better is there";
      logger.log("warn", "insecure-python-isolation", text);
    }
    await keepProfiles(host, dataDir, args, context, logger);
    logger.log("info", "listening", `enclave host at ${host.url}, data in ${dataDir}`, {
      url: host.url,
      data: dataDir,
      tee: host.tee.platform,
    });
    await context.interrupted;
    logger.log("info", "stopping", "stopping");
    await host.close({ abandonKey: true });
    return 0;
  },
};

function portOf(args: Arguments): number {
  const port = args.number("port") ?? PORT_DEFAULT;
  if (Number.isInteger(port)) return port;
  throw new FumataError("usage", `Cannot use --port "${port}": a whole number is wanted`);
}

async function readTls(args: Arguments): Promise<TlsIdentity | undefined> {
  const [certificate, key] = [args.text("tls-cert"), args.text("tls-key")];
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new FumataError("usage", "Cannot serve TLS: --tls-cert and --tls-key go together");
  }
  return {
    certificate: await readPem(certificate),
    key: await readPem(key),
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    const text = `Cannot serve TLS: "${path}" cannot be read: ${messageOf(thrown)}`;
    throw new FumataError("usage", text, { cause: thrown });
  }
}

function defaultDataDir(context: CommandContext): string {
  const home = context.env("HOME");
  const base = context.env("XDG_DATA_HOME") || (home && `${home}/.local/share`);
  if (base) return `${base}/fumata/enclave`;
  throw new FumataError(
    "usage",
    "Cannot choose a data folder: neither XDG_DATA_HOME nor HOME is set; name one with --data",
  );
}

/** Writes the profile of this host into its folder, where asked to, and as the user's default unless that is for another host. */
async function keepProfiles(
  host: EnclaveHost,
  dataDir: string,
  args: Arguments,
  context: CommandContext,
  logger: Logger,
): Promise<void> {
  const own = `${dataDir}/profile.json`;
  const attestation = await ownPolicy(host.tee, new Date());
  if (typeof attestation === "string") {
    throw new FumataError(
      "failure",
      `Cannot write the profile "${own}": this machine's evidence is not accepted: ${attestation}`,
    );
  }
  // A profile that cannot be read is replaced by a good one; its token stays valid until it is deleted.
  const before = await readProfile(own, false).catch(() => undefined);
  const profile = { enclave: host.url, token: host.accountToken(before?.token), attestation };
  if (JSON.stringify(before) !== JSON.stringify(profile)) await writeProfile(own, profile);
  const out = args.text("profile-out");
  if (out !== undefined) await writeProfile(out, profile);
  const path = args.has("no-profile") ? undefined : defaultProfilePath(context);
  if (path === undefined) return;
  const known = await readProfile(path, false).catch((thrown) => thrown as FumataError);
  if (known instanceof FumataError || (known && !isOfSameHost(known, profile))) {
    const why = known instanceof FumataError ? "cannot be read" : "is for another host";
    const text = `${path} ${why} and stays as it is; to use this host: --profile ${own}`;
    logger.log("info", "profile-kept", text, { path, own });
    return;
  }
  if (JSON.stringify(known) === JSON.stringify(profile)) return;
  await writeProfile(path, profile);
  const trust = attestation.platform === "simulated"
    ? "the simulated TEE of this very host"
    : `the code that runs in this very host (${attestation.platform})`;
  const text =
    `wrote ${path}: commands of this user now trust ${trust} (--no-profile turns it off)`;
  logger.log("info", "profile-written", text, { path });
}

/** Whether both profiles pin one simulated TEE, or lie at one address. */
function isOfSameHost(a: Profile, b: Profile): boolean {
  const root = a.attestation.insecureSimulatedRoot;
  return a.enclave === b.enclave ||
    (root !== undefined && root === b.attestation.insecureSimulatedRoot);
}
