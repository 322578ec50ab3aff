/** A function whose package is the same in conformance tests and recorded frames: deflated, with an entry for the folder. */
import { zipSync } from "fflate";

const SOURCE = `export function cape_handler(input) {
  const text = new TextDecoder().decode(input);
  if (text === "throw") throw new Error("as asked");
  globalThis.seen = (globalThis.seen ?? 0) + 1;
  return seen + ":" + text.toUpperCase();
}`;

/** The zip. */
export const SHOUT = zipSync({
  "shout/": new Uint8Array(0),
  "shout/app.js": [new TextEncoder().encode(SOURCE), { mtime: "1980-01-01T12:00:00" }],
}, { mtime: "1980-01-01T12:00:00" });
