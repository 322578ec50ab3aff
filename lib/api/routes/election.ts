/** The election: who leads, the certificate that proves it, and what is known of liars. */
import { FumataError } from "../../base/errors.ts";
import type { VerifiedCertificate } from "../../certificate/types.ts";
import type { Node } from "../../node/node.ts";
import type { Route } from "../types.ts";
import { leaderView } from "../views.ts";

/** The entries. */
export const ELECTION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/leader",
    needsToken: false,
    handle({ node }) {
      const json = leaderView(node);
      if (!json) throw noLeader();
      return { json };
    },
  },
  {
    method: "GET",
    path: "/v1/certificate",
    needsToken: false,
    handle: ({ node }) => ({ json: respected(node).document }),
  },
  {
    method: "GET",
    path: "/v1/evidence",
    needsToken: false,
    handle: ({ node }) => ({ json: { evidence: node.evidence } }),
  },
];

function respected(node: Node): VerifiedCertificate {
  if (node.leader) return node.leader;
  throw noLeader();
}

function noLeader(): FumataError {
  return new FumataError("no-leader", "there is no leader for the present members");
}
