/**
 * Finds a name that one JSON object has twice (RFC 8259, section 4: what that means is up to the reader). JSON.parse takes the last one,
 * a person perhaps the first; so what is reviewed by people and obeyed by machines must not have any.
 */

/** The first repeated name of a text that JSON.parse accepts, or `undefined`. */
export function repeatedName(json: string): string | undefined {
  /** The names of each open object; `undefined` for an open array. */
  const open: (Set<string> | undefined)[] = [];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token.endsWith(":")) {
      const name = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
      const names = open.at(-1);
      if (names?.has(name)) return name;
      names?.add(name);
    }
  }
  return undefined;
}
