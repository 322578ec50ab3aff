/**
 * Opening a WebSocket to an enclave host: subprotocols, deadlines, one redirect, and errors that people understand. The constructor
 * is injected; with `ws` the reason of a refused upgrade can be read, browsers only say that it failed.
 */
// @ts-types="@types/ws"
import { WebSocket as WsSocket } from "ws";
import { fromBase64url, fromUtf8 } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { plainLine } from "../../base/plain_text.ts";
import { SUBPROTOCOLS } from "../frames.ts";
import { HOST_FRAME_BYTES_MAX } from "../limits.ts";
import { EnclaveError, reasonOfStatus } from "./errors.ts";
import { FrameSocket, type SocketLike } from "../frame_socket.ts";

/** Makes sockets: `ws` by default, `globalThis.WebSocket` in browsers. */
export type SocketConstructor = new (
  url: string,
  protocols: string[],
  options?: Record<string, unknown>,
) => SocketLike;

/** Deadlines in ms. */
export interface ClientTimeouts {
  /** TCP, TLS and the upgrade. */
  readonly connectMs: number;
  /** From the nonce to the evidence. */
  readonly attestMs: number;
  /** The same where the evidence binds the account's key: a host at its first start makes that for some seconds, on a busy machine for minutes. */
  readonly accountAttestMs: number;
  /** One call of a function, queueing included. */
  readonly invokeMs: number;
  /** From the first byte of a package to its id: it is large and networks are slow. */
  readonly deployMs: number;
}

/** Where an enclave host is and how to get in. */
export interface EnclaveAddress {
  /** `http(s)://host:port` or `ws(s)://…`. */
  readonly url: string;
  readonly token: string;
}

/** How a client connects. */
export interface ConnectOptions extends EnclaveAddress {
  readonly timeouts?: Partial<ClientTimeouts>;
  /** Ends waiting and closes the connection. */
  readonly signal?: AbortSignal;
  readonly webSocket?: SocketConstructor;
  /** PEM certificates that TLS trusts beside the system's; browsers and Node's `fetch` know only their own. */
  readonly tlsRoots?: string;
}

/** The defaults. */
export const CLIENT_TIMEOUTS: ClientTimeouts = {
  connectMs: 10_000,
  attestMs: 30_000,
  accountAttestMs: 180_000,
  invokeMs: 60_000,
  deployMs: 600_000,
};

/** Frames that an enclave may send ahead of being asked for: answers to inputs in flight. */
const ANSWERS_WAITING_MAX = 64;

/** The longest error body of a refused upgrade that is read. */
const ERROR_BODY_BYTES_MAX = 4096;

/** Opens the socket of one endpoint, such as `/v1/key`. Throws a {@linkcode EnclaveError} `unreachable`, `usage` or `failure`. */
export async function openEndpoint(path: string, options: ConnectOptions): Promise<FrameSocket> {
  const first = await tryOpen(socketUrl(options.url, path), path, options);
  if (!("redirect" in first)) return first;
  const second = await tryOpen(first.redirect, path, options);
  if (!("redirect" in second)) return second;
  throw new EnclaveError(
    "unreachable",
    `Cannot reach the enclave at "${options.url}": it redirects more than once`,
  );
}

/** The base URL with the scheme that plain requests use. Throws a usage error when it is no URL of a host. */
export function httpUrl(base: string, path: string): string {
  return withScheme(base, path, {
    "http:": "http:",
    "https:": "https:",
    "ws:": "http:",
    "wss:": "https:",
  });
}

