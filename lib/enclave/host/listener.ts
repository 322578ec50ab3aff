/**
 * The door of the host: one HTTP server that answers plain requests and upgrades sockets, and bounds what strangers can hold open.
 * Every connection has a deadline until it is upgraded, every plain answer closes its connection, so a slow sender costs one
 * socket for a few seconds. node:http and `ws`, because `Deno.upgradeWebSocket` refuses subprotocols as `ws` clients write them.
 */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { formatAddress } from "../../base/address.ts";
import { concat, fromUtf8, utf8 } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import type { EnclaveLimits } from "../limits.ts";
import { FrameArrivals } from "./arrivals.ts";
import { HOLDS_TOO_MUCH } from "./held_budget.ts";
import type { JsonAnswer, Refusal } from "./routes.ts";

/** A certificate chain and its private key, PEM. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** How the host decides about requests. Handlers never throw. */
export interface ListenerHandlers {
  json(
    request: IncomingMessage,
    readBody: ReadBody,
  ): Promise<JsonAnswer>;
  socket(request: IncomingMessage): SocketDecision | Refusal;
}

/** Reads the body of a request. `hold` hears how much of it is held, and answers `false` when the rest is no longer wanted. */
export type ReadBody = (hold: (bytes: number) => boolean) => Promise<Uint8Array | Refusal>;

/** An upgrade that was allowed. */
export interface SocketDecision {
  readonly subprotocol: string;
  readonly frameBytesMax: number;
  /** Serves the socket to its end; `arrivals` counts what its network connection brings. Never rejects. */
  serve(socket: WebSocket, arrivals: FrameArrivals): Promise<void>;
}

/** Fragments of one frame: each is an object of its own, however few bytes it has. */
const FRAGMENTS_MAX = 4096;

/** A connection that is not upgraded yet, and when it ends. */
interface Deadline {
  readonly socket: Socket;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Close code for a host that stops (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001;

/** A listening host. */
export class Listener {
  /** `http://host:port` as it really is. */
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #webSockets: ReadonlySet<WebSocket>;
  readonly #serving: ReadonlySet<Promise<void>>;

  private constructor(
    url: string,
    server: Server,
    sockets: ReadonlySet<Socket>,
    webSockets: ReadonlySet<WebSocket>,
    serving: ReadonlySet<Promise<void>>,
  ) {
    this.url = url;
    this.#server = server;
    this.#sockets = sockets;
    this.#webSockets = webSockets;
    this.#serving = serving;
  }

  /** Listens. Throws a {@linkcode FumataError} when the address is not to be had. */
  static async start(
    at: { host: string; port: number; tls?: TlsIdentity },
    limits: EnclaveLimits,
    handlers: ListenerHandlers,
  ): Promise<Listener> {
    const server = makeServer({ maxHeaderSize: limits.headBytesMax }, at.tls);
    const sockets = new Set<Socket>();
    const webSockets = new Set<WebSocket>();
    const serving = new Set<Promise<void>>();
    // By the peer's address: with TLS, requests come on another socket object than connections.
    const deadlines = new Map<string, Deadline>();
    const dropDeadline = (peer: string) => {
      clearTimeout(deadlines.get(peer)?.timer);
      deadlines.delete(peer);
    };
    /** Ends the connection that has been in its handshake for the longest; whether there was one. */
    const makeRoom = (): boolean => {
      const [oldest] = deadlines;
      if (!oldest) return false;
      const [peer, { socket }] = oldest;
      dropDeadline(peer);
      sockets.delete(socket);
      socket.destroy();
      return true;
    };

    server.on("connection", (socket: Socket) => {
      // Who says nothing must not keep out those who do: a good client is through its handshake sooner than a flood comes round.
      if (sockets.size >= limits.connectionsMax && !makeRoom()) {
        socket.destroy();
        return;
      }
      const peer = peerOf(socket);
      sockets.add(socket);
      const timer = setTimeout(() => socket.destroy(), limits.handshakeMs);
      deadlines.set(peer, { socket, timer });
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        dropDeadline(peer);
      });
    });
    // A handshake that fails ends its connection; nothing is to be told.
    server.on("tlsClientError", (_error: Error, socket: Duplex) => socket.destroy());
    // A head that is too long or is no HTTP: the server has answered 4xx itself or cannot.
    server.on("clientError", (_error: Error, socket: Duplex) => socket.destroy());

    server.on("request", async (request, response) => {
      const answer = await handlers.json(
        request,
        (hold) => readBody(request, limits.bodyBytesMax, hold),
      );
      const { type, bytes } = answer.content ?? {
        type: "application/json",
        bytes: utf8(answer.body === undefined ? "" : JSON.stringify(answer.body)),
      };
      response.writeHead(answer.status, {
        "content-type": type,
        "content-length": bytes.length,
        "cache-control": "no-store",
        connection: "close",
        ...answer.headers,
      });
      response.end(bytes);
    });

    server.on("upgrade", (request: IncomingMessage, duplex: Duplex, head: Uint8Array) => {
      const decision = handlers.socket(request);
      if ("error" in decision) {
        refuseUpgrade(duplex, decision);
        return;
      }
      dropDeadline(peerOf(duplex as Socket));
      // The types do not know two of these yet. A client that does not answer the closing is cut off.
      const settings: ServerOptions & { closeTimeout: number; maxFragments: number } = {
        noServer: true,
        maxPayload: decision.frameBytesMax,
        maxFragments: FRAGMENTS_MAX,
        handleProtocols: () => decision.subprotocol,
        perMessageDeflate: false,
        clientTracking: false,
        closeTimeout: limits.handshakeMs,
      };
      const upgrader = new WebSocketServer(settings);
      upgrader.handleUpgrade(request, duplex, head as never, (socket: WebSocket) => {
        webSockets.add(socket);
        socket.once("close", () => webSockets.delete(socket));
        const arrivals = new FrameArrivals();
        // Before the library's own listener, which makes frames of it, and which is taken away when the rest is thrown away.
        duplex.prependListener("data", (part: Uint8Array) => {
          if (duplex.listenerCount("data") > 1) arrivals.arrived(part.length);
        });
        for (const kind of ["ping", "pong"] as const) {
          socket.on(kind, (data: Uint8Array) => arrivals.controlled(data.length));
        }
        const served = decision.serve(socket, arrivals).finally(() => serving.delete(served));
        serving.add(served);
      });
    });

    await listen(server, at);
    // Node names the bound address as an object; a text only for pipes.
    const { port } = server.address() as { port: number };
    const url = `${at.tls ? "https" : "http"}://${formatAddress({ host: at.host, port })}`;
    return new Listener(url, server, sockets, webSockets, serving);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Stops listening, tells the open sockets, ends what does not end by itself, and waits for the handlers. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#webSockets) {
      socket.close(GOING_AWAY, "the host stops");
      socket.terminate();
    }
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#serving);
    await closed;
  }
}

