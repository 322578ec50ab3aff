/** What happens, as server-sent events: first what a reader missed since `Last-Event-ID` (or `?after=`), then everything as it comes. */
import type { NodeEvent } from "../../node/event_log.ts";
import type { Route, ServerSentEvent } from "../types.ts";

/** The entries. */
export const EVENT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/events",
    needsToken: false,
    handle({ node, query, lastEventId }) {
      const { events } = node;
      const named = lastEventId ?? Number(query.get("after") ?? NaN);
      const after = Number.isSafeInteger(named) ? named : events.lastId;
      return {
        events(send) {
          for (const missed of events.after(after)) send(asSent(missed));
          return events.follow((event) => send(asSent(event)));
        },
      };
    },
  },
];

function asSent({ id, event, json }: NodeEvent): ServerSentEvent {
  return { id, event, data: json };
}
