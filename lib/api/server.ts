/**
 * A node's HTTP server: finds the route, checks the token, bounds what strangers can hold open, and answers JSON. node:http, because it
 * bounds connections, heads and the time of requests.
 *
 * On a loopback address only requests that name a loopback host are answered: else a page in a browser on this machine could read the
 * answers under a name of its own that points here (DNS rebinding). What changes something needs the token in any case.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import { type Address, formatAddress, isLoopback } from "../base/address.ts";
import { concat, fromUtf8, utf8 } from "../base/bytes.ts";
import { type ErrorCode, FumataError, messageOf } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Node } from "../node/node.ts";
import { API_LIMITS, type ApiLimits } from "./limits.ts";
import type { ApiAnswer, ApiError, Route, ServerSentEvent } from "./types.ts";

/** What a server is made of. */
export interface ApiOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly at: Address;
  readonly node: Node;
  readonly routes: readonly Route[];
  /** The token for routes that need one; without one they are closed. */
  readonly token?: string;
  readonly limits?: ApiLimits;
}

/** Statuses of the error codes (RFC 9110, section 15). */
const STATUSES: Readonly<Record<ErrorCode, number>> = {
  usage: 400,
  failure: 409,
  unreachable: 502,
  refused: 403,
  "no-leader": 404,
  function: 502,
  "leadership-lost": 409,
  bug: 500,
};

/** A listening server. */
export class ApiServer implements AsyncDisposable {
  /** Where it really listens. */
  readonly address: Address;
  readonly #options: ApiOptions;
  readonly #limits: ApiLimits;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #answering = new Set<Promise<void>>();
  readonly #streams = new Set<() => void>();

  /** Listens. Throws a {@linkcode FumataError} when the address is not to be had. */
  static async start(options: ApiOptions): Promise<ApiServer> {
    const limits = options.limits ?? API_LIMITS;
    const server = createServer({ maxHeaderSize: limits.headBytesMax });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(options.at.port, options.at.host, resolve);
    try {
      await promise;
    } catch (thrown) {
      const inUse = /EADDRINUSE|AddrInUse|in use/i.test(messageOf(thrown));
      const why = inUse ? "it is in use by another program" : messageOf(thrown);
      throw new FumataError(
        "failure",
        `Cannot serve HTTP at ${formatAddress(options.at)}: ${why}; choose another with --http`,
        { cause: thrown },
      );
    }
    return new ApiServer(options, limits, server);
  }