function makeServer(options: { maxHeaderSize: number }, tls: TlsIdentity | undefined): Server {
  if (!tls) return createServer(options);
  const fault = tlsFault(tls);
  if (fault) throw new FumataError("usage", `Cannot serve TLS: ${fault}`);
  // The types of Deno do not know that TLS servers take the options of plain ones.
  const all = { ...options, cert: tls.certificate, key: tls.key };
  return createTlsServer(all) as unknown as Server;
}

/** What is wrong with certificate and key: the platform would tell only the first client. */
function tlsFault({ certificate, key }: TlsIdentity): string | undefined {
  let certified: string;
  let own: string;
  try {
    certified = pemOf(new X509Certificate(certificate).publicKey);
  } catch (thrown) {
    return `the certificate cannot be read (${messageOf(thrown)}); PEM is wanted`;
  }
  try {
    own = pemOf(createPublicKey(key));
  } catch (thrown) {
    return `the key cannot be read (${messageOf(thrown)}); PEM without a password is wanted`;
  }
  return certified === own ? undefined : "the certificate and the key do not belong together";
}

function pemOf(publicKey: KeyObject): string {
  return String(publicKey.export({ type: "spki", format: "pem" }));
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function listen(server: Server, at: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error) => {
      const text = messageOf(error);
      const what = /EADDRINUSE|AddrInUse|in use/i.test(text)
        ? "the port is in use; choose another with --port, or 0 for any"
        : /EACCES|denied/i.test(text)
        ? "permission denied; ports below 1024 are for the system"
        : text;
      reject(
        new FumataError("failure", `Cannot listen on "${formatAddress(at)}": ${what}`, {
          cause: error,
        }),
      );
    });
    server.listen(at.port, at.host, () => resolve());
  });
}

/** The whole body, or why it is not taken. */
async function readBody(
  request: IncomingMessage,
  bytesMax: number,
  hold: (bytes: number) => boolean,
): Promise<Uint8Array | Refusal> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > bytesMax) {
      return { status: 413, error: `the body has more than ${bytesMax} bytes` };
    }
    if (!hold(bytes)) return HOLDS_TOO_MUCH;
    parts.push(part);
  }
  const whole = concat(...parts);
  return fromUtf8(whole) === undefined ? { status: 400, error: "the body is not UTF-8" } : whole;
}

/** Answers an upgrade request with an HTTP error; there is no response object for these. */
function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const body = JSON.stringify({ error: refusal.error });
  const headers = Object.entries(refusal.headers ?? {}).map(([name, value]) =>
    `${name}: ${value}\r\n`
  );
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n` +
      `Content-Type: application/json\r\nConnection: close\r\n${headers.join("")}` +
      `Content-Length: ${utf8(body).length}\r\n\r\n${body}`,
  );
}
