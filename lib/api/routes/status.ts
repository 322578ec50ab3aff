/** The node itself: how it is, and whether it is there at all. */
import type { Route } from "../types.ts";
import { STATUS_SCHEMA } from "../view_schemas.ts";
import { statusView } from "../views.ts";

/** The entries. */
export const STATUS_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    needsToken: false,
    doc: {
      summary: "How this node is, in short.",
      answers: { 200: { means: "The node.", schema: STATUS_SCHEMA } },
    },
    handle: ({ node }) => ({ json: statusView(node) }),
  },
  // For supervisors: the process answers, hence it is not stuck. Whether there is a leader is another question.
  {
    method: "GET",
    path: "/healthz",
    needsToken: false,
    doc: {
      summary: "For supervisors: whether the process is there and answers.",
      answers: { 200: { means: "It is.", contentType: "text/plain" } },
    },
    handle: () => ({ status: 200, text: "ok\n" }),
  },
];