function socketUrl(base: string, path: string): string {
  return withScheme(base, path, { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" });
}

function withScheme(base: string, path: string, schemes: Record<string, string>): string {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  const scheme = url && schemes[url.protocol];
  if (!url || !scheme || url.username !== "" || url.search !== "" || url.hash !== "") {
    throw new EnclaveError(
      "usage",
      `Cannot use the enclave URL "${base}": write http://host:port or https://host:port`,
    );
  }
  return `${scheme}//${url.host}${url.pathname.replace(/\/$/, "")}${path}`;
}

type Opened = FrameSocket | { readonly redirect: string };

function tryOpen(url: string, path: string, options: ConnectOptions): Promise<Opened> {
  const { connectMs } = { ...CLIENT_TIMEOUTS, ...options.timeouts };
  const unreachable = (why: string, reason: "unreachable" | "timeout" = "unreachable") =>
    new EnclaveError(reason, `Cannot reach the enclave at "${options.url}": ${why}`);
  if (options.signal?.aborted) return Promise.reject(unreachable("the attempt was given up"));
  const Socket = options.webSocket ?? WsSocket as unknown as SocketConstructor;
  const protocols = [SUBPROTOCOLS[tokenKind(options.token)], options.token];
  let socket: SocketLike;
  try {
    socket = options.webSocket ? new Socket(url, protocols) : new Socket(url, protocols, {
      perMessageDeflate: false,
      maxPayload: HOST_FRAME_BYTES_MAX,
      ...(options.tlsRoots !== undefined && { ca: options.tlsRoots }),
    });
  } catch (thrown) {
    // A token with characters that no subprotocol may have.
    const why = `the token or URL cannot be used: ${messageOf(thrown).replace(options.token, "…")}`;
    return Promise.reject(new EnclaveError("usage", `Cannot open "${path}": ${why}`));
  }
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      act();
    };
    const giveUp = (error: EnclaveError) =>
      settle(() => {
        socket.onerror = () => {};
        socket.onopen = socket.onclose = null;
        socket.close();
        reject(error);
      });
    const onAbort = () => giveUp(unreachable("the attempt was given up"));
    const timer = setTimeout(
      () => giveUp(unreachable(`no connection within ${connectMs / 1000} s`, "timeout")),
      connectMs,
    );
    options.signal?.addEventListener("abort", onAbort);
    socket.onopen = () => settle(() => resolve(wrap(socket, options)));
    socket.onerror = (event: { message?: string }) =>
      giveUp(unreachable(connectWords(event.message)));
    socket.onclose = () => giveUp(unreachable("it closed the connection at once"));
    onRefusal(socket, (status, location, body) => {
      const target = status === 307 && location ? redirectTarget(url, location) : undefined;
      if (target) {
        settle(() => {
          socket.onerror = () => {};
          socket.onopen = socket.onclose = null;
          socket.close();
          resolve({ redirect: target });
        });
      } else giveUp(refusal(options.url, path, status, body));
    });
  });
}

function wrap(socket: SocketLike, options: ConnectOptions): FrameSocket {
  const frames = new FrameSocket(socket, { waitingMax: ANSWERS_WAITING_MAX });
  const { signal } = options;
  const onAbort = () => frames.close();
  signal?.addEventListener("abort", onAbort, { once: true });
  // A signal may outlive many connections.
  frames.closed.then(() => signal?.removeEventListener("abort", onAbort));
  return frames;
}

/** What `ws` has beyond browsers: the HTTP answer to an upgrade that was refused. */
interface RefusableSocket {
  on?(
    event: "unexpected-response",
    listener: (
      request: unknown,
      response: AsyncIterable<Uint8Array> & {
        statusCode?: number;
        headers: Record<string, string | undefined>;
      },
    ) => void,
  ): void;
}

function onRefusal(
  socket: SocketLike,
  act: (status: number, location: string | undefined, body: string) => void,
): void {
  (socket as RefusableSocket).on?.("unexpected-response", async (_request, response) => {
    let body = "";
    const decoder = new TextDecoder();
    try {
      for await (const part of response) {
        body += decoder.decode(part, { stream: true });
        if (body.length > ERROR_BODY_BYTES_MAX) break;
      }
    } catch { /* a body that breaks off is judged as far as it came */ }
    act(response.statusCode ?? 0, response.headers.location, body);
  });
}

/** A redirect may change the host but not drop encryption. */
function redirectTarget(from: string, location: string): string | undefined {
  if (!URL.canParse(location, from)) return undefined;
  const url = new URL(location, from);
  const scheme = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[url.protocol];
  if (!scheme || (from.startsWith("wss:") && scheme !== "wss:")) return undefined;
  return `${scheme}//${url.host}${url.pathname}${url.search}`;
}

/** The error for an HTTP status with the body `{"error": …}`. */
export function refusal(base: string, path: string, status: number, body: string): EnclaveError {
  let error: unknown;
  try {
    error = JSON.parse(body).error;
  } catch { /* not one of ours */ }
  const why = typeof error === "string" && error !== "" ? error : "no reason given";
  return new EnclaveError(
    reasonOfStatus(status),
    `Cannot use ${path} of "${base}": ${printable(why)} (HTTP ${status})`,
  );
}

/** The longest text of a host that is shown. */
const TEXT_CHARACTERS_MAX = 500;

/** A host's text on one line that a terminal only shows, shortened. */
export function printable(text: string): string {
  return plainLine(text, TEXT_CHARACTERS_MAX);
}

/** Which kind a token is, as far as one can read it: tokens for one function say so in their claims. The host decides. */
function tokenKind(token: string): keyof typeof SUBPROTOCOLS {
  const claims = fromBase64url(token.split(".")[1] ?? "");
  const frame = claims && fromUtf8(claims);
  try {
    return frame && "function_id" in JSON.parse(frame) ? "function" : "account";
  } catch {
    return "account";
  }
}

/** Why there is no connection, in the words of a person. */
export function connectWords(message: string | undefined): string {
  if (!message) return "the connection failed";
  if (/refused/i.test(message)) return "nothing listens there; is the enclave host running?";
  if (/ENOTFOUND|lookup|resolve/i.test(message)) return "its host name is not known";
  if (/self.signed|unable.to.verify|UnknownIssuer/i.test(message)) {
    return "nothing here trusts its TLS certificate; name that to fumata login with --tls-roots FILE";
  }
  return printable(message);
}