  private constructor(options: ApiOptions, limits: ApiLimits, server: Server) {
    this.#options = options;
    this.#limits = limits;
    this.#server = server;
    const { port } = server.address() as { port: number };
    this.address = { host: options.at.host, port };
    server.on("connection", (socket: Socket) => this.#onConnection(socket));
    // A head that is too long or is no HTTP: the server has answered 4xx itself or cannot.
    server.on("clientError", (_error: Error, socket: Socket) => socket.destroy());
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const answering = this.#answer(request, response).finally(() =>
        this.#answering.delete(answering)
      );
      this.#answering.add(answering);
    });
  }

  /** Ends the streams, lets the answers under way go out, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const stop of [...this.#streams]) stop();
    await Promise.all(this.#answering);
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }

  #onConnection(socket: Socket): void {
    if (this.#sockets.size >= this.#limits.connectionsMax) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const deadline = setTimeout(() => socket.destroy(), this.#limits.requestMs);
    deadlines.set(socket, deadline);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(deadline);
      this.#sockets.delete(socket);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: ApiAnswer;
    try {
      answer = await this.#route(request);
    } catch (thrown) {
      answer = errorAnswer(thrown);
    }
    if ("events" in answer) return this.#stream(response, answer.events);
    const [text, contentType] = "json" in answer
      ? [JSON.stringify(answer.json) + "\n", "application/json"]
      : [answer.text, answer.contentType ?? "text/plain"];
    response.writeHead(answer.status ?? 200, {
      "content-type": `${contentType}; charset=utf-8`,
      "content-length": utf8(text).length,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      connection: "close",
    });
    const sent = new Promise<void>((resolve) => {
      response.once("finish", resolve);
      response.once("close", resolve);
    });
    response.end(text);
    await sent;
  }

  async #route(request: IncomingMessage): Promise<ApiAnswer> {
    this.#checkHost(request);
    const url = new URL(request.url ?? "/", "http://node");
    const found = this.#options.routes.filter((route) => route.path === url.pathname);
    if (found.length === 0) return failed(404, `there is no ${url.pathname.slice(0, 100)}`);
    const route = found.find((route) => route.method === request.method);
    if (!route) {
      return failed(
        405,
        `${url.pathname} takes ${found.map((r) => r.method).join(", ")}`,
      );
    }
    if (route.needsToken) this.#checkToken(request);
    const body = await readJson(request, this.#limits.bodyBytesMax);
    // The request is here as a whole: from now on time is the route's.
    clearTimeout(deadlines.get(request.socket));
    const lastEventId = Number(request.headers["last-event-id"] ?? NaN);
    return await route.handle({
      node: this.#options.node,
      query: url.searchParams,
      body,
      isLocal: isLoopback((request.socket.remoteAddress ?? "").replace(/^::ffff:/, "")),
      ...(Number.isSafeInteger(lastEventId) && { lastEventId }),
    });
  }

  #checkHost(request: IncomingMessage): void {
    if (!isLoopback(this.#options.at.host)) return;
    const host = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    if (isLoopback(host)) return;
    throw new FumataError(
      "refused",
      `the host "${host.slice(0, 100)}" is not this machine's loopback`,
    );
  }

  #checkToken(request: IncomingMessage): void {
    const { token } = this.#options;
    if (token === undefined) {
      throw new FumataError(
        "refused",
        "this node has no token, so it takes no orders; start it with --state DIR or --http-token-file FILE",
      );
    }
    const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    // Digests have one length, so that the comparison does not tell the token's.
    if (timingSafeEqual(sha256(utf8(given)), sha256(utf8(token)))) return;
    throw new FumataError("refused", "this needs the node's token as Authorization: Bearer TOKEN");
  }

  async #stream(
    response: ServerResponse,
    start: (send: (event: ServerSentEvent) => void) => () => void,
  ): Promise<void> {
    const { streamsMax, backlogBytesMax, heartbeatMs } = this.#limits;
    const refused = this.#streams.size >= streamsMax;
    response.writeHead(refused ? 503 : 200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      connection: "close",
    });
    if (refused) {
      response.end();
      return;
    }
    const ended = Promise.withResolvers<void>();
    const write = (text: string) => {
      if (response.writableLength > backlogBytesMax) response.destroy();
      else response.write(text);
    };
    // Comments keep the connection known to be alive; the first one sends the head at once.
    write(": fumata\n\n");
    const heartbeat = setInterval(() => write(": still here\n\n"), heartbeatMs);
    const stop = start(({ id, event, data }) =>
      write(`id: ${id}\nevent: ${event}\ndata: ${data}\n\n`)
    );
    const end = () => {
      response.end();
      ended.resolve();
    };
    this.#streams.add(end);
    response.once("close", ended.resolve);
    await ended.promise;
    this.#streams.delete(end);
    clearInterval(heartbeat);
    stop();
  }
}

/** Deadlines of connections whose request is not complete. */
const deadlines = new WeakMap<Socket, ReturnType<typeof setTimeout>>();

/** The answer to a request that names nothing that there is. */
function failed(status: number, message: string): ApiAnswer {
  return { status, json: { error: { code: "usage", message } } satisfies ApiError };
}

function errorAnswer(thrown: unknown): ApiAnswer {
  const code = thrown instanceof FumataError ? thrown.code : "bug";
  const message = code === "bug" ? `a bug of ours: ${messageOf(thrown)}` : messageOf(thrown);
  return { status: STATUSES[code], json: { error: { code, message } } satisfies ApiError };
}

async function readJson(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const body = await readBody(request, bytesMax);
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(fromUtf8(body) ?? "");
  } catch {
    throw new FumataError("usage", "the body is not JSON");
  }
}

/** By events and not by iteration, which would close the connection before the refusal is out. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= bytesMax) chunks.push(chunk);
      else reject(new FumataError("usage", `the body is longer than ${bytesMax} bytes`));
    });
    request.on("end", () => resolve(concat(...chunks)));
    request.on("close", () => reject(new FumataError("usage", "the request ended early")));
  });
}
