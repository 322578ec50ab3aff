/** The election: who leads, and the certificate that proves it. */
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
      respected(node);
      return { json: leaderView(node) };
    },
  },
  {
    method: "GET",
    path: "/v1/certificate",
    needsToken: false,
    handle: ({ node }) => ({ json: respected(node).document }),
  },
];

function respected(node: Node): VerifiedCertificate {
  if (node.leader) return node.leader;
  throw new FumataError("no-leader", "there is no leader for the present members");
}
