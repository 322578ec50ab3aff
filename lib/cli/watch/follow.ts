/**
 * Following one node: its events as they come, and its answers now and then and whenever an event changes them. A node that goes away is
 * looked for again, wherever it then is, and told from the last event on, so that nothing that it still knows is missed.
 */
import type { MemberView, StatusView } from "../../api/views.ts";
import { messageOf } from "../../base/errors.ts";
import { openEvents, type StreamedEvent } from "../event_stream.ts";
import type { NodeLink } from "../node_link.ts";

/** Who is told. */
export interface Follower {
  answered(status: StatusView, members: readonly MemberView[], askedMs: number): void;
  happened(event: StreamedEvent): void;
  /** The certificate of the leader, once for each. */
  certified(document: unknown): void;
  lost(why: string): void;
  /** The last event that was heard; with an id even at first, the node begins with what it still has behind that one. */
  readonly lastId: number | undefined;
}

/** How to follow. */
export interface FollowOptions {
  /** Finds the node; called anew for each attempt. */
  readonly find: () => NodeLink;
  /** Ends the following. */
  readonly signal: AbortSignal;
  /** For how long a node that went away is looked for, ms. */
  readonly patienceMs: number;
}

/** Between two questions when nothing happens: round trips and counts change without events, ms. */
const ASK_MS = 2_000;

/** Between two attempts to find a node that went away, ms. */
const RETRY_MS = 500;

/** Between an event and the question what it changed: events come in bursts, ms. */
const SETTLE_MS = 100;

/** Follows until the signal. Rejects when the node is not there at first, or stays away for longer than the patience. */
export async function follow(follower: Follower, options: FollowOptions): Promise<void> {
  const { signal, patienceMs } = options;
  let heardMs: number | undefined;
  while (!signal.aborted) {
    try {
      await followOnce(follower, options, () => heardMs = performance.now());
      if (!signal.aborted) follower.lost("it ended the connection");
    } catch (thrown) {
      if (signal.aborted) return;
      if (heardMs === undefined || performance.now() - heardMs > patienceMs) throw thrown;
      follower.lost(messageOf(thrown));
    }
    await pause(RETRY_MS, signal);
  }
}

async function followOnce(
  follower: Follower,
  { find, signal }: FollowOptions,
  onHeard: () => void,
): Promise<void> {
  const link = find();
  const over = new AbortController();
  const end = () => over.abort();
  const stop = AbortSignal.any([signal, over.signal]);
  const events = await openEvents(link.http, stop, follower.lastId);
  let wake = () => {};
  let certified: string | undefined;
  const asking = (async () => {
    while (!stop.aborted) {
      const askedMs = performance.now();
      const status = await link.get("/v1/status", stop) as StatusView;
      const { members } = await link.get("/v1/members", stop) as {
        members: readonly MemberView[];
      };
      const certificateId = status.leader?.certificateId;
      if (certificateId !== undefined && certificateId !== certified) {
        // Between the two questions the leader may have gone; the next answer tells.
        const document = await link.get("/v1/certificate", stop).catch(() => undefined);
        if (document !== undefined) follower.certified(document);
        certified = certificateId;
      }
      if (stop.aborted) return;
      onHeard();
      follower.answered(status, members, askedMs);
      await pause(ASK_MS, stop, (resolve) => wake = resolve);
      await pause(SETTLE_MS, stop);
    }
  })();
  // A node that does not answer any more is not worth its stream either, and the other way round.
  const asked = asking.finally(end);
  const streamed = (async () => {
    for await (const event of events) {
      onHeard();
      follower.happened(event);
      if (event.data.level !== "debug" || event.event.startsWith("member-")) wake();
    }
  })().finally(end);
  const [first] = (await Promise.allSettled([streamed, asked]))
    .filter((result) => result.status === "rejected");
  if (first && !signal.aborted) throw first.reason;
}

/** Waits so long, or until the signal, or until what `wakeable` is given is called. */
function pause(
  ms: number,
  signal: AbortSignal,
  wakeable: (wake: () => void) => void = () => {},
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    wakeable(end);
    if (signal.aborted) end();
  });
}
