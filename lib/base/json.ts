/** JSON of strangers, as far as an object with fields is wanted: parsing it gives a value or a reason, and never throws. */

/** Whether a JSON value is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object that a text is, or why it is none, to be read behind the name of where the text comes from. */
export function readRecord(text: string): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  return isRecord(value) ? value : "it is not a JSON object";
}
