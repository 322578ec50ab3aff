/** The end of an electorate: giving the operator's order to a node, and asking how far it is. */
import { parseSuccessionOrder } from "../../certificate/succession_order.ts";
import { FumataError } from "../../base/errors.ts";
import type { Node } from "../../node/node.ts";
import type { ApiRequest, Route } from "../types.ts";

/** The entries. */
export const SUCCESSION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/succession",
    needsToken: false,
    handle: ({ node }) => ({ json: node.succession ?? null }),
  },
  { method: "POST", path: "/v1/succession", needsToken: true, handle: succeed },
];

/** How long an order waits for the closing certificate, ms: several terms, on a wide network too. */
const CLOSING_MS_MAX = 20_000;

/** Answers when the electorate is closed, or with what is known after a while: the order is on disk then, and stays in force. */
async function succeed({ node, body }: ApiRequest) {
  const order = parseSuccessionOrder(JSON.stringify(body ?? null));
  if (typeof order === "string") {
    throw new FumataError("usage", `Cannot take the order of succession: ${order}`);
  }
  node.succeed(order);
  await closed(node);
  return { json: node.succession };
}

async function closed(node: Node): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unfollow = node.events.follow(() => void (node.succession?.closing && resolve()));
  const timer = setTimeout(resolve, CLOSING_MS_MAX);
  if (!node.succession?.closing) await promise;
  clearTimeout(timer);
  unfollow();
}
