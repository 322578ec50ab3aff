/** `GET /v1/functions`, `GET` and `DELETE /v1/functions/<id>`: the account lists its functions, looks at one, and removes one. */
import { hex } from "../../base/bytes.ts";
import type { FunctionRecord, FunctionStore } from "./function_store.ts";
import type { JsonAnswer, JsonRoute } from "./routes.ts";

/** Functions in one answer, when the request does not say, and at most. */
const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1000;

/** The three endpoints. `isolation` tells how a function is kept from the machine. */
export function functionEndpoints(
  store: FunctionStore,
  onDeleted: (record: FunctionRecord) => void,
  isolation: (record: FunctionRecord) => Promise<string>,
): JsonRoute[] {
  const unknown = (id: string): JsonAnswer => ({
    status: 404,
    body: { error: `there is no function ${id}` },
  });
  return [
    {
      kind: "json",
      path: "/v1/functions",
      access: "account",
      method: "GET",
      answer(_parameters, _body, query) {
        const [limit, offset] = [
          wholeNumber(query.get("limit"), LIMIT_DEFAULT),
          wholeNumber(query.get("offset"), 0),
        ];
        if (limit === undefined || limit < 1 || limit > LIMIT_MAX || offset === undefined) {
          const error = `"limit" has to be a whole number of 1..${LIMIT_MAX}, "offset" one from 0`;
          return { status: 400, body: { error } };
        }
        return { status: 200, body: store.list().slice(offset, offset + limit).map(shown) };
      },
    },
    {
      kind: "json",
      path: "/v1/functions/:id",
      access: "account",
      method: "GET",
      async answer({ id }) {
        const record = store.find(id);
        if (!record) return unknown(id);
        const more = { checksum: hex(record.checksum), public: record.isPublic };
        return {
          status: 200,
          body: { ...shown(record), ...more, isolation: await isolation(record) },
        };
      },
    },
    {
      kind: "json",
      path: "/v1/functions/:id",
      access: "account",
      method: "DELETE",
      answer({ id }) {
        const record = store.find(id);
        if (!record) return unknown(id);
        store.delete(id);
        onDeleted(record);
        return { status: 200, body: {} };
      },
    },
  ];
}

function shown(record: FunctionRecord): Record<string, unknown> {
  return { id: record.id, name: record.name, created_at: record.createdAt.toISOString() };
}

function wholeNumber(text: string | null, otherwise: number): number | undefined {
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
