/**
 * A node's HTTP server: finds the route, has the request checked, bounds what strangers can hold open, and writes the answer. node:http,
 * because it bounds connections, heads and the time of requests. Every answer closes its connection: clients are few, and a bound on
 * connections is then a bound on requests.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Address, formatAddress, isLoopback } from "../base/address.ts";
import { utf8 } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import type { Node } from "../node/node.ts";
import { crossOriginFields } from "./cross_origin.ts";
import { EventStreams } from "./event_stream.ts";
import { errorAnswer, RequestFault } from "./faults.ts";
import { API_LIMITS, type ApiLimits } from "./limits.ts";
import {
  allowedMethods,
  checkHost,
  checkToken,
  findRoute,
  hasSeen,
  readJson,
} from "./request_checks.ts";
import type { ApiAnswer, Route } from "./types.ts";
import { Waits } from "./waits.ts";

/** What a server is made of. */
export interface ApiOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly at: Address;
  readonly node: Node;
  readonly routes: readonly Route[];
  /** The token for routes that need one; without one they are closed. */
  readonly token?: string;
  /** Origins whose pages may read the answers, `*` for all; none when left out. */
  readonly allowedOrigins?: readonly string[];
  readonly limits?: ApiLimits;
}

/** A listening server. */
export class ApiServer implements AsyncDisposable {
  /** Where it really listens. */
  readonly address: Address;
  readonly #options: ApiOptions;
  readonly #limits: ApiLimits;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #answering = new Set<Promise<void>>();
  readonly #streams: EventStreams;
  readonly #waits: Waits;
  #longAnswers = 0;

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
    this.#streams = new EventStreams(limits);
    this.#waits = new Waits(options.node.events, limits.waitsMax);
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

  /** Ends streams and waits, lets the answers under way go out, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#streams.close();
    this.#waits.close();
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
    setDeadline(socket, this.#limits.requestMs);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearDeadline(socket);
      this.#sockets.delete(socket);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    using places = new DisposableStack();
    let answer: ApiAnswer;
    try {
      answer = await this.#route(request, response, places);
      if ("events" in answer && this.#streams.isFull) {
        throw new RequestFault(503, "too many follow the events already", { "retry-after": "5" });
      }
    } catch (thrown) {
      answer = errorAnswer(thrown);
    }
    const fields = {
      ...crossOriginFields(request, this.#options.allowedOrigins ?? []),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      connection: "close",
    };
    // A response that is closed says so no more: nothing would end the wait for it.
    if (request.socket.destroyed) return;
    if ("events" in answer) {
      if (request.method !== "HEAD") return this.#streams.serve(response, answer.events, fields);
      answer = { status: 200, text: "", contentType: "text/event-stream" };
    }
    await write(request, response, answer, fields, this.#limits);
  }

  /** What the answer takes up goes into `places`, until it is out. */
  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    places: DisposableStack,
  ): Promise<ApiAnswer> {
    const { node, at, routes, token } = this.#options;
    checkHost(request, at.host);
    const url = URL.parse(request.url ?? "/", "http://node");
    if (!url) throw new RequestFault(400, "the target of the request is no URL");
    if (request.method === "OPTIONS") return optionsAnswer(routes, url.pathname);
    const route = findRoute(routes, url.pathname, request.method ?? "");
    if (route.needsToken) checkToken(request, token);
    const body = await readJson(request, this.#limits.bodyBytesMax);
    if (route.isLong) this.#takeLongAnswer(places);
    // The request is here as a whole: from now on time is the route's.
    clearDeadline(request.socket);
    const lastEventId = Number(request.headers["last-event-id"] ?? NaN);
    const gone = new Promise<void>((resolve) => response.once("close", resolve));
    return await route.handle({
      node,
      query: url.searchParams,
      body,
      isLocal: isLoopback((request.socket.remoteAddress ?? "").replace(/^::ffff:/, "")),
      hasSeen: (tag) => hasSeen(request, tag),
      waitUntil: (condition, waitMs) =>
        this.#waits.until(condition, waitMs, gone, route.needsToken),
      ...(Number.isSafeInteger(lastEventId) && { lastEventId }),
    });
  }

  #takeLongAnswer(places: DisposableStack): void {
    if (this.#longAnswers >= this.#limits.longAnswersMax) {
      throw new RequestFault(503, "too many take long answers already", { "retry-after": "5" });
    }
    this.#longAnswers++;
    places.defer(() => this.#longAnswers--);
  }
}

/** What a path takes; with the fields of another origin this is also the answer to a browser that asks first. */
function optionsAnswer(routes: readonly Route[], path: string): ApiAnswer {
  const found = routes.filter((route) => route.path === path);
  if (found.length === 0) throw new RequestFault(404, `there is no such path`);
  return { status: 204, text: "", headers: { allow: allowedMethods(found).join(", ") } };
}

type BodyAnswer = Exclude<ApiAnswer, { events: unknown }>;

/** Resolves when the answer is out, or its reader gone. */
async function write(
  request: IncomingMessage,
  response: ServerResponse,
  answer: BodyAnswer,
  fields: Readonly<Record<string, string>>,
  { answerMs, answerBytesPerMs }: ApiLimits,
): Promise<void> {
  const { tag } = answer;
  const isKnown = tag !== undefined && hasSeen(request, tag);
  const [body, contentType] = bodyOf(answer);
  // From now on time is the reader's again: one that takes nothing would hold its connection for ever.
  setDeadline(request.socket, answerMs + body.length / answerBytesPerMs);
  const status = isKnown ? 304 : answer.status ?? 200;
  response.writeHead(status, {
    ...fields,
    ...(status !== 204 && status !== 304 && {
      "content-type": `${contentType}; charset=utf-8`,
      "content-length": body.length,
    }),
    ...(tag !== undefined && { etag: `W/"${tag}"`, "cache-control": "no-cache" }),
    ...answer.headers,
  });
  const sent = new Promise<void>((resolve) => {
    response.once("finish", resolve);
    response.once("close", resolve);
  });
  response.end(isKnown || request.method === "HEAD" || status === 204 ? undefined : body);
  await sent;
}

function bodyOf(answer: BodyAnswer): [body: Uint8Array, contentType: string] {
  if ("json" in answer) return [utf8(JSON.stringify(answer.json) + "\n"), "application/json"];
  if ("bytes" in answer) return [answer.bytes, answer.contentType];
  return [utf8(answer.text), answer.contentType ?? "text/plain"];
}

/** When each connection is cut off, unless something happens before. */
const deadlines = new WeakMap<Socket, ReturnType<typeof setTimeout>>();

function setDeadline(socket: Socket, ms: number): void {
  clearDeadline(socket);
  if (!socket.destroyed) deadlines.set(socket, setTimeout(() => socket.destroy(), ms));
}

function clearDeadline(socket: Socket): void {
  clearTimeout(deadlines.get(socket));
}
