/** What is wrong with a request as HTTP sees it, and the answers to it (RFC 9110, section 15.5). */
import { type ErrorCode, FumataError, messageOf } from "../base/errors.ts";
import type { ApiAnswer, ApiError } from "./types.ts";

/** A request that is refused before, or beside, what its route does. */
export class RequestFault extends FumataError {
  /** `headers` tell what would be taken instead. */
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
    code: ErrorCode = "usage",
  ) {
    super(code, message);
  }
}

/** Statuses of the error codes. */
export const STATUSES: Readonly<Record<ErrorCode, number>> = {
  usage: 400,
  failure: 409,
  unreachable: 502,
  refused: 403,
  "no-leader": 404,
  function: 502,
  "leadership-lost": 409,
  bug: 500,
};

/** The answer to whatever was thrown while a request was served. */
export function errorAnswer(thrown: unknown): ApiAnswer {
  const code = thrown instanceof FumataError ? thrown.code : "bug";
  const message = code === "bug" ? `a bug of ours: ${messageOf(thrown)}` : messageOf(thrown);
  const json: ApiError = { error: { code, message } };
  return thrown instanceof RequestFault
    ? { status: thrown.status, json, headers: thrown.headers }
    : { status: STATUSES[code], json };
}
