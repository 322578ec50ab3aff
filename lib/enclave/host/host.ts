/**
 * The enclave host: composes store, keys, tokens, sandbox, TEE and listener, and answers the endpoints of the wire protocol. The
 * whole host runs in one process, also inside tests; `close` leaves nothing behind but its data folder.
 */
import { FumataError, messageOf } from "../../base/errors.ts";
import { hex, utf8 } from "../../base/bytes.ts";
import { type Logger, silentLogger } from "../../base/log.ts";
import { METRICS_TYPE } from "../../base/prometheus.ts";
import type { Sandbox } from "../../sandbox/types.ts";
import type { TeeDriver } from "../../tee/types.ts";
import { ENCLAVE_LIMITS, type EnclaveLimits } from "../limits.ts";
import { deployEndpoint, keyEndpoint, userKeyEndpoint } from "./account_endpoints.ts";
import { CallRunner } from "./calls.ts";
import { DataFolder } from "./data_folder.ts";
import { functionEndpoints } from "./function_endpoints.ts";
import { type FunctionRecord, FunctionStore } from "./function_store.ts";
import { hideAndSeekEndpoints } from "./hide_and_seek_endpoints.ts";
import { openHostKeys } from "./keys.ts";
import { Listener, type TlsIdentity } from "./listener.ts";
import { HostMetrics } from "./metrics.ts";
import { PackageGate } from "./package_gate.ts";
import { HeldBudget } from "./held_budget.ts";
import { RequestDoor } from "./request_door.ts";
import type { Refusal, Route } from "./routes.ts";
import { RateLimit } from "./rate_limit.ts";
import { redirectBase } from "./redirect.ts";
import { runEndpoints } from "./run_endpoint.ts";
import { SealedFolder } from "./sealed_folder.ts";
import type { Session } from "./session.ts";
import { type ConnectionCount, SessionDoor } from "./session_door.ts";
import { testEndpoint } from "./test_endpoint.ts";
import { tokenEndpoints } from "./token_endpoints.ts";
import { TokenStore } from "./tokens.ts";

/** How a host is to run. */
export interface EnclaveHostOptions {
  /** The TEE, or how to open it once the data folder is known to be ours; it may have folders of its own inside. */
  readonly tee: TeeDriver | ((dataFolder: string) => Promise<TeeDriver>);
  /** Runs the functions. The host does not dispose of it. */
  readonly sandbox: Sandbox;
  /** The data folder; made if it is not there. */
  readonly dataDir: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Loopback by default. */
  readonly host?: string;
  /** With it the host speaks TLS only. */
  readonly tls?: TlsIdentity;
  /** Name of the account in paths such as `/v1/run/<user>/<name>`; `local` by default. */
  readonly user?: string;
  /** Another host to which every WebSocket is sent (307), for a host that moves; plain requests are still answered. */
  readonly redirect?: string;
  readonly limits?: Partial<EnclaveLimits>;
  readonly logger?: Logger;
  /** Whether to have the account key at hand from the start, which a first start makes for some seconds; true by default. */
  readonly prepareAccountKey?: boolean;
  /** Wall clock, for token expiry and dates. */
  readonly now?: () => Date;
}

/** A running host. */
export interface EnclaveHost extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  readonly tee: TeeDriver;
  /** The account token that is given, if it is still good, else a new one. Its text cannot be had again. */
  accountToken(known?: string): string;
  /** Counts of the latest connections, oldest first. */
  counters(): readonly ConnectionCount[];
  /**
   * Ends all sessions and gives the data folder free. At a first start it waits for the account key that is being made, some seconds;
   * a process that ends anyway abandons it.
   */
  close(options?: { readonly abandonKey?: boolean }): Promise<void>;
}

/** The account's name when none is given. */
export const USER_DEFAULT = "local";

/** Starts a host. Throws a {@linkcode FumataError} when folder, keys or port are not to be had. */
export async function startEnclaveHost(options: EnclaveHostOptions): Promise<EnclaveHost> {
  const folder = DataFolder.open(options.dataDir);
  try {
    return await openHost(folder, options);
  } catch (thrown) {
    folder[Symbol.dispose]();
    throw thrown;
  }
}

