/**
 * The enclave host under load, beside a bare `ws` echo server in the same run as the floor:
 *
 * ```sh
 * deno task bench:enclave
 * deno task bench:enclave --clients 1,2 --seconds 0.2 --connects 2 --open 4    # whether it works at all
 * ```
 *
 * Server and clients are two processes, because one cannot be its own load; on few cores they take time from each other, so read ratios rather
 * than numbers. The client of the floor sends the same bytes; the client of the host is a fast one that seals, and leaves the
 * verification of signatures out of the timed part.
 */
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";
import { utf8 } from "../../lib/base/bytes.ts";
import { generateHpkeKey, sealHpke } from "../../lib/crypto/hpke.ts";
import { connectEnclave, deployPackage } from "../../lib/enclave/client/mod.ts";
import { startEnclaveHost } from "../../lib/enclave/host/mod.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { decodeUnverifiedKey } from "../enclave/_session_key.ts";
import { nonceFrame } from "../enclave/_raw.ts";
import { taskFlags } from "../_flags.ts";

const ECHO = packFiles(
  "echo",
  new Map([["app.js", utf8("export const cape_handler = (x) => x;")]]),
);
const PAYLOAD = new Uint8Array(200).fill(7);
const flags = taskFlags(Deno.args, { string: ["clients", "seconds", "connects", "open"] });
const CLIENTS = (flags.clients ?? "1,10,100").split(",").map(Number);
const SECONDS = Number(flags.seconds ?? 3);
const CONNECTS = Number(flags.connects ?? 40);
const OPEN_CONNECTIONS = Number(flags.open ?? 1000);

if (Deno.args[0] === "serve") await serve();
else await measure();

/** The process that is measured: says where it listens, then answers what it is asked on stdin with its memory. */
async function serve(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "fumata-bench-" });
  const tee = await openSimulatedTee({ folder: `${folder}/tee`, version: "bench" });
  const sandbox = createSandbox();
  const host = await startEnclaveHost({
    tee,
    sandbox,
    dataDir: `${folder}/data`,
    port: 0,
    limits: { requestsPerSecond: 100_000, inputsPerSecond: 1_000_000 },
  });
  const floor = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  floor.on("connection", (socket: WebSocket) => {
    socket.on("message", (data: Uint8Array) => socket.send(data));
  });
  await new Promise<void>((resolve) => floor.on("listening", resolve));
  const { port } = floor.address() as { port: number };
  console.log(JSON.stringify({
    url: host.url,
    token: host.accountToken(),
    floor: `ws://127.0.0.1:${port}`,
    root: tee.rootPem,
    measurements: tee.measurements,
  }));
  for await (const _ask of Deno.stdin.readable) {
    console.log(JSON.stringify({ rss: Deno.memoryUsage().rss }));
  }
  await host.close();
  await sandbox[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
  Deno.exit(0);
}

interface Server {
  readonly url: string;
  readonly token: string;
  readonly floor: string;
  readonly root: string;
  readonly measurements: Record<string, string>;
}

async function measure(): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "serve"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const server: Server = JSON.parse((await lines.read()).value!);
  const memory = async (): Promise<number> => {
    await input.write(utf8("?"));
    return JSON.parse((await lines.read()).value!).rss;
  };
  const { url, token } = server;
  const policy = {
    platform: "simulated",
    insecureSimulatedRoot: server.root,
    measurements: server.measurements,
  } as const;
  const { id } = await deployPackage({ url, token, policy, zip: ECHO.zip, name: "echo" });
  const target = { url, token, policy, functionId: id, checksum: ECHO.checksum };

  console.log("| what | floor (bare ws echo) | host | ratio |\n|---|---|---|---|");
  const floorConnects = await connectsPerSecond(() => openFloor(server.floor));
  const hostConnects = await connectsPerSecond(async () => {
    const connection = await connectEnclave(target);
    return () => connection.close();
  });
  row("connects/s, one after the other", floorConnects, hostConnects);
  for (const clients of CLIENTS) {
    const floor = await invokes(clients, () => echoFloor(server.floor));
    const host = await invokes(clients, () => echoHost(server, id));
    row(`invokes/s, ${clients} clients`, floor.perSecond, host.perSecond);
    for (const part of ["p50", "p95", "p99"] as const) {
      row(`latency ${part}, ${clients} clients, ms`, floor[part], host[part]);
    }
  }
  const floorKib = await kibPerConnection(() => openFloor(server.floor), memory);
  const host = await kibPerConnection(async () => {
    const { call, close } = await echoHost(server, id);
    await call();
    return close;
  }, memory);
  row(`memory per connection of ${OPEN_CONNECTIONS} after a call, KiB`, floorKib, host);
  await input.close();
  await child.status;
}

