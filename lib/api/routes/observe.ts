/** For those who watch: metrics, what happened lately, and the cluster.json that verifiers need. */
import { METRICS_TYPE } from "../../base/prometheus.ts";
import { RequestFault } from "../faults.ts";
import { nodeMetricsText } from "../metrics.ts";
import type { Route } from "../types.ts";
import { HISTORY_SCHEMA } from "../view_schemas.ts";
import { historyView } from "../views.ts";

/** The entries. */
export const OBSERVE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/metrics",
    needsToken: false,
    doc: {
      summary: "Metrics for Prometheus, text format 0.0.4.",
      answers: { 200: { means: "The metrics.", contentType: "text/plain" } },
    },
    handle: ({ node }) => ({
      status: 200,
      text: nodeMetricsText(node),
      contentType: METRICS_TYPE.replace("; charset=utf-8", ""),
    }),
  },
  {
    method: "GET",
    path: "/v1/history",
    needsToken: false,
    doc: {
      summary:
        "The last terms with who signed and who refused, and the last events that mattered, as this node saw them.",
      answers: { 200: { means: "Oldest first.", schema: HISTORY_SCHEMA } },
    },
    handle: ({ node }) => ({ json: historyView(node) }),
  },
  {
    method: "GET",
    path: "/v1/cluster-json",
    needsToken: false,
    doc: {
      summary: "The package's cluster.json, byte for byte, as the attested function told it.",
      answers: {
        200: { means: "The file.", contentType: "text/plain" },
        404: { means: "The cluster is open, and has none." },
      },
    },
    handle({ node }) {
      const { clusterJson } = node;
      if (clusterJson !== undefined) return { status: 200, text: clusterJson };
      const why = "this cluster is open, and its package has none";
      throw new RequestFault(404, `Cannot give cluster.json: ${why}`);
    },
  },
];
