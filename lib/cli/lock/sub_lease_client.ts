/** Asks a node for a sub-lease, renews it, gives it back; when the node is out of reach, that is an answer, too. */
import type { SubLeaseView } from "../../api/views.ts";
import { FumataError } from "../../base/errors.ts";
import type { NodeLink } from "../node_link.ts";
import type { SteadyClock } from "./steady_clock.ts";

/** More than any lease: the node grants what its lease has left. */
const WANTED_MS = 60_000;
/** The longest wait for an answer: a node on this machine answers in a few ms, or stands still. */
const ANSWER_MS_MAX = 2_000;

/** What came of it. `sentMs` is the moment from which the grant counts. */
export type SubLeaseOutcome =
  | { readonly type: "granted"; readonly sentMs: number; readonly grantedMs: number } & Office
  /** `code` tells why: another holder, no leader, an open cluster, a token of another node. */
  | { readonly type: "refused"; readonly error: FumataError }
  | { readonly type: "unanswered"; readonly error: FumataError };

/** By which certificate the node leads. */
export interface Office {
  readonly term: number;
  readonly certificateId: string;
}

/** Whose sub-lease it is. */
export interface SubLeaseName {
  readonly name: string;
  readonly holder: string;
  /** Whether an open cluster will do, which has no leases. */
  readonly open: boolean;
}

/** Takes or renews. */
export async function takeSubLease(
  link: NodeLink,
  named: SubLeaseName,
  clock: SteadyClock,
  waitMsMax = ANSWER_MS_MAX,
): Promise<SubLeaseOutcome> {
  const sentMs = clock.nowMs();
  try {
    const body = { ...named, wantedMs: WANTED_MS };
    const answer = await link.post(
      "/v1/sub-leases",
      body,
      Math.max(1, Math.min(waitMsMax, ANSWER_MS_MAX)),
    );
    return { type: "granted", sentMs, ...grantOf(answer, link.http) };
  } catch (error) {
    if (!(error instanceof FumataError)) throw error;
    return error.code === "unreachable"
      ? { type: "unanswered", error }
      : { type: "refused", error };
  }
}

/** Nothing is started on a word that is none: a time that is no number would never end. */
function grantOf(answer: unknown, http: string): SubLeaseView {
  const { grantedMs, term, certificateId } = (answer ?? {}) as Partial<SubLeaseView>;
  const isGrant = typeof grantedMs === "number" && grantedMs >= 0 && grantedMs <= WANTED_MS &&
    Number.isSafeInteger(term) && typeof certificateId === "string";
  if (isGrant) return { grantedMs, term: term!, certificateId };
  throw new FumataError(
    "failure",
    `Cannot lock: what ${http} answers is no sub-lease; is this the HTTP address of a node?`,
  );
}

/** Gives it back, so that a hand-over need not wait; a node that is away finds out by itself. */
export async function returnSubLease(
  link: NodeLink,
  { name, holder }: SubLeaseName,
): Promise<void> {
  try {
    await link.post("/v1/sub-leases/return", { name, holder }, ANSWER_MS_MAX);
  } catch (error) {
    if (!(error instanceof FumataError)) throw error;
  }
}
