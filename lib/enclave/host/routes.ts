/**
 * Which request goes where, and what token it needs: one table entry for each endpoint. Sockets get an attested session, plain
 * requests a JSON body; both are refused here, before any handler runs, when the token does not allow them.
 */
import type { IncomingMessage } from "node:http";
import { SUBPROTOCOLS } from "../frames.ts";
import type { Scope, TokenStore } from "./tokens.ts";

/** What a handler of a plain request answers. */
export interface JsonAnswer {
  readonly status: number;
  /** `undefined` for an empty body. */
  readonly body?: unknown;
}

/** Path parameters by name. */
export type Parameters = Readonly<Record<string, string>>;

/** Who may call: the account only, or also a token for the one function that the path names as `id`. */
export type Access = "account" | "function";

interface RouteBase {
  /** Parts that begin with a colon are parameters: `/v1/run/:id`. */
  readonly path: string;
  readonly access: Access;
}

/** A WebSocket endpoint. `S` is what the handler is given. */
export interface SocketRoute<S> extends RouteBase {
  readonly kind: "socket";
  /** Largest frame, bytes. */
  readonly frameBytesMax: number;
  /** Why this request cannot be served, found out before the upgrade. */
  refuse?(parameters: Parameters): Refusal | undefined;
  serve(session: S, parameters: Parameters): Promise<void>;
}

/** A plain endpoint. `body` is the parsed JSON of the request, `undefined` without one. */
export interface JsonRoute extends RouteBase {
  readonly kind: "json";
  readonly method: "GET" | "POST" | "DELETE";
  answer(parameters: Parameters, body: unknown): Promise<JsonAnswer> | JsonAnswer;
}

/** One endpoint. */
export type Route<S> = SocketRoute<S> | JsonRoute;

/** A refusal as HTTP says it: `{"error": …}` under a status. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
}

/** A route that fits and may be used. */
export interface Admitted<R> {
  readonly route: R;
  readonly parameters: Parameters;
  readonly scope: Scope;
  /** The subprotocol that the server picks; only for sockets. */
  readonly subprotocol?: string;
}

/** Finds the socket route of an upgrade request and checks its token. */
export function admitSocket<S>(
  routes: readonly Route<S>[],
  request: IncomingMessage,
  tokens: TokenStore,
  now: Date,
): Admitted<SocketRoute<S>> | Refusal {
  const found = find(routes, "socket", "GET", request);
  if ("error" in found) return found;
  const offered = String(request.headers["sec-websocket-protocol"] ?? "")
    .split(",").map((part) => part.trim()).filter((part) => part !== "");
  const [subprotocol, token] = offered;
  const wanted = Object.entries(SUBPROTOCOLS).find(([, name]) => name === subprotocol)?.[0];
  if (wanted === undefined || token === undefined || offered.length !== 2) {
    return {
      status: 401,
      error: `offer two WebSocket subprotocols: ${SUBPROTOCOLS.account} or ` +
        `${SUBPROTOCOLS.function}, and a token`,
    };
  }
  const verdict = tokens.check(token, now);
  if (!verdict.ok) return { status: 401, error: verdict.reason };
  if (verdict.scope.kind !== wanted) {
    return {
      status: 401,
      error: `token is for ${describe(verdict.scope)}; offer it as ${
        SUBPROTOCOLS[verdict.scope.kind]
      }`,
    };
  }
  const refusal = accessRefusal(found.route.access, verdict.scope, found.parameters);
  return refusal ?? found.route.refuse?.(found.parameters) ??
    { ...found, scope: verdict.scope, subprotocol };
}

/** Finds the plain route of a request and checks its token. */
export function admitJson<S>(
  routes: readonly Route<S>[],
  request: IncomingMessage,
  tokens: TokenStore,
  now: Date,
): Admitted<JsonRoute> | Refusal {
  const found = find(routes, "json", request.method ?? "", request);
  if ("error" in found) return found;
  const match = /^Bearer ([^\s]+)$/.exec(request.headers.authorization ?? "");
  if (!match) return { status: 401, error: "send the header Authorization: Bearer <token>" };
  const verdict = tokens.check(match[1], now);
  if (!verdict.ok) return { status: 401, error: verdict.reason };
  const refusal = accessRefusal(found.route.access, verdict.scope, found.parameters);
  return refusal ?? { ...found, scope: verdict.scope };
}

function accessRefusal(access: Access, scope: Scope, parameters: Parameters): Refusal | undefined {
  if (scope.kind === "account") return undefined;
  if (access === "function" && scope.functionId === parameters.id) return undefined;
  return { status: 403, error: `token is for ${describe(scope)} only` };
}

function describe(scope: Scope): string {
  return scope.kind === "account" ? "the account" : `the function ${scope.functionId}`;
}

type Found<R> = { readonly route: R; readonly parameters: Parameters };

function find<S, K extends Route<S>["kind"]>(
  routes: readonly Route<S>[],
  kind: K,
  method: string,
  request: IncomingMessage,
): Found<Extract<Route<S>, { kind: K }>> | Refusal {
  const path = (request.url ?? "").split("?", 1)[0];
  const matching = routes.flatMap((route) => {
    const parameters = match(route.path, path);
    return parameters ? [{ route, parameters }] : [];
  });
  if (matching.length === 0) return { status: 404, error: "there is no such endpoint" };
  const fitting = matching.find(({ route }) =>
    route.kind === kind && (route.kind === "socket" || route.method === method)
  );
  if (fitting) return fitting as Found<Extract<Route<S>, { kind: K }>>;
  const isSocket = matching.some(({ route }) => route.kind === "socket");
  return isSocket
    ? { status: 426, error: "this endpoint is a WebSocket" }
    : { status: 405, error: `this endpoint does not know ${method}` };
}

function match(pattern: string, path: string): Parameters | undefined {
  const [wanted, parts] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== parts.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    if (!part.startsWith(":")) {
      if (part !== parts[i]) return undefined;
    } else if (!/^[\w.~-]{1,128}$/.test(parts[i])) return undefined;
    else parameters[part.slice(1)] = parts[i];
  }
  return parameters;
}