async function openHost(folder: DataFolder, options: EnclaveHostOptions): Promise<EnclaveHost> {
  const { sandbox, logger = silentLogger, now = () => new Date() } = options;
  const { user = USER_DEFAULT } = options;
  const redirect = options.redirect === undefined ? undefined : redirectBase(options.redirect);
  const limits: EnclaveLimits = { ...ENCLAVE_LIMITS, ...options.limits };
  const tee = typeof options.tee === "function" ? await options.tee(folder.path) : options.tee;
  const sealed = await SealedFolder.open(folder, tee, (line) => {
    logger.log("warn", "set-aside", line);
  });
  if (!tee.sealing) {
    const words = `the TEE (${tee.platform}) cannot seal: functions, keys and tokens are lost ` +
      "when this host stops, and have to be made anew";
    logger.log("warn", "cannot-seal", words, { tee: tee.platform });
  }
  const keys = await openHostKeys(sealed);
  const store = new FunctionStore(sealed, sandbox, limits);
  const tokens = new TokenStore(sealed, keys.tokenSecret, limits, {
    forget: keys.tokenSecretIsNew,
  });
  const isolation = async (record: FunctionRecord) =>
    await sandbox.describe((await store.load(record)).functionPackage);
  const noteDeployed = async (record: FunctionRecord) => {
    const { id, name } = record;
    const fields = { id, name, checksum: hex(record.checksum), isolation: await isolation(record) };
    logger.log("info", "deployed", `deployed ${name} as ${id}`, fields);
  };
  const { resultKey } = keys;
  const calls = new CallRunner(keys);
  const gate = new PackageGate(limits.deploysMax);
  const routes: Route<Session>[] = [
    ...runEndpoints({ store, sandbox, tee, resultKey, calls, limits, user }),
    deployEndpoint(store, keys, limits, gate, now, noteDeployed),
    testEndpoint({ sandbox, tee, resultKey, calls, limits, gate }),
    keyEndpoint(keys),
    userKeyEndpoint(user, keys, tee, now),
    ...functionEndpoints(store, ({ id, name }) => {
      logger.log("info", "deleted", `deleted ${name}, ${id}`, { id, name });
    }, isolation),
    ...tokenEndpoints(tokens, store, now),
    {
      kind: "json",
      path: "/metrics",
      access: "account",
      method: "GET",
      answer: () => ({ status: 200, content: { type: METRICS_TYPE, bytes: utf8(metricsNow()) } }),
    },
    ...hideAndSeekEndpoints({ store, tokens, tee, user, now }),
  ];
  const metrics = new HostMetrics(now().getTime());
  const metricsNow = () =>
    metrics.text({
      connections: () => listener.connections,
      functions: () => store.size,
      tokens: () => tokens.list().length,
      calls: () => calls.counts,
      held: () => budget,
    });
  const requestRate = new RateLimit(limits.requestsPerSecond, limits.tokensMax);
  const inputRate = new RateLimit(limits.inputsPerSecond, limits.tokensMax);
  const rateRefusal = (tokenId: string | undefined): Refusal | undefined =>
    tokenId === undefined || requestRate.take(tokenId, performance.now()) ? undefined : {
      status: 429,
      error: `this token asks more than ${limits.requestsPerSecond} times a second; slow down`,
      headers: { "Retry-After": "1" },
    };
  const budget = new HeldBudget(limits.heldBytesMax);
  const common = { routes, tokens, budget, metrics, logger, now, rateRefusal };
  const sessions = new SessionDoor({ ...common, tee, limits, inputRate, redirect });
  const requests = new RequestDoor(common);

  const listener = await Listener.start(
    { host: options.host ?? "127.0.0.1", port: options.port, tls: options.tls },
    limits,
    {
      json: (request, readBody) => requests.answer(request, readBody),
      socket: (request) => sessions.admit(request),
    },
  );

  const prepared = options.prepareAccountKey === false
    ? undefined
    : keys.accountKey().then(() => {}, (thrown) => {
      logger.log("error", "account-key", `no account key: ${messageOf(thrown)}`);
    });
  let closing: Promise<void> | undefined;
  const close = (how?: { readonly abandonKey?: boolean }) =>
    closing ??= (async () => {
      await listener.close();
      if (!how?.abandonKey) await prepared;
      folder[Symbol.dispose]();
    })();
  return {
    url: listener.url,
    tee,
    accountToken: (known) => accountToken(tokens, known, now()),
    counters: () => sessions.counters(),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function accountToken(tokens: TokenStore, known: string | undefined, now: Date): string {
  const verdict = known === undefined ? undefined : tokens.check(known, now);
  if (verdict?.ok && verdict.scope.kind === "account") return known!;
  const made = tokens.create({ name: "profile", description: "made at a start of the host" }, now);
  if (typeof made === "string") throw new FumataError("failure", `Cannot make a token: ${made}`);
  return made.token;
}
