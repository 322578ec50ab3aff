/** The log events that the code can write, read from the code: names that stand there, and those that are made of the kinds of notes. */

const LIB = new URL("../../lib/", import.meta.url);

/** Names of events with the levels under which they are written, as far as a literal says so. */
export function eventsOfTheCode(): Map<string, Set<string>> {
  const events = new Map<string, Set<string>>();
  const add = (name: string, level?: string) => {
    if (!events.has(name)) events.set(name, new Set());
    if (level) events.get(name)!.add(level);
  };
  for (const text of sourcesOfTheCode()) {
    for (const [, levels, name] of text.matchAll(LOGGED)) {
      const named = [...levels.matchAll(/"(debug|info|warn|error)"/g)].map(([, level]) => level);
      add(name);
      for (const level of named) add(name, level);
    }
  }
  const kinds = (path: string, type: string, field: string) => {
    const text = Deno.readTextFileSync(new URL(path, LIB));
    const at = text.search(new RegExp(`export (?:type|interface) ${type}\\b`));
    if (at < 0) throw new Error(`${path} has no ${type}`);
    const body = text.slice(at);
    const end = body.search(/\n\n\/\*\*|\n\}\n/);
    return [
      ...body.slice(0, end).matchAll(new RegExp(`\\b${field}:((?:\\s*\\|?\\s*"[a-z-]+")+)`, "g")),
    ]
      .flatMap(([, union]) => [...union.matchAll(/"([a-z-]+)"/g)].map(([, kind]) => kind));
  };
  for (const kind of kinds("membership/types.ts", "MemberChange", "kind")) add(`member-${kind}`);
  for (const kind of kinds("membership/types.ts", "MembershipReport", "kind")) add(kind);
  for (const what of kinds("election/types.ts", "ElectionNote", "what")) add(`election-${what}`);
  for (const what of kinds("election/roster/notes.ts", "RosterNote", "what")) {
    if (what !== "liar") add(`election-${what}`);
  }
  return events;
}

/** The text of every file of TypeScript in `lib`. */
export function sourcesOfTheCode(): string[] {
  return [...sources(LIB)];
}

/** A call of a logger: its level, if it is a literal or a choice between two, and a literal name. */
const LOGGED = /\.log(?:Aside)?\(\s*([^,`]*?),\s*"([a-z-]+)"/g;

function* sources(folder: URL): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* sources(url);
    else if (entry.name.endsWith(".ts")) yield Deno.readTextFileSync(url);
  }
}
