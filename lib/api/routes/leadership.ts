/** Leading by a certificate: whether this node may act as the leader now, giving that back, and proving that it is the one. */
import { readChallenge } from "../../certificate/possession.ts";
import { FumataError } from "../../base/errors.ts";
import { record, text } from "../schema.ts";
import type { ApiRequest, Route } from "../types.ts";
import { STEPPED_DOWN_SCHEMA } from "../view_schemas.ts";
import type { SteppedDownView } from "../views.ts";

/** The entries. */
export const LEADERSHIP_ROUTES: readonly Route[] = [
  // For load balancers: only the leader takes requests, and only while its lease holds.
  {
    method: "GET",
    path: "/leaderz",
    needsToken: false,
    doc: {
      summary: "For load balancers: whether this node leads and holds the lease now.",
      answers: {
        200: { means: "It does.", contentType: "text/plain" },
        503: { means: "It does not.", contentType: "text/plain" },
      },
    },
    handle: ({ node }) =>
      node.leaseRemainingMs() > 0
        ? { status: 200, text: "leading\n" }
        : { status: 503, text: "not leading\n" },
  },
  {
    method: "POST",
    path: "/v1/step-down",
    needsToken: true,
    doc: {
      summary: "Gives the leadership back; answers when what ran under the lease has stopped.",
      answers: {
        200: {
          means: "This node leads by the certificate no more, for good.",
          schema: STEPPED_DOWN_SCHEMA,
        },
        409: { means: "This node does not lead, or what runs under the lease does not stop." },
      },
    },
    handle: stepDown,
  },
  {
    method: "POST",
    path: "/v1/prove",
    needsToken: false,
    doc: {
      summary:
        "Signs a challenge with the leader's key, which proves that this node is the leader.",
      takes: record<{ certificate: string; challenge: string }>("Challenge", {
        certificate: text("Id of the certificate."),
        challenge: text("32 fresh random bytes, base64url."),
      }),
      answers: {
        200: {
          means: "Signed.",
          schema: record<{ signature: string }>("Proof", { signature: text("base64url") }),
        },
        409: { means: "This node does not lead by that certificate." },
      },
    },
    handle: prove,
  },
];

/** How long a step-down may take, ms: what runs under the lease is stopped first, and no lease is longer. */
const STEP_DOWN_MS_MAX = 20_000;

/** Answers when the step-down is on disk, which is after whatever ran under the lease has stopped. */
async function stepDown({ node, waitUntil }: ApiRequest) {
  const cannot = (why: string) => new FumataError("failure", `Cannot step down: ${why}`);
  if (node.kind === "open") throw cannot("this cluster is open, and its leader holds no lease");
  const { leader } = node;
  if (leader?.leader !== node.id) {
    throw cannot(`this node is not the leader${leader ? `, ${leader.leaderName} is` : ""}`);
  }
  const isOver = () => node.leader?.id !== leader.id;
  node.stepDown();
  await waitUntil(isOver, STEP_DOWN_MS_MAX);
  if (!isOver()) throw cannot("what runs under the lease has not stopped yet");
  const { term, id: certificateId } = leader;
  return { json: { term, certificateId, steppedDown: true } satisfies SteppedDownView };
}

/** The answer is a signature under a tag of its own over a challenge of fixed length: it can stand for nothing else. */
function prove({ node, body }: ApiRequest) {
  const challenge = readChallenge(body);
  if (typeof challenge === "string") {
    throw new FumataError("usage", `Cannot prove possession: ${challenge}`);
  }
  const signature = node.provePossession(challenge);
  if (signature !== undefined) return { json: { signature } };
  throw new FumataError(
    "failure",
    "Cannot prove possession: this node does not lead by that certificate",
  );
}
