/**
 * The words of a node's HTTP interface: a route is one entry of a table, with what it takes, what it answers and how `/openapi.json`
 * describes it. Routes know the node and plain data; sockets, tokens, hosts and limits are the server's.
 */
import type { ErrorCode } from "../base/errors.ts";
import type { Node } from "../node/node.ts";
import type { Schema } from "./schema.ts";

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
  /** Whether `If-None-Match` names this tag; `undefined` asks whether it names any. The 304 is the server's work. */
  hasSeen(tag?: string): boolean;
  /**
   * Waits until the condition holds, looking again after every event of the node; at most so long, and no longer than both sides are
   * there. The caller looks itself what came of it. Throws when too many requests wait already.
   */
  waitUntil(condition: () => boolean, waitMs: number): Promise<void>;
}

/** What every answer may carry beside its body. */
interface AnswerExtras {
  /** Header fields beyond the server's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Tells versions of the answer apart: a client that names it in `If-None-Match` gets 304 and no body (RFC 9110, section 13.1.2). */
  readonly tag?: string;
}

/** What a route answers. */
export type ApiAnswer =
  /** A JSON value; 200 if no status is named. */
  | { readonly json: unknown; readonly status?: number } & AnswerExtras
  /** Plain text for other tools. */
  | {
    readonly text: string;
    readonly status: number;
    readonly contentType?: string;
  } & AnswerExtras
  /** A body that was made before, UTF-8. */
  | { readonly bytes: Uint8Array; readonly contentType: string; readonly status?: number }
    & AnswerExtras
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
  /** Whether its answer can be megabytes: the server makes and sends only a few of those at a time. */
  readonly isLong?: boolean;
  /** Its entry in `/openapi.json`; a test holds real answers against it. */
  readonly doc: RouteDoc;
  /** Throws a `FumataError` for what the caller can mend; its code becomes the status. */
  handle(request: ApiRequest): ApiAnswer | Promise<ApiAnswer>;
}

/** What people and generators of clients have to know of a route. What the server does for every route is added to it: errors, tokens. */
export interface RouteDoc {
  /** One sentence. */
  readonly summary: string;
  /** Parameters of the query, by name. */
  readonly query?: Readonly<Record<string, Schema>>;
  /** The JSON body that it takes. */
  readonly takes?: Schema;
  /** What it answers, by status, errors that the server answers for every route left out. */
  readonly answers: Readonly<Record<number, AnswerDoc>>;
}

/** One answer of a route: what it means, and its body. */
export interface AnswerDoc {
  readonly means: string;
  /** Of a JSON body. */
  readonly schema?: Schema;
  /** Media type of a body that is no JSON. */
  readonly contentType?: string;
}

/** The body of every answer that is an error. */
export interface ApiError {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}
