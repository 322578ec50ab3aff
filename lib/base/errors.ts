/**
 * Errors that people see. Each says what was tried, on what, what is wrong and what to do, and carries one code of a closed
 * set; the exit code follows from the code (design §9). Anything else that is thrown is our own bug and exits with 70.
 */

import { plainLine } from "./plain_text.ts";

/** What kind of failure it is; the table gives the exit code of each. */
export const EXIT_CODES = {
  usage: 1,
  failure: 1,
  unreachable: 2,
  refused: 3,
  "no-leader": 4,
  function: 5,
  "leadership-lost": 6,
  bug: 70,
} as const;

/** One of the keys of {@linkcode EXIT_CODES}. */
export type ErrorCode = keyof typeof EXIT_CODES;

/** An error with a code and a message of one line that is fit for people. */
export class FumataError extends Error {
  override readonly name = "FumataError";

  constructor(readonly code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }

  /** The process exit code that goes with it. */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** The message of anything that was thrown, in one line that a terminal only shows. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return plainLine(text);
}

/** Stops with a clear message when an invariant of our own is broken. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
