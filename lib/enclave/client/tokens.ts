/** Tokens over plain HTTP: make, list, void. */
import { isRecord } from "../../base/json.ts";
import { type ConnectOptions, printable } from "./endpoint.ts";
import { request as call, unexpected } from "./http.ts";

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

/** Makes a token; its text is shown only now. Throws a {@linkcode EnclaveError}. */
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

/** All tokens of the account, oldest first. Throws a {@linkcode EnclaveError}. */
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

/** Voids a token. Throws a {@linkcode EnclaveError}, also when there is none of this id. */
export async function deleteToken(options: ConnectOptions, id: string): Promise<void> {
  await call(options, "DELETE", `/v1/token/${encodeURIComponent(id)}`);
}
