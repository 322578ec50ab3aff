/** The end of an electorate: giving the operator's order to a node, and asking how far it is. */
import { parseSuccessionOrder } from "../../certificate/succession_order.ts";
import { FumataError } from "../../base/errors.ts";
import { orNull } from "../schema.ts";
import type { ApiRequest, Route } from "../types.ts";
import { SUCCESSION_ORDER_SCHEMA, SUCCESSION_SCHEMA } from "../view_schemas.ts";

/** The entries. */
export const SUCCESSION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/succession",
    needsToken: false,
    doc: {
      summary: "How far the succession of this electorate is.",
      answers: {
        200: {
          means:
            "The successor, and the closing certificate once there is one; null before an order.",
          schema: orNull(SUCCESSION_SCHEMA),
        },
      },
    },
    handle: ({ node }) => ({ json: node.succession ?? null }),
  },
  {
    method: "POST",
    path: "/v1/succession",
    needsToken: true,
    doc: {
      summary: "Takes the operator's signed order to close this electorate, and passes it on.",
      takes: SUCCESSION_ORDER_SCHEMA,
      answers: {
        200: {
          means: "The order is in force; with the closing certificate if it came in time.",
          schema: SUCCESSION_SCHEMA,
        },
        403: { means: "It is no order for this cluster." },
      },
    },
    handle: succeed,
  },
];

/** How long an order waits for the closing certificate, ms: several terms, on a wide network too. */
const CLOSING_MS_MAX = 20_000;

/** Answers when the electorate is closed, or with what is known after a while: the order is on disk then, and stays in force. */
async function succeed({ node, body, waitUntil }: ApiRequest) {
  const order = parseSuccessionOrder(JSON.stringify(body ?? null));
  if (typeof order === "string") {
    throw new FumataError("usage", `Cannot take the order of succession: ${order}`);
  }
  node.succeed(order);
  await waitUntil(() => node.succession?.closing !== undefined, CLOSING_MS_MAX);
  return { json: node.succession };
}
