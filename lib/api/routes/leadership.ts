/** Leading by a certificate: whether this node may act as the leader now, giving that back, and proving that it is the one. */
import { readChallenge } from "../../certificate/possession.ts";
import { FumataError } from "../../base/errors.ts";
import type { Node } from "../../node/node.ts";
import type { ApiRequest, Route } from "../types.ts";

/** The entries. */
export const LEADERSHIP_ROUTES: readonly Route[] = [
  // For load balancers: only the leader takes requests, and only while its lease holds.
  {
    method: "GET",
    path: "/leaderz",
    needsToken: false,
    handle: ({ node }) =>
      node.leaseRemainingMs() > 0
        ? { status: 200, text: "leading\n" }
        : { status: 503, text: "not leading\n" },
  },
  { method: "POST", path: "/v1/step-down", needsToken: true, handle: stepDown },
  { method: "POST", path: "/v1/prove", needsToken: false, handle: prove },
];

/** How long a step-down may take, ms: what runs under the lease is stopped first, and no lease is longer. */
const STEP_DOWN_MS_MAX = 20_000;

/** Answers when the step-down is on disk, which is after whatever ran under the lease has stopped. */
async function stepDown({ node }: ApiRequest) {
  const cannot = (why: string) => new FumataError("failure", `Cannot step down: ${why}`);
  if (node.kind === "open") throw cannot("this cluster is open, and its leader holds no lease");
  const { leader } = node;
  if (leader?.leader !== node.id) throw cannot("this node is not the leader");
  node.stepDown();
  if (!await isOver(node, leader.id)) throw cannot("what runs under the lease has not stopped yet");
  return { json: { term: leader.term, certificateId: leader.id, steppedDown: true } };
}

async function isOver(node: Node, certificateId: string): Promise<boolean> {
  const isLeading = () => node.leader?.id === certificateId;
  const { promise, resolve } = Promise.withResolvers<void>();
  const unfollow = node.events.follow(() => void (isLeading() || resolve()));
  const timer = setTimeout(resolve, STEP_DOWN_MS_MAX);
  if (isLeading()) await promise;
  clearTimeout(timer);
  unfollow();
  return !isLeading();
}

/** The answer is a signature under a tag of its own over a challenge of fixed length: it can stand for nothing else. */
function prove({ node, body }: ApiRequest) {
  const challenge = readChallenge(body);
  if (typeof challenge === "string") {
    throw new FumataError("usage", `Cannot prove possession: ${challenge}`);
  }
  const signature = node.provePossession(challenge);
  if (signature !== undefined) return { json: { signature } };
  throw new FumataError("failure", "Cannot prove possession: this node does not lead by it");
}
