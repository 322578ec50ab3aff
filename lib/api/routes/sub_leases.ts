/**
 * Running under the leader's lease in another process (`fumata lock`): take, renew, give back. Whoever asks counts the granted time from when
 * it *sent* the request, so that it stops before the lease ends however long the answer took.
 */
import { FumataError } from "../../base/errors.ts";
import type { Node } from "../../node/node.ts";
import type { ApiRequest, Route } from "../types.ts";
import type { SubLeaseView } from "../views.ts";

/** The entries. */
export const SUB_LEASE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/sub-leases",
    needsToken: false,
    handle: ({ node }) => ({ json: { subLeases: node.subLeases.list() } }),
  },
  { method: "POST", path: "/v1/sub-leases", needsToken: true, handle: take },
  { method: "POST", path: "/v1/sub-leases/return", needsToken: true, handle: giveBack },
];

/** Names and holders are chosen by programs. */
const NAME_CHARACTERS_MAX = 128;
/** No lease is longer (`cluster.json`). */
const WANTED_MS_MAX = 60_000;
/** In an open cluster nothing expires but the node's own answer: as long as a holder should go by it. */
const OPEN_GRANT_MS_MAX = 2_000;

function take({ node, body }: ApiRequest) {
  const { name, holder, wantedMs, open } = (body ?? {}) as Record<string, unknown>;
  if (
    !isName(name) || !isName(holder) || typeof wantedMs !== "number" ||
    !(wantedMs > 0 && wantedMs <= WANTED_MS_MAX)
  ) {
    throw new FumataError(
      "usage",
      `Cannot take a sub-lease: {"name", "holder", "wantedMs"} are wanted, names of 1..${NAME_CHARACTERS_MAX} characters, ms up to ${WANTED_MS_MAX}`,
    );
  }
  if (node.kind === "open") return { json: openGrant(node, wantedMs, open === true) };
  const answer = node.subLeases.take(name, holder, wantedMs);
  const { leader } = node;
  if ("grantedMs" in answer && leader) {
    const { term, id: certificateId } = leader;
    return { json: { grantedMs: answer.grantedMs, term, certificateId } satisfies SubLeaseView };
  }
  if ("remainingMs" in answer) {
    const words = `"${name}" is held by another process, for ${answer.remainingMs} ms or longer`;
    throw new FumataError("failure", `Cannot take the sub-lease: ${words}`);
  }
  throw new FumataError("leadership-lost", "Cannot take a sub-lease: this node holds no lease");
}

function openGrant(node: Node, wantedMs: number, isMeant: boolean): SubLeaseView {
  if (!isMeant) {
    throw new FumataError(
      "refused",
      "Cannot take a sub-lease: this cluster is open, so its leader holds no lease and each side of a partition has a leader of its own",
    );
  }
  const { leader } = node;
  if (leader?.leader !== node.id) {
    throw new FumataError("leadership-lost", "Cannot go on: this node is not the leader");
  }
  const { term, id: certificateId } = leader;
  return { grantedMs: Math.min(wantedMs, OPEN_GRANT_MS_MAX), term, certificateId };
}

function giveBack({ node, body }: ApiRequest) {
  const { name, holder } = (body ?? {}) as Record<string, unknown>;
  if (!isName(name) || !isName(holder)) {
    throw new FumataError("usage", 'Cannot give back a sub-lease: {"name", "holder"} are wanted');
  }
  node.subLeases.giveBack(name, holder);
  return { json: { returned: true } };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= NAME_CHARACTERS_MAX;
}
