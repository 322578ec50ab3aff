/** A host with everything real around it: simulated TEE, sandbox, data folder in a temporary place; and a function to call. */
import { dirname, join } from "node:path";
import type { AttestationPolicy } from "../../lib/attestation/mod.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import type { Logger } from "../../lib/base/log.ts";
import { deployPackage } from "../../lib/enclave/client/mod.ts";
import {
  type EnclaveHost,
  type EnclaveHostOptions,
  startEnclaveHost,
} from "../../lib/enclave/host/mod.ts";
import { DataFolder } from "../../lib/enclave/host/data_folder.ts";
import { SealedFolder } from "../../lib/enclave/host/sealed_folder.ts";
import { type PackedFolder, packFiles } from "../../lib/package/mod.ts";

import { createSandbox, type Sandbox } from "../../lib/sandbox/mod.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import { TEST_ACCOUNT_KEY } from "./_account_key.ts";

/** Counts calls, echoes, and fails or signs on demand. */
const ECHO_SOURCE = `
let calls = 0;
export function cape_handler(input: Uint8Array): Uint8Array | string {
  calls++;
  if (input[0] === 0xff) return input;
  const text = new TextDecoder().decode(input);
  if (text === "fail") throw new Error("asked to fail");
  if (text === "kid") return enclave.kid;
  if (text === "count") return String(calls);
  return input;
}
declare const enclave: { kid: string };
`;

/** The echo function's package. */
export const ECHO: PackedFolder = packFiles("echo", new Map([["app.ts", utf8(ECHO_SOURCE)]]));

/** What a test works with. */
export interface World extends AsyncDisposable {
  readonly folder: string;
  readonly dataDir: string;
  readonly tee: SimulatedTee;
  readonly sandbox: Sandbox;
  readonly policy: AttestationPolicy;
  readonly host: EnclaveHost;
  readonly token: string;
  /** Id of the echo function, deployed beforehand. */
  readonly echoId: string;
  /** Hears the log lines of the hosts. */
  onLog?: (event: string, message: string) => void;
  /** Another host on the same folder; the first has to be closed before. */
  restart(options?: Partial<EnclaveHostOptions>): Promise<EnclaveHost>;
}

/** Starts a host in a temporary folder. Its keys and its function are made once for all tests of a file. */
export async function startWorld(options: Partial<EnclaveHostOptions> = {}): Promise<World> {
  const { files, token, echoId } = await (seed ??= makeSeed());
  const folder = await Deno.makeTempDir({ prefix: "fumata-test-" });
  for (const [path, bytes] of files) {
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await Deno.writeFile(join(folder, path), bytes, { mode: 0o600 });
  }
  const dataDir = join(folder, "data");
  const tee = await openSimulatedTee({ folder: join(folder, "tee"), version: "test" });
  const sandbox = createSandbox({}, { workersMax: 1 });
  const start = (more: Partial<EnclaveHostOptions> = {}) =>
    startEnclaveHost({ tee, sandbox, dataDir, port: 0, logger, ...options, ...more });
  const logger: Logger = { log: (_level, event, message) => world.onLog?.(event, message) };
  const hosts = [await start()];
  const world: World = {
    folder,
    dataDir,
    tee,
    sandbox,
    policy: policyOf(tee),
    host: hosts[0],
    token,
    echoId,
    async restart(more) {
      hosts.push(await start(more));
      return hosts.at(-1)!;
    },
    async [Symbol.asyncDispose]() {
      for (const host of hosts) await host.close();
      await sandbox[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
  return world;
}

/** The files of a host that was started once and has the echo function. */
interface Seed {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly token: string;
  readonly echoId: string;
}

let seed: Promise<Seed> | undefined;

async function makeSeed(): Promise<Seed> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-test-" });
  const tee = await openSimulatedTee({ folder: join(folder, "tee"), version: "test" });
  {
    using data = DataFolder.open(join(folder, "data"));
    const sealed = await SealedFolder.open(data, tee, () => {});
    sealed.write("keys/account", utf8(TEST_ACCOUNT_KEY));
  }
  await using sandbox = createSandbox();
  const host = await startEnclaveHost({ tee, sandbox, dataDir: join(folder, "data"), port: 0 });
  const token = host.accountToken();
  const echo = { url: host.url, token, policy: policyOf(tee), zip: ECHO.zip, name: "echo" };
  const { id: echoId } = await deployPackage(echo);
  await host.close();
  const files = new Map<string, Uint8Array>();
  const walk = async (path: string) => {
    for await (const entry of Deno.readDir(join(folder, path))) {
      const at = join(path, entry.name);
      if (entry.isDirectory) await walk(at);
      else files.set(at, await Deno.readFile(join(folder, at)));
    }
  };
  await walk("");
  await Deno.remove(folder, { recursive: true });
  return { files, token, echoId };
}

/** What a client needs to call the echo function of a world, with its account token unless another one is given. */
export function targetOf({ host: { url }, policy, token, echoId }: World, other = token) {
  return { url, policy, token: other, functionId: echoId, checksum: ECHO.checksum };
}

/** The policy that pins a simulated TEE. */
export function policyOf(tee: SimulatedTee): AttestationPolicy {
  return {
    platform: "simulated",
    insecureSimulatedRoot: tee.rootPem,
    measurements: tee.measurements,
  };
}
