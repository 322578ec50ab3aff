/** Times in queries: a whole number and a unit, as in `30s` or `500ms`. */

/** What such a text looks like. */
export const DURATION_PATTERN = "^[0-9]{1,7}(ms|s)$";

/** The time in ms; `undefined` when the text is none. */
export function durationMs(text: string): number | undefined {
  const match = new RegExp(DURATION_PATTERN).exec(text);
  return match ? parseInt(text) * (match[1] === "s" ? 1000 : 1) : undefined;
}
