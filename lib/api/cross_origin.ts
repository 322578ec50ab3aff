/**
 * Pages of other origins (the Fetch standard, section 3.3): off unless the node was told which ones may read it. Orders need the token in
 * any case, and no cookie or other ambient right is ever looked at.
 */
import type { IncomingMessage } from "node:http";

/** How long a browser may remember what it was allowed, s. */
const REMEMBERED_SECONDS = 600;

/** Fields for the answer to a request; `origins` are those that are let in, `*` lets in all. */
export function crossOriginFields(
  request: IncomingMessage,
  origins: readonly string[],
): Record<string, string> {
  if (origins.length === 0) return { "cross-origin-resource-policy": "same-origin" };
  const { origin } = request.headers;
  // What is answered depends on who asks, so caches must keep the answers apart.
  const vary = { vary: "origin" };
  if (origin === undefined || !(origins.includes("*") || origins.includes(origin))) return vary;
  return {
    ...vary,
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "etag",
    ...(request.method === "OPTIONS" && {
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "authorization, content-type, if-none-match, last-event-id",
      "access-control-max-age": String(REMEMBERED_SECONDS),
    }),
  };
}

/** Whether a text is an origin as browsers send it, or `*`. */
export function isOrigin(text: string): boolean {
  return text === "*" || (URL.canParse(text) && new URL(text).origin === text);
}
