/**
 * The words of a node's HTTP interface: a route is one entry of a table, with what it takes and what it answers. Routes know the node and
 * plain data; sockets, tokens and limits are the server's.
 */
import type { ErrorCode } from "../base/errors.ts";
import type { Node } from "../node/node.ts";

/** A request that passed the server's checks. */
export interface ApiRequest {
  readonly node: Node;
  readonly query: URLSearchParams;
  /** The parsed JSON body; `undefined` when there is none. */
  readonly body: unknown;
  /** Whether it comes from this very machine, over a loopback address. */
  readonly isLocal: boolean;
  /** What `Last-Event-ID` named; `undefined` without one. */
  readonly lastEventId?: number;
}

/** What a route answers. */
export type ApiAnswer =
  /** A JSON value; 200 if no status is named. */
  | { readonly json: unknown; readonly status?: number }
  /** Plain text for other tools. */
  | { readonly text: string; readonly status: number; readonly contentType?: string }
  /** Server-sent events: `start` is given what to call for each event and gives back how to stop. */
  | { readonly events: (send: (event: ServerSentEvent) => void) => () => void };

/** One event of a stream (HTML standard, section 9.2). */
export interface ServerSentEvent {
  readonly id: number;
  readonly event: string;
  /** One line. */
  readonly data: string;
}

/** One entry of the table. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Whether it needs the node's token: whatever changes something, and whatever tells secrets. */
  readonly needsToken: boolean;
  /** Throws a `FumataError` for what the caller can mend; its code becomes the status. */
  handle(request: ApiRequest): ApiAnswer | Promise<ApiAnswer>;
}

/** The body of every answer that is an error. */
export interface ApiError {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}
