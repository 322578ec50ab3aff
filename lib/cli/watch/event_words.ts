/** Events of a node in words for whoever watches it from outside: what is of interest, and how it is to be taken. */
import type { StreamedEvent } from "../event_stream.ts";
import type { EventRow, Mood } from "../view/model.ts";

/** Debug events that a person watching wants to see; the others are for who looks for a fault. */
const WORTH_SEEING: ReadonlySet<string> = new Set([
  "member-suspect",
  "member-refute",
  "election-proposed",
  "election-gave-up",
  "election-delegated",
  "election-stepped-down",
]);

/** The event as a row; `undefined` for what is not worth one. `self` is the name of the node that tells of it. */
export function eventRow(event: StreamedEvent, self: string): EventRow | undefined {
  const { level, time } = event.data;
  if (level === "debug" && !WORTH_SEEING.has(event.event)) return undefined;
  // The hours, minutes and seconds of an ISO time, in UTC as in the log.
  const clock = String(time).slice(11, 19);
  return { atS: 0, clock, text: words(event, self), mood: moodOf(event) };
}

function words({ event, data }: StreamedEvent, self: string): string {
  switch (event) {
    case "leader": {
      const votes = `${data.votes} of ${data.votesOf} votes`;
      return `term ${data.term}: ${data.name} elected, certificate verified (${votes})`;
    }
    case "lease-held":
      return `${self} holds the lease of term ${data.term}`;
    case "election-proposed":
      return `${self} collects votes for term ${data.term}`;
    case "election-gave-up":
      return `${self} gives up term ${data.term}`;
    case "election-delegated":
      return `${self} asks others to call the enclave`;
    case "election-stepped-down":
      return `the leader of term ${data.term} stepped down`;
    default:
      return String(data.message);
  }
}

function moodOf({ event, data }: StreamedEvent): Mood | undefined {
  if (event === "leader") return "good";
  if (event === "member-suspect" || event === "member-fail") return "warning";
  switch (data.level) {
    case "error":
      return "bad";
    case "warn":
      return "warning";
    case "debug":
      return "gone";
    default:
      return undefined;
  }
}
