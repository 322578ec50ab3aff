/** Moments on the command line: ISO 8601 with a zone, so that they mean the same on every machine. */
import { FumataError } from "../base/errors.ts";

/** A date, or a time with its zone: without one it would depend on the machine. */
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** The moment of a flag. `others` are the words that the flag takes besides. Throws a usage error. */
export function requireTime(text: string, flag: string, ...others: readonly string[]): Date {
  const at = new Date(ISO_TIME.test(text) ? text : NaN);
  if (!Number.isNaN(at.getTime())) return at;
  const wanted = ["2026-01-10T12:00:00Z", ...others.map((word) => `"${word}"`)].join(", or ");
  throw new FumataError("usage", `Cannot use ${flag} "${text}": it is not a time; write ${wanted}`);
}
