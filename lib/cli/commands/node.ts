/** `fumata node`: one node in the foreground, until Ctrl-C makes it leave. */
import { formatAddress, isLoopback, requireAddress } from "../../base/address.ts";
import {
  folderToken,
  removeControlFile,
  requireToken,
  writeControlFile,
} from "../../api/control_file.ts";
import { isOrigin } from "../../api/cross_origin.ts";
import { denoMeter, exportMetrics, isTelemetryOn } from "../../api/telemetry.ts";
import { ROUTES } from "../../api/routes.ts";
import { ApiServer } from "../../api/server.ts";
import { FumataError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { isName } from "../../../function/leader-election/rules.ts";
import type { FunctionDescription } from "../../node/function_description.ts";
import { Node } from "../../node/node.ts";
import { ClusterKindChanged, type NodeOptions } from "../../node/node_options.ts";
import { handOver } from "../../node/hand_over.ts";
import { resetStateFolder } from "../../node/state_reset.ts";
import { areTags } from "../../wire/claims.ts";
import type { Arguments, Command, CommandContext, LogForm } from "../command.ts";
import { layer, type Layered } from "../config/layers.ts";
import { loadHosts } from "../enclave_hosts.ts";
import { parseHooks } from "../hooks/hook.ts";
import { HookRunner } from "../hooks/hook_runner.ts";
import { logFormOf } from "../log_form.ts";
import { NODE_SERVICE_FLAGS } from "../node_flags.ts";
import { reload } from "../reload.ts";
import { ServiceManager } from "../systemd.ts";
import { stateFolderOf, stateHome } from "../state_folder.ts";

/** The command. */
export const nodeCommand: Command = {
  name: "node",
  summary: "run one node of a cluster",
  examples: [
    "fumata node -p 5000 -n 5001 --function-json leader_election.json",
    "fumata node -p 5001 -n 5000 -f YmoDB35PKxZS9v6eaU84YR -fh 6b6d1c8b21f89626…",
    "fumata node --host 10.0.0.7 -p 5000 -n 10.0.0.8:5000,10.0.0.9:5000 --function-json fn.json",
  ],
  flags: NODE_SERVICE_FLAGS,
  run: (args, context) => runNode(args, context),
};

/** Runs a node in the foreground; gives the exit code. `adapt` may change its options, each time that it is started. */
export async function runNode(
  args: Arguments,
  context: CommandContext,
  adapt: (options: NodeOptions) => NodeOptions = (options) => options,
): Promise<number> {
  const read = () => layer(args, { flags: NODE_SERVICE_FLAGS }, context);
  const layered = await read();
  const logForm = logFormOf(layered.args);
  const options = await nodeOptions(layered.args, context, context.logger(logForm));
  resetState(args, options);
  using manager = ServiceManager.open(context.env);
  // Before the node says that it runs, so that no signal finds nobody listening.
  const interrupted = context.interrupted.then(() => true);
  const service = { layered, read, logForm, interrupted, manager };
  const first = await runOnce(adapt(options), service);
  if (!first) return 0;
  // Started once more as what the function turned out to be, at the same port.
  const { description, port } = first;
  context.logger(logForm).log(
    "info",
    "started-again",
    `the function turned out to serve ${description.kind} clusters; starting again for that`,
    { kind: description.kind },
  );
  const again = { ...options, description, bind: { ...options.bind, port } };
  await runOnce(adapt(again), service);
  return 0;
}

/** What stays while nodes come and go. */
interface Service {
  readonly layered: Layered;
  /** Reads all settings again. */
  readonly read: () => Promise<Layered>;
  readonly logForm: LogForm;
  readonly interrupted: Promise<boolean>;
  readonly manager: ServiceManager | undefined;
}

/** How long the end of a leader waits for what runs under its lease, ms: no lease is longer, and service managers wait longer. */
const HAND_OVER_MS_MAX = 20_000;

/** Runs until it is interrupted, or what kind of cluster it serves turns out to be another one. */
async function runOnce(
  options: NodeOptions,
  { layered, read, logForm, interrupted, manager }: Service,
): Promise<{ readonly description: FunctionDescription; readonly port: number } | undefined> {
  const { args } = layered;
  const parsed = parseHooks(args.list("on"));
  const node = new Node(options);
  const onHangup = () => void reload({ node, hooks, logForm }, layered, read);
  const hooks = new HookRunner(node, parsed);
  try {
    await using _http = await serveHttp(node, options, args);
    await using _hooks = hooks;
    using _telemetry = new DisposableStack();
    if (isTelemetryOn((name) => Deno.env.get(name))) {
      _telemetry.use(exportMetrics(node, denoMeter()));
    }
    Deno.addSignalListener("SIGHUP", onHangup);
    await manager?.ready(`node ${node.name} of cluster ${node.cluster}`);
    if (await Promise.race([interrupted, node.stopped])) {
      await manager?.stopping();
      await handOver(node, HAND_OVER_MS_MAX);
      await node.leave();
    }
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ClusterKindChanged) || options.description) throw thrown;
    const port = options.advertise ? options.bind.port : node.address.port;
    return { description: thrown.description, port };
  } finally {
    Deno.removeSignalListener("SIGHUP", onHangup);
    await node[Symbol.asyncDispose]();
  }
}