function row(what: string, floor: number, host: number): void {
  const shown = (value: number) =>
    value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3);
  console.log(`| ${what} | ${shown(floor)} | ${shown(host)} | ${shown(host / floor)} |`);
}

type Close = () => void;

async function connectsPerSecond(connect: () => Promise<Close>): Promise<number> {
  const startMs = performance.now();
  for (let i = 0; i < CONNECTS; i++) (await connect())();
  return CONNECTS / (performance.now() - startMs) * 1000;
}

interface Caller {
  call(): Promise<void>;
  close(): void;
}

/** Each client calls again as soon as it has its answer. */
async function invokes(clients: number, open: () => Promise<Caller>) {
  const callers = [];
  for (let i = 0; i < clients; i++) callers.push(await open());
  for (const { call } of callers) await call();
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  await Promise.all(callers.map(async ({ call }) => {
    for (let now = performance.now(); now - startMs < SECONDS * 1000;) {
      await call();
      const after = performance.now();
      latenciesMs.push(after - now);
      now = after;
    }
  }));
  const seconds = (performance.now() - startMs) / 1000;
  for (const { close } of callers) close();
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor(share * (latenciesMs.length - 1))];
  return { perSecond: latenciesMs.length / seconds, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

async function kibPerConnection(
  open: () => Promise<Close>,
  memory: () => Promise<number>,
): Promise<number> {
  const before = await memory();
  const closes: Close[] = [];
  for (let i = 0; i < OPEN_CONNECTIONS; i++) closes.push(await open());
  const after = await memory();
  for (const close of closes) close();
  return (after - before) / OPEN_CONNECTIONS / 1024;
}

async function openSocket(url: string, protocols: string[]): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    socket.once("error", reject);
  });
  return socket;
}

function next(socket: WebSocket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    socket.once("message", resolve);
    socket.once("close", () => reject(new Error("the server closed the connection")));
  });
}

async function openFloor(url: string): Promise<Close> {
  const socket = await openSocket(url, []);
  return () => socket.terminate();
}

/** The floor's client seals as well: what is compared is the server. */
async function echoFloor(url: string): Promise<Caller> {
  const socket = await openSocket(url, []);
  const { publicKey } = await generateHpkeKey();
  return {
    async call() {
      socket.send(await sealHpke(publicKey, PAYLOAD));
      await next(socket);
      socket.removeAllListeners("close");
    },
    close: () => socket.terminate(),
  };
}

async function echoHost({ url, token }: Server, id: string): Promise<Caller> {
  const protocols = ["cape.runtime", token];
  const socket = await openSocket(`${url.replace("http", "ws")}/v1/run/${id}`, protocols);
  socket.send(nonceFrame(crypto.getRandomValues(new Uint8Array(16))));
  const key = decodeUnverifiedKey(JSON.parse(String(await next(socket))).message.message);
  socket.removeAllListeners("close");
  return {
    async call() {
      socket.send(await sealHpke(key, PAYLOAD));
      const { message, error } = JSON.parse(String(await next(socket)));
      if (message?.type !== "function_result") throw new Error(error ?? "no result");
      socket.removeAllListeners("close");
    },
    close: () => socket.terminate(),
  };
}
