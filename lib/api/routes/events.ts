/** What happens, as server-sent events: first what a reader missed since `Last-Event-ID` (or `?after=`), then everything as it comes. */
import type { NodeEvent } from "../../node/event_log.ts";
import { count } from "../schema.ts";
import type { Route, ServerSentEvent } from "../types.ts";

/** The entries. */
export const EVENT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/events",
    needsToken: false,
    doc: {
      summary:
        "What happens, as server-sent events: what was missed since Last-Event-ID, as far as it is " +
        "kept, then everything as it comes. A gap in the ids says that more was missed.",
      query: {
        after: count("Id of an event, for readers that can't send Last-Event-ID; 0 for all."),
      },
      answers: {
        200: {
          means:
            "Each event's data is one line of JSON: time, level, event, message and its fields.",
          contentType: "text/event-stream",
        },
        503: { means: "Too many follow the events already." },
      },
    },
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
