/** What an examination found: one line for each thing looked at. */

/** How it stands: `warn` works and will hurt, `fail` does not work. */
export type Health = "ok" | "warn" | "fail";

/** One finding. */
export interface Finding {
  /** What was looked at: `ports`, `clock`, … */
  readonly check: string;
  readonly health: Health;
  readonly what: string;
  /** What to do; with everything that is not `ok`. */
  readonly advice?: string;
}

/** All is well. */
export function ok(check: string, what: string): Finding {
  return { check, health: "ok", what };
}

/** It works, and will hurt. */
export function warn(check: string, what: string, advice: string): Finding {
  return { check, health: "warn", what, advice };
}

/** It does not work. */
export function fail(check: string, what: string, advice: string): Finding {
  return { check, health: "fail", what, advice };
}
