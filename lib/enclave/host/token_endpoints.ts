/** `POST /v1/token`, `GET /v1/tokens`, `DELETE /v1/token/<id>`: the account makes, lists and voids tokens. */
import { isBase58Id } from "../../base/base58.ts";
import { isRecord } from "../../base/json.ts";
import { LABEL_CHARACTERS_MAX } from "../limits.ts";
import { isLabel } from "./account_endpoints.ts";
import type { FunctionStore } from "./function_store.ts";
import type { JsonAnswer, JsonRoute } from "./routes.ts";
import type { TokenRecord, TokenStore } from "./tokens.ts";

/** The longest life of a token in seconds: ten years. */
const EXPIRY_SECONDS_MAX = 10 * 366 * 24 * 3600;

/** The three endpoints. */
export function tokenEndpoints(
  tokens: TokenStore,
  store: FunctionStore,
  now: () => Date,
): JsonRoute[] {
  return [
    {
      kind: "json",
      path: "/v1/token",
      access: "account",
      method: "POST",
      answer(_parameters, body) {
        const wanted = parseRequest(body, store, now());
        if (typeof wanted === "string") return { status: 400, body: { error: wanted } };
        const made = tokens.create(wanted, now());
        return typeof made === "string"
          ? { status: 409, body: { error: made } }
          : { status: 201, body: { token: made.token, id: made.record.id } };
      },
    },
    {
      kind: "json",
      path: "/v1/tokens",
      access: "account",
      method: "GET",
      answer: () => ({ status: 200, body: tokens.list().map(shown) }),
    },
    {
      kind: "json",
      path: "/v1/token/:id",
      access: "account",
      method: "DELETE",
      answer: ({ id }): JsonAnswer =>
        tokens.delete(id)
          ? { status: 200, body: {} }
          : { status: 404, body: { error: `there is no token ${id}` } },
    },
  ];
}

function shown(record: TokenRecord): Record<string, unknown> {
  return {
    id: record.id,
    name: record.name,
    description: record.description,
    ...(record.functionId !== undefined && { function_id: record.functionId }),
    created_at: record.createdAt.toISOString(),
    ...(record.expiry && { expiry: record.expiry.toISOString() }),
    ...(record.lastUsed && { last_used: record.lastUsed.toISOString() }),
  };
}

/** `expiry` is a number of seconds from now, or a moment as RFC 3339 writes it. */
function parseRequest(
  body: unknown,
  store: FunctionStore,
  now: Date,
): Pick<TokenRecord, "name" | "description" | "functionId" | "expiry"> | string {
  if (!isRecord(body)) return "the body has to be a JSON object";
  const { name, description = "", function_id: functionId, expiry } = body;
  if (typeof name !== "string" || !isLabel(name)) {
    return `"name" has to be a text of 1..${LABEL_CHARACTERS_MAX} printable characters`;
  }
  if (typeof description !== "string" || (description !== "" && !isLabel(description))) {
    return `"description" has to be a text of up to ${LABEL_CHARACTERS_MAX} printable characters`;
  }
  if (functionId !== undefined && functionId !== "") {
    if (typeof functionId !== "string" || !isBase58Id(functionId)) {
      return '"function_id" has to be an id of 22 characters';
    }
    if (!store.find(functionId)) return `there is no function ${functionId}`;
  }
  const end = expiry === undefined ? undefined : parseExpiry(expiry, now);
  if (end === null) {
    return '"expiry" has to be a whole number of seconds from now, or a moment to come such as ' +
      "2030-01-31T12:00:00Z";
  }
  return { name, description, functionId: functionId || undefined, expiry: end };
}

function parseExpiry(value: unknown, now: Date): Date | null {
  const end = typeof value === "number" && Number.isInteger(value)
    ? new Date(now.getTime() + value * 1000)
    : typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)
    ? new Date(value)
    : new Date(NaN);
  const seconds = (end.getTime() - now.getTime()) / 1000;
  return seconds > 0 && seconds <= EXPIRY_SECONDS_MAX ? end : null;
}
