/** Files that the reader chose. */

// deno-lint-ignore no-explicit-any -- whoever asks for it judges what it is
type Json = any;

/** The JSON in a chosen file. Throws, in words, when there is none. */
export function parseFile(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("your file is not JSON");
  }
  if (typeof value === "object" && value !== null) return value;
  throw new Error("your file is JSON of another form");
}
