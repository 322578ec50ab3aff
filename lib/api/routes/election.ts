/** The election: who leads, the certificate that proves it, and what is known of liars. */
import { FumataError } from "../../base/errors.ts";
import type { VerifiedCertificate } from "../../certificate/types.ts";
import type { Node } from "../../node/node.ts";
import { text } from "../schema.ts";
import type { ApiRequest, Route } from "../types.ts";
import { CERTIFICATE_SCHEMA, EVIDENCE_SCHEMA, LEADER_SCHEMA } from "../view_schemas.ts";
import { type LeaderView, leaderView } from "../views.ts";
import { DURATION_PATTERN, durationMs } from "../duration.ts";

/** The entries. */
export const ELECTION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/leader",
    needsToken: false,
    doc: {
      summary: "Who leads as far as this node knows, and whether it holds the lease itself.",
      query: {
        wait: text(
          "Long poll, at most 60 s: such as `30s` or `500ms`. With If-None-Match the answer waits until " +
            "the leader, or its holding the lease, is another than the tag names; without it, until there is a leader.",
          { pattern: DURATION_PATTERN },
        ),
      },
      answers: {
        200: { means: "The leader; the tag stands for it and for `leads`.", schema: LEADER_SCHEMA },
        404: { means: "There is no leader for the present members." },
      },
    },
    handle: leader,
  },
  {
    method: "GET",
    path: "/v1/certificate",
    needsToken: false,
    doc: {
      summary: "The certificate that this node respects, with the votes behind it.",
      answers: {
        200: { means: "It verifies offline.", schema: CERTIFICATE_SCHEMA },
        404: { means: "There is no leader for the present members." },
      },
    },
    handle({ node }) {
      const { id, document } = respected(node);
      return { json: document, tag: id };
    },
  },
  {
    method: "GET",
    path: "/v1/evidence",
    needsToken: false,
    doc: {
      summary: "What was proven about liars.",
      answers: { 200: { means: "Empty as long as nobody lied.", schema: EVIDENCE_SCHEMA } },
    },
    handle: ({ node }) => ({ json: { evidence: node.evidence } }),
  },
];

/** The longest that a request may wait, ms; proxies cut off what is silent for longer. */
const WAIT_MS_MAX = 60_000;

async function leader({ node, query, hasSeen, waitUntil }: ApiRequest) {
  const waitMs = durationMs(query.get("wait") ?? "0s");
  if (waitMs === undefined || waitMs > WAIT_MS_MAX) {
    throw new FumataError("usage", `"wait" has to be a time of 0s to ${WAIT_MS_MAX / 1000}s`);
  }
  const isConditional = hasSeen();
  const isNews = () => {
    const view = leaderView(node);
    return view === null ? isConditional : !hasSeen(tagOf(view));
  };
  if (waitMs > 0) await waitUntil(isNews, waitMs);
  const json = leaderView(node);
  if (!json) throw noLeader();
  return { json, tag: tagOf(json) };
}

/** The rest of the view follows from these, but for the time that is left. */
function tagOf({ certificateId, leads }: LeaderView): string {
  return `${certificateId}.${leads ? "leads" : "known"}`;
}

function respected(node: Node): VerifiedCertificate {
  if (node.leader) return node.leader;
  throw noLeader();
}

function noLeader(): FumataError {
  return new FumataError("no-leader", "there is no leader for the present members");
}
