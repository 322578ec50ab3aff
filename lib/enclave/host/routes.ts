/**
 * Which request goes where, and what token it needs: one table entry for each endpoint. Sockets get an attested session, plain
 * requests a JSON body; both are refused here, before any handler runs, when the token does not allow them.
 */
import type { IncomingMessage } from "node:http";
import { SUBPROTOCOLS } from "../frames.ts";
import { LABEL_CHARACTERS_MAX } from "../limits.ts";
import type { Scope, TokenStore } from "./tokens.ts";

/** What a handler of a plain request answers. */
export interface JsonAnswer {
  readonly status: number;
  /** Sent as JSON; `undefined` for an empty body. */
  readonly body?: unknown;
  /** Sent in place of JSON. */
  readonly content?: Content;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A body that is no JSON: a page, metrics. */
export interface Content {
  /** `content-type`. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** Path parameters by name, percent-decoded. */
export type Parameters = Readonly<Record<string, string>>;

/** Who may call: the account only, also a token for the one function that the path names, or anyone without a token. */
export type Access = "account" | "function" | "anyone";

/** The longest path parameter: as many characters as a label may have, in UTF-8 with every byte escaped. */
const PARAMETER_CHARACTERS_MAX = 12 * LABEL_CHARACTERS_MAX;

interface RouteBase {
  /** Parts that begin with a colon are parameters: `/v1/run/:id`. */
  readonly path: string;
  readonly access: Access;
  /** The id of the function that the parameters name; `id` by default. */
  functionId?(parameters: Parameters): string | undefined;
}

/** A WebSocket endpoint. `S` is what the handler is given. */
export interface SocketRoute<S> extends RouteBase {
  readonly kind: "socket";
  /** Largest frame, bytes. */
  readonly frameBytesMax: number;
  /** Why this request cannot be served, found out before the upgrade. */
  refuse?(parameters: Parameters, holder: TokenHolder): Refusal | undefined;
  serve(session: S, parameters: Parameters, holder: TokenHolder): Promise<void>;
}

/** Who opens a session: the id of the token, and what it allows. */
export interface TokenHolder {
  readonly id: string;
  readonly scope: Scope;
}

/** A plain endpoint. `body` is the parsed JSON of the request, `undefined` without one. */
export interface JsonRoute extends RouteBase {
  readonly kind: "json";
  readonly method: "GET" | "POST" | "DELETE";
  answer(
    parameters: Parameters,
    body: unknown,
    query: URLSearchParams,
  ): Promise<JsonAnswer> | JsonAnswer;
}

/** One endpoint. */
export type Route<S> = SocketRoute<S> | JsonRoute;

/** A refusal as HTTP says it: `{"error": …}` under a status. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A route that fits and may be used. */
export interface Admitted<R> {
  readonly route: R;
  readonly parameters: Parameters;
  /** Id of the token that was shown; none where none is needed. */
  readonly tokenId?: string;
}

/** A socket route that fits and may be used. */
export interface AdmittedSocket<S> extends Admitted<SocketRoute<S>> {
  readonly tokenId: string;
  readonly holder: TokenHolder;
  /** The subprotocol that the server picks. */
  readonly subprotocol: string;
}

/** Query parameters of a request. */
export function queryOf(request: IncomingMessage): URLSearchParams {
  const text = request.url ?? "";
  const at = text.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : text.slice(at + 1));
}

/** Finds the socket route of an upgrade request and checks its token. */
export function admitSocket<S>(
  routes: readonly Route<S>[],
  request: IncomingMessage,
  tokens: TokenStore,
  now: Date,
): AdmittedSocket<S> | Refusal {
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
  const refusal = accessRefusal(found, verdict.scope);
  const holder = { id: verdict.id, scope: verdict.scope };
  return refusal ?? found.route.refuse?.(found.parameters, holder) ??
    { ...found, tokenId: verdict.id, holder, subprotocol };
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
  if (found.route.access === "anyone") return found;
  const match = /^Bearer ([^\s]+)$/.exec(request.headers.authorization ?? "");
  if (!match) return { status: 401, error: "send the header Authorization: Bearer <token>" };
  const verdict = tokens.check(match[1], now);
  if (!verdict.ok) return { status: 401, error: verdict.reason };
  const refusal = accessRefusal(found, verdict.scope);
  return refusal ?? { ...found, tokenId: verdict.id };
}

function accessRefusal(found: Found<RouteBase>, scope: Scope): Refusal | undefined {
  const { route, parameters } = found;
  if (scope.kind === "account" || route.access === "anyone") return undefined;
  const functionId = route.functionId ? route.functionId(parameters) : parameters.id;
  if (route.access === "function" && scope.functionId === functionId) return undefined;
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
    } else {
      const value = decodePart(parts[i]);
      if (value === undefined) return undefined;
      parameters[part.slice(1)] = value;
    }
  }
  return parameters;
}

/** One part of a path without its escapes; `undefined` when it is none or holds what no name has. */
function decodePart(part: string): string | undefined {
  if (part === "" || part.length > PARAMETER_CHARACTERS_MAX) return undefined;
  let value: string;
  try {
    value = decodeURIComponent(part);
  } catch {
    return undefined;
  }
  return /[/\\]|\p{C}/u.test(value) ? undefined : value;
}
