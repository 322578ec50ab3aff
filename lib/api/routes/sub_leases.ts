/**
 * Running under the leader's lease in another process (`fumata lock`): take, renew, give back. Whoever asks counts the granted time from when
 * it *sent* the request, so that it stops before the lease ends however long the answer took.
 */
import { FumataError } from "../../base/errors.ts";
import { amount, flag, record, text } from "../schema.ts";
import type { ApiRequest, Route } from "../types.ts";
import { SUB_LEASE_RETURNED_SCHEMA, SUB_LEASE_SCHEMA, SUB_LEASES_SCHEMA } from "../view_schemas.ts";
import type { SubLeaseReturnedView, SubLeaseView } from "../views.ts";

interface Holder {
  readonly name: string;
  readonly holder: string;
}

interface SubLeaseOrder extends Holder {
  readonly wantedMs: number;
  readonly open?: boolean;
}

const HOLDER = {
  name: text("What is locked; 1 to 128 characters."),
  holder: text("Who asks; 1 to 128 characters, the same at every renewal."),
};

/** The entries. */
export const SUB_LEASE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/sub-leases",
    needsToken: false,
    doc: {
      summary: "What runs under this node's lease now.",
      answers: {
        200: {
          means: "The sub-leases.",
          schema: SUB_LEASES_SCHEMA,
        },
      },
    },
    handle: ({ node }) => ({ json: { subLeases: node.subLeases.list() } }),
  },
  {
    method: "POST",
    path: "/v1/sub-leases",
    needsToken: true,
    doc: {
      summary: "Takes or renews a part of the leader's lease for a process, one holder a name.",
      takes: record<SubLeaseOrder>("SubLeaseOrder", {
        ...HOLDER,
        wantedMs: amount("For how long, ms; at most a minute."),
        open: flag("In an open cluster: the caller knows that its leader holds no lease."),
      }, ["open"]),
      answers: {
        200: {
          means: "Granted, for a time that counts from the sending of the request.",
          schema: SUB_LEASE_SCHEMA,
        },
        409: { means: "This node holds no lease, or another process holds the name." },
      },
    },
    handle: take,
  },
  {
    method: "POST",
    path: "/v1/sub-leases/return",
    needsToken: true,
    doc: {
      summary: "Gives a sub-lease back before its time.",
      takes: record<Holder>("SubLeaseHolder", HOLDER),
      answers: {
        200: {
          means: "It is free.",
          schema: SUB_LEASE_RETURNED_SCHEMA,
        },
      },
    },
    handle: giveBack,
  },
];

/** Names and holders are chosen by programs. */
const NAME_CHARACTERS_MAX = 128;
/** No lease is longer (`cluster.json`). */
const WANTED_MS_MAX = 60_000;

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
  if (node.kind === "open" && open !== true) {
    throw new FumataError(
      "refused",
      "Cannot take a sub-lease: this cluster is open, so its leader holds no lease and each side of a partition has a leader of its own",
    );
  }
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
  const what = node.kind === "open" ? "is not the leader" : "holds no lease";
  throw new FumataError("leadership-lost", `Cannot take a sub-lease: this node ${what}`);
}

function giveBack({ node, body }: ApiRequest) {
  const { name, holder } = (body ?? {}) as Record<string, unknown>;
  if (!isName(name) || !isName(holder)) {
    throw new FumataError("usage", 'Cannot give back a sub-lease: {"name", "holder"} are wanted');
  }
  node.subLeases.giveBack(name, holder);
  return { json: { returned: true } satisfies SubLeaseReturnedView };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= NAME_CHARACTERS_MAX;
}
