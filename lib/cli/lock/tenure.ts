/**
 * When a command that runs under a sub-lease is asked to stop and when it is killed: `step(event, nowMs) -> actions`, without clock or process.
 *
 * A grant counts from when its request was *sent* (design §4.7), so an answer that comes late is worth what it was worth when it was asked
 * for. The command is asked to stop (SIGTERM) when the node refuses, when the sub-lease runs low because answers stay out, or when a
 * person wants it; it is killed (SIGKILL) when the grace is over, and before the sub-lease ends in any case.
 */

/** What happened. */
export type TenureEvent =
  /** The node granted so much from `sentMs` on. */
  | { readonly type: "granted"; readonly sentMs: number; readonly grantedMs: number }
  /** The node refused: it leads no more, or hands over. */
  | { readonly type: "refused" }
  /** A person or the system wants it to stop, or the command itself has ended and may have left others behind. */
  | { readonly type: "stop" }
  | { readonly type: "tick" };

/** What is to be done, in this order. */
export type TenureAction = "renew" | "terminate" | "kill";

/** Timers of an idle process fire up to 55 ms late; the kill has to come before the end all the same. */
const KILL_MARGIN_MS_MIN = 60;
/** Of the longest grant: a longer lease can afford more. */
const KILL_MARGIN_SHARE = 1 / 10;
/** Left of the longest grant when the command is asked to stop: several renewals have stayed out by then. */
const TERMINATE_SHARE = 1 / 3;
/** Renewals per longest grant. */
const RENEWALS = 6;

/** One stay in office. */
export class Tenure {
  readonly #graceMs: number;
  #untilMs: number;
  #longestMs: number;
  #renewAtMs: number;
  #refused = false;
  #isLost = false;
  #terminatedAtMs?: number;
  #killed = false;

  /** `graceMs`: between SIGTERM and SIGKILL, as far as the sub-lease lasts. */
  constructor(first: { readonly sentMs: number; readonly grantedMs: number }, graceMs: number) {
    this.#graceMs = graceMs;
    this.#untilMs = first.sentMs + first.grantedMs;
    this.#longestMs = first.grantedMs;
    this.#renewAtMs = first.sentMs + this.renewalMs;
  }

  /** Time between two renewals. */
  get renewalMs(): number {
    return this.#longestMs / RENEWALS;
  }

  /** How long nobody else can hold the lease; 0 when that is over. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }

  /** Whether a command that began now would be asked to stop at once: a grant may be used up before it is here. */
  isTooLate(nowMs: number): boolean {
    return nowMs >= Math.min(this.#terminateAtMs(), this.#killAtMs());
  }

  /** Whether the command has been asked to stop. */
  get isStopping(): boolean {
    return this.#terminatedAtMs !== undefined || this.#killed;
  }

  /** Whether the kill was due: there is nothing to keep any more. */
  get isKilled(): boolean {
    return this.#killed;
  }

  /** Whether the command had to stop because the leadership was lost, as opposed to a stop that was asked for. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Takes an event; gives what is due. */
  step(event: TenureEvent, nowMs: number): readonly TenureAction[] {
    switch (event.type) {
      case "granted":
        // After a refusal nothing is extended: the node waits for this command to stop.
        if (!this.#refused) {
          this.#untilMs = Math.max(this.#untilMs, event.sentMs + event.grantedMs);
          this.#longestMs = Math.max(this.#longestMs, event.grantedMs);
        }
        break;
      case "refused":
        this.#refused = true;
        break;
      case "stop":
        return [...this.#terminate(nowMs), ...this.#due(nowMs)];
      case "tick":
        break;
      default:
        event satisfies never;
    }
    return this.#due(nowMs);
  }

  /** When something is due. */
  deadlineMs(): number {
    if (this.#killed) return Infinity;
    if (this.#terminatedAtMs !== undefined) {
      return Math.min(this.#killAtMs(), this.#refused ? Infinity : this.#renewAtMs);
    }
    return Math.min(this.#renewAtMs, this.#terminateAtMs(), this.#killAtMs());
  }

  #due(nowMs: number): readonly TenureAction[] {
    if (this.#killed) return [];
    if (nowMs >= this.#killAtMs()) {
      this.#isLost ||= !this.isStopping;
      this.#killed = true;
      return ["kill"];
    }
    const actions: TenureAction[] = [];
    if (nowMs >= this.#renewAtMs && !this.#refused) {
      this.#renewAtMs = nowMs + this.renewalMs;
      actions.push("renew");
    }
    if ((this.#refused || nowMs >= this.#terminateAtMs()) && !this.isStopping) {
      this.#isLost = true;
      actions.push(...this.#terminate(nowMs));
    }
    return actions;
  }

  #terminate(nowMs: number): readonly TenureAction[] {
    if (this.isStopping) return [];
    this.#terminatedAtMs = nowMs;
    return ["terminate"];
  }

  #terminateAtMs(): number {
    return this.#untilMs - this.#longestMs * TERMINATE_SHARE;
  }

  /** The last moment for a kill. */
  #lastMomentMs(): number {
    return this.#untilMs - Math.max(KILL_MARGIN_MS_MIN, this.#longestMs * KILL_MARGIN_SHARE);
  }

  #killAtMs(): number {
    const graceOverMs = (this.#terminatedAtMs ?? Infinity) + this.#graceMs;
    return Math.min(graceOverMs, this.#lastMomentMs());
  }
}
