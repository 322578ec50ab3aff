/**
 * What a resource remembers so that a deposed leader cannot come back (design §5): the greatest term that it obeyed, and its certificate. A
 * certificate of a lower term is over; another one of the same term is a fork; both are refused. Terms go on across succession, so
 * the cluster's name is what is compared, not the checksum.
 */
import { isName } from "../../function/leader-election/rules.ts";
import { fromBase64url } from "../base/bytes.ts";
import { readRecord } from "../base/json.ts";
import type { Digest } from "./types.ts";

/** What is remembered. */
export interface Fence {
  readonly cluster: string;
  readonly term: number;
  /** Certificate id. */
  readonly id: Digest;
}

/** Why a certificate is not obeyed any more, in one line; `undefined` when it is. `min` is a least term that was given by hand. */
export function fenceFault(
  next: Fence,
  stored: Fence | undefined,
  min: number | undefined,
): string | undefined {
  if (min !== undefined && next.term < min) {
    return `its term is ${next.term}; at least ${min} is wanted`;
  }
  if (!stored) return undefined;
  if (stored.cluster !== next.cluster) {
    return `the stored term is of the cluster "${stored.cluster}", not of "${next.cluster}"`;
  }
  if (next.term < stored.term) {
    return `its term ${next.term} is over: a certificate of term ${stored.term} was seen`;
  }
  if (next.term === stored.term && next.id !== stored.id) {
    return `another certificate of term ${next.term} was seen: ${stored.id}; that is a fork, keep both as evidence`;
  }
  return undefined;
}

/** Reads what was stored, or says in one line why it cannot be. Never throws. */
export function readFence(text: string): Fence | string {
  const value = readRecord(text);
  if (typeof value === "string") return value;
  const { cluster, term, id } = value;
  if (!isName(cluster)) return 'it lacks "cluster"';
  if (!Number.isSafeInteger(term) || Number(term) < 1) return 'it lacks "term"';
  if (typeof id !== "string" || fromBase64url(id)?.length !== 32) return 'it lacks "id"';
  return { cluster, term: term as number, id };
}
