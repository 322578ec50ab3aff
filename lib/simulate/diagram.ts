/** A trace as a sequence diagram: columns of text for a terminal, Mermaid and SVG for pages. */
import { svgOf } from "./diagram_svg.ts";
import type { TraceEntry } from "./trace.ts";

/** Width of one column, characters. */
const COLUMN = 12;
/** Kinds of messages that say nothing in a diagram unless something else is wrong: they come all the time. */
const QUIET = new Set(["heartbeat", "lease-ack"]);

/** The diagram of the last so many entries that matter. */
export function diagramOf(
  entries: readonly TraceEntry[],
  entriesMax: number,
): { readonly text: string; readonly mermaid: string; readonly svg: string } {
  const shown = entries.filter(isShown).slice(-entriesMax);
  const names = [...new Set(shown.flatMap(namesOf))].sort();
  return {
    text: asText(shown, names),
    mermaid: asMermaid(shown, names),
    svg: svgOf(shown, names),
  };
}

function isShown(entry: TraceEntry): boolean {
  if (entry.type === "message") return !QUIET.has(entry.kind);
  return entry.type === "fault" || !entry.text.startsWith("sees ");
}

function namesOf(entry: TraceEntry): readonly string[] {
  switch (entry.type) {
    case "fault":
      return [];
    case "node":
      return [entry.node];
    case "message":
      return [entry.from, ...entry.to];
  }
}

function asText(entries: readonly TraceEntry[], names: readonly string[]): string {
  const columns = names.map((name) => name.padEnd(COLUMN)).join("");
  const lines = entries.map((entry) => {
    const time = entry.atMs.toFixed(1).padStart(10);
    if (entry.type === "fault") return `${time}  *** ${entry.text}`;
    const own = entry.type === "node" ? entry.node : entry.from;
    const cells = names.map((name) => {
      if (name === own) return entry.type === "node" ? "#" : "o";
      return entry.type === "message" && entry.to.includes(name) ? ">" : "|";
    });
    return `${time}  ${cells.map((cell) => cell.padEnd(COLUMN)).join("")}${entry.text}`;
  });
  return [`${"ms".padStart(10)}  ${columns}`, ...lines].join("\n");
}

function asMermaid(entries: readonly TraceEntry[], names: readonly string[]): string {
  const over = names.length > 1 ? `${names[0]},${names[names.length - 1]}` : names[0];
  const lines = entries.flatMap((entry) => {
    const time = `${entry.atMs.toFixed(1)} ms`;
    // A semicolon would end the statement.
    const text = entry.text.replaceAll(";", ",").replaceAll("#", "");
    switch (entry.type) {
      case "fault":
        return [`  Note over ${over}: ${time} ${text}`];
      case "node":
        return [`  Note over ${entry.node}: ${time} ${text}`];
      case "message":
        return entry.to.map((to) => `  ${entry.from}->>${to}: ${text}`);
    }
  });
  return ["sequenceDiagram", ...names.map((name) => `  participant ${name}`), ...lines].join("\n");
}
