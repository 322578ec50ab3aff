/** The node itself: how it is, and whether it is there at all. */
import type { Route } from "../types.ts";
import { statusView } from "../views.ts";

/** The entries. */
export const STATUS_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    needsToken: false,
    handle: ({ node }) => ({ json: statusView(node) }),
  },
  // For supervisors: the process answers, hence it is not stuck. Whether there is a leader is another question.
  {
    method: "GET",
    path: "/healthz",
    needsToken: false,
    handle: () => ({ status: 200, text: "ok\n" }),
  },
];
