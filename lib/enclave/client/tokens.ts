/** Tokens over plain HTTP: make, list, void. */
import { FumataError, messageOf } from "../../base/errors.ts";
import { isRecord } from "../frames.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, httpUrl, printable, refusal } from "./endpoint.ts";

/** What a new token is to be. */
export interface TokenRequest {
  readonly name: string;
  readonly description?: string;
  /** Without it the token is for the whole account. */
  readonly functionId?: string;
  /** Seconds from now; without it the token lives until it is deleted. */
  readonly expirySeconds?: number;
}

/** A token in the list; dates as RFC 3339. */
export interface ListedToken {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly functionId?: string;
  readonly createdAt: string;
  readonly expiry?: string;
  readonly lastUsed?: string;
}

/** Answers of hosts are lists of some KiB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Makes a token; its text is shown only now. Throws a {@linkcode FumataError}. */
export async function createToken(options: ConnectOptions, request: TokenRequest): Promise<string> {
  const answer = await call(options, "POST", "/v1/token", {
    name: request.name,
    description: request.description ?? "",
    ...(request.functionId !== undefined && { function_id: request.functionId }),
    ...(request.expirySeconds !== undefined && { expiry: request.expirySeconds }),
  });
  if (isRecord(answer) && typeof answer.token === "string") return answer.token;
  throw unexpected(options, "/v1/token");
}

/** All tokens of the account, oldest first. Throws a {@linkcode FumataError}. */
export async function listTokens(options: ConnectOptions): Promise<ListedToken[]> {
  const answer = await call(options, "GET", "/v1/tokens");
  if (!Array.isArray(answer) || !answer.every(isRecord)) throw unexpected(options, "/v1/tokens");
  const text = (value: unknown) => value === undefined ? undefined : printable(String(value));
  return answer.map((item: Record<string, unknown>) => ({
    id: text(item.id) ?? "",
    name: text(item.name) ?? "",
    description: text(item.description) ?? "",
    functionId: text(item.function_id),
    createdAt: text(item.created_at) ?? "",
    expiry: text(item.expiry),
    lastUsed: text(item.last_used),
  }));
}

/** Voids a token. Throws a {@linkcode FumataError}, also when there is none of this id. */
export async function deleteToken(options: ConnectOptions, id: string): Promise<void> {
  await call(options, "DELETE", `/v1/token/${encodeURIComponent(id)}`);
}

async function call(
  options: ConnectOptions,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const { connectMs } = { ...CLIENT_TIMEOUTS, ...options.timeouts };
  const url = httpUrl(options.url, path);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), connectMs);
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${options.token}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: "manual",
      signal: deadline.signal,
    });
    status = response.status;
    text = await readText(response);
  } catch (thrown) {
    const why = deadline.signal.aborted ? `no answer in ${connectMs / 1000} s` : messageOf(thrown);
    const error = `Cannot reach the enclave at "${options.url}": ${printable(why)}`;
    throw new FumataError("unreachable", error);
  } finally {
    clearTimeout(timer);
  }
  if (status < 200 || status > 299) throw refusal(options.url, path, status, text);
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected(options, path);
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) throw new Error("the answer is too long");
  }
  return text;
}

function unexpected(options: ConnectOptions, path: string): FumataError {
  return new FumataError(
    "failure",
    `Cannot use ${path} of "${options.url}": it answered something else than this protocol's JSON`,
  );
}
