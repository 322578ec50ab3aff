/** How much of everything a node's HTTP interface takes from strangers. */

/** The bounds of one server. */
export interface ApiLimits {
  /** Open connections; further ones are closed at once. A person has a few, a metrics collector one. */
  readonly connectionsMax: number;
  /** Event streams among them. */
  readonly streamsMax: number;
  /** Request line and header fields. */
  readonly headBytesMax: number;
  /** A body: 64 seed addresses are 17 KiB. */
  readonly bodyBytesMax: number;
  /** From the connection to the whole request, ms. */
  readonly requestMs: number;
  /** For the reader to take an answer, ms, beside what its length needs. */
  readonly answerMs: number;
  /** How fast a reader takes a long answer at least; a chain of certificates is megabytes. */
  readonly answerBytesPerMs: number;
  /** Long answers at a time: what a slow reader has not taken yet is up to 16 MiB of the sockets' memory for each. */
  readonly longAnswersMax: number;
  /** Requests without a token that wait for something to happen, such as another leader. Connections are left for those that do not. */
  readonly waitsMax: number;
  /** Bytes that a reader of events may be behind before it is cut off: the longest certificate fits several times. */
  readonly backlogBytesMax: number;
  /** Time between two comments in a stream without events, so that both sides notice a dead connection, ms. */
  readonly heartbeatMs: number;
}

/** The limits in use. */
export const API_LIMITS: ApiLimits = {
  connectionsMax: 64,
  streamsMax: 16,
  headBytesMax: 16 * 1024,
  bodyBytesMax: 64 * 1024,
  requestMs: 5_000,
  answerMs: 10_000,
  answerBytesPerMs: 200,
  longAnswersMax: 2,
  waitsMax: 24,
  backlogBytesMax: 1024 * 1024,
  heartbeatMs: 15_000,
};
