/**
 * What a newcomer wants to know of the past: the last elections with who signed and who refused, and the events that mattered. Kept apart from
 * the event log, whose newest entries are mostly renewals and other debugging. It holds what this node saw; refusals are told to the
 * collector of a term, so others know only their own.
 */
import type { Objection } from "../election/roster/types.ts";
import type { Vote } from "../certificate/types.ts";
import type { NodeEvent } from "./event_log.ts";

/** One term as this node saw it. */
export interface ElectionRecord {
  readonly term: number;
  /** Wall clock, ms since 1970: when this node first heard of the term, and when it ended for it. */
  readonly beganMs: number;
  endedMs?: number;
  outcome: "running" | "elected" | "given-up";
  /** Set when elected. */
  leader?: { readonly id: string; readonly name: string; readonly certificateId: string };
  /** Votes in the certificate's bundle. */
  votes: readonly Vote[];
  readonly refusals: Refusal[];
}

/** A vote that was refused. */
export interface Refusal {
  /** Id of the node that refused. */
  readonly by: string;
  readonly reason: string;
  /** Ids that it requires and that were left out, and that it holds for gone and that were in. */
  readonly missing: readonly string[];
  readonly forbidden: readonly string[];
}

/** An event in short. */
export interface Incident {
  readonly id: number;
  readonly atMs: number;
  readonly level: NodeEvent["level"];
  readonly event: string;
  readonly message: string;
}

/** A day of failovers and more; the page shows the newest dozens. */
const ELECTIONS_MAX = 64;
const INCIDENTS_MAX = 200;
/** Refusals of one term: those of the largest roster; a collector that asks again hears the same ones. */
const REFUSALS_MAX = 64;
const MESSAGE_CHARACTERS_MAX = 500;

/** The memory of one node, of this run. */
export class History {
  readonly #self: string;
  readonly #elections: ElectionRecord[] = [];
  readonly #incidents: Incident[] = [];

  /** `self` is the node's own id. */
  constructor(self: string) {
    this.#self = self;
  }

  /** The last terms, oldest first. */
  get elections(): readonly ElectionRecord[] {
    return this.#elections;
  }

  /** The last events that were more than debugging, oldest first. */
  get incidents(): readonly Incident[] {
    return this.#incidents;
  }

  /** Takes note of an event; `atMs` is the wall clock. */
  note({ id, level, event, message, fields }: NodeEvent, atMs: number): void {
    if (level !== "debug") {
      const short = message.slice(0, MESSAGE_CHARACTERS_MAX);
      keep(this.#incidents, { id, atMs, level, event, message: short }, INCIDENTS_MAX);
    }
    const { term } = fields;
    if (typeof term !== "number") return;
    switch (event) {
      case "election-proposed":
      case "election-voted":
      case "election-term-opened":
        this.#record(term, atMs);
        break;
      case "election-refused":
        this.#refused(term, atMs, this.#self, fields);
        break;
      case "election-was-refused":
        this.#refused(term, atMs, String(fields.by), fields);
        break;
      case "election-gave-up": {
        const record = this.#record(term, atMs);
        if (record.outcome === "running") {
          record.outcome = "given-up";
          record.endedMs = atMs;
        }
        break;
      }
      case "leader":
        this.#elected(term, atMs, fields);
    }
  }

  #elected(term: number, atMs: number, fields: NodeEvent["fields"]): void {
    const record = this.#record(term, atMs);
    // A leader that is heard again is no new election.
    if (record.outcome === "elected") return;
    const { leader: id, name, certificateId, document } = fields as {
      leader: string;
      name: string;
      certificateId: string;
      document: { bundle: readonly Vote[] };
    };
    record.outcome = "elected";
    record.endedMs = atMs;
    record.leader = { id, name, certificateId };
    record.votes = document.bundle;
  }

  #refused(term: number, atMs: number, by: string, fields: NodeEvent["fields"]): void {
    if (fields.what === undefined) return;
    const { refusals } = this.#record(term, atMs);
    const objection = fields.objection as Objection | undefined;
    const reason = objection?.reason ?? String(fields.reason);
    if (refusals.length >= REFUSALS_MAX) return;
    if (refusals.some((known) => known.by === by && known.reason === reason)) return;
    const { missing = [], forbidden = [] } = objection ?? {};
    refusals.push({ by, reason, missing, forbidden });
  }

  #record(term: number, atMs: number): ElectionRecord {
    const known = this.#elections.findLast((record) => record.term === term);
    if (known) return known;
    const made: ElectionRecord = {
      term,
      beganMs: atMs,
      outcome: "running",
      votes: [],
      refusals: [],
    };
    keep(this.#elections, made, ELECTIONS_MAX);
    return made;
  }
}

function keep<T>(list: T[], item: T, max: number): void {
  list.push(item);
  if (list.length > max) list.shift();
}