function resetState(args: Arguments, { stateFolder, logger }: NodeOptions): void {
  if (!args.has("reset-state")) return;
  if (stateFolder === undefined) {
    throw new FumataError("usage", "Cannot reset the state: this node has none; name its --state");
  }
  const aside = resetStateFolder(stateFolder, Date.now());
  if (aside === undefined) return;
  logger.log("warn", "state-reset", `the earlier state is in ${aside} now; this is a new node`, {
    aside,
  });
}

/** The HTTP interface, and the file by which commands find it. */
async function serveHttp(
  node: Node,
  { stateFolder, logger }: NodeOptions,
  args: Arguments,
): Promise<AsyncDisposable> {
  const text = args.text("http");
  if (text === "off") return new AsyncDisposableStack();
  // Port 0 is no address elsewhere; here it means a free one.
  const at = text === undefined || text === "0" || text === "127.0.0.1:0"
    ? { host: "127.0.0.1", port: 0 }
    : requireAddress(text, "--http");
  const tokenFile = args.text("http-token-file");
  const token = tokenFile !== undefined
    ? requireToken(tokenFile)
    : stateFolder && folderToken(stateFolder);
  const allowedOrigins = originsOf(args.list("http-allow-origin"));
  const stack = new AsyncDisposableStack();
  const server = stack.use(
    await ApiServer.start({ at, node, routes: ROUTES, token, allowedOrigins }),
  );
  const http = formatAddress(server.address);
  if (stateFolder !== undefined) {
    const { id, name, cluster } = node;
    writeControlFile(stateFolder, { node: formatAddress(node.address), http, id, name, cluster });
    stack.defer(() => removeControlFile(stateFolder));
  }
  logger.log("info", "http", `HTTP at http://${http}`, { address: http });
  if (!isLoopback(at.host)) {
    const words =
      `HTTP at ${http} is readable by everyone who reaches it, and its token crosses the ` +
      "network in the clear; put a proxy with TLS before it";
    logger.log("warn", "http-exposed", words, { address: http });
  }
  return stack;
}

/** What the arguments say of the node. Throws a {@linkcode FumataError}. */
export async function nodeOptions(
  args: Arguments,
  context: CommandContext,
  logger: Logger,
): Promise<NodeOptions> {
  const port = args.number("port");
  if (port === undefined || !Number.isInteger(port)) {
    throw new FumataError("usage", "Cannot start a node: --port is missing; for instance -p 5000");
  }
  const host = args.text("host") ?? "127.0.0.1";
  const cluster = nameOf(args.text("cluster") ?? "fumata", "--cluster");
  const name = args.text("name");
  const advertise = args.text("advertise");
  if (advertise === undefined && (host === "0.0.0.0" || host === "::")) {
    throw new FumataError(
      "usage",
      `Cannot advertise "${host}": others cannot reach it; name this machine with --advertise HOST:PORT`,
    );
  }
  const { checksum, enclaves } = await loadHosts(args, context);
  return {
    bind: { host, port },
    advertise: advertise === undefined ? undefined : requireAddress(advertise, "--advertise"),
    name: name === undefined ? undefined : nameOf(name, "--name"),
    cluster,
    seeds: args.list("neighbor").flatMap((text) => text.split(","))
      .map((text) => requireAddress(text, "--neighbor")),
    profile: timingOf(args.text("timing"), host),
    tags: tagsOf(args.list("tag")),
    stateFolder: args.text("state") ?? defaultStateFolder(context, cluster, host, port),
    keyFile: args.text("encrypt"),
    checksum,
    enclaves,
    logger,
  };
}

function timingOf(text: string | undefined, host: string): NodeOptions["profile"] {
  if (text === "local" || text === "lan" || text === "wan") return text;
  return isLoopback(host) ? "local" : "lan";
}

function nameOf(text: string, flag: string): string {
  if (isName(text)) return text;
  throw new FumataError(
    "usage",
    `Cannot use ${flag} "${text}": 1..64 printable ASCII characters without spaces are wanted`,
  );
}

function originsOf(list: readonly string[]): readonly string[] {
  const wrong = list.find((text) => !isOrigin(text));
  if (wrong === undefined) return list;
  throw new FumataError(
    "usage",
    `Cannot use --http-allow-origin "${wrong}": SCHEME://HOST[:PORT] without a path is wanted, or *`,
  );
}

function tagsOf(list: readonly string[]): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const text of list) {
    const at = text.indexOf("=");
    if (at < 1) {
      throw new FumataError("usage", `Cannot use --tag "${text}": KEY=VALUE is wanted`);
    }
    tags[text.slice(0, at)] = text.slice(at + 1);
  }
  if (!areTags(tags)) {
    throw new FumataError(
      "usage",
      "Cannot use these tags: at most 8, printable ASCII, keys up to 32 and values up to 64 characters",
    );
  }
  return tags;
}

/** A port that the system chooses has no history: such a node remembers nothing. */
function defaultStateFolder(
  context: CommandContext,
  cluster: string,
  host: string,
  port: number,
): string | undefined {
  if (port === 0) return undefined;
  const home = stateHome(context);
  if (home === undefined) {
    throw new FumataError(
      "usage",
      "Cannot choose a state folder: neither XDG_STATE_HOME nor HOME is set; name one with --state",
    );
  }
  return stateFolderOf(home, cluster, { host, port });
}
