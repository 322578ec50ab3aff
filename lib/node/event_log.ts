/**
 * What happened to a node lately, for programs that follow it: the journal's lines with a number each, so that a reader that was away can ask
 * for what it missed. Bounded in number and bytes; a reader that was away for longer sees that the numbers have a gap.
 */
import type { LogFields, Logger, LogLevel } from "../base/log.ts";

/** One event, named and with fields as in the log. */
export interface NodeEvent {
  /** Grows by one from event to event; starts above those of earlier runs, as long as the clock does not go back. */
  readonly id: number;
  readonly level: LogLevel;
  readonly event: string;
  /** For people. */
  readonly message: string;
  readonly fields: LogFields;
  /** JSON of `{time, level, event, message, …fields}`. */
  readonly json: string;
}

/** Events kept, and the characters of all of them: certificates are long. */
const EVENTS_MAX = 1024;
const CHARACTERS_MAX = 4 * 1024 * 1024;

/** The last events of one node; also a logger that passes every line on. */
export class EventLog implements Logger {
  readonly #next: Logger;
  readonly #wallNow: () => number;
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  #events: NodeEvent[] = [];
  #characters = 0;
  #lastId: number;

  constructor(next: Logger, wallNow: () => number) {
    this.#next = next;
    this.#wallNow = wallNow;
    this.#lastId = wallNow();
  }

  log(level: LogLevel, event: string, message: string, fields: LogFields = {}): void {
    this.#next.log(level, event, message, fields);
    const time = new Date(this.#wallNow()).toISOString();
    const json = JSON.stringify({ time, level, event, message, ...fields });
    const entry = { id: ++this.#lastId, level, event, message, fields, json };
    this.#events.push(entry);
    this.#characters += json.length;
    while (this.#events.length > EVENTS_MAX || this.#characters > CHARACTERS_MAX) {
      this.#characters -= this.#events.shift()!.json.length;
    }
    for (const listener of [...this.#listeners]) listener(entry);
  }

  /** A line for the log alone: what is not for everybody who may read events, such as what programs of the operator print. */
  logAside(level: LogLevel, event: string, message: string, fields: LogFields = {}): void {
    this.#next.log(level, event, message, fields);
  }

  /** Kept events with a greater id, oldest first. */
  after(id: number): readonly NodeEvent[] {
    return this.#events.filter((event) => event.id > id);
  }

  /** The id of the newest event. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Hears every further event until the returned function is called. Listeners must not throw. */
  follow(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
