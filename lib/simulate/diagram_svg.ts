/** A trace as a sequence diagram in SVG 1.1, for a page or a report: a column for each node, time downwards, nothing loaded from elsewhere. */
import type { TraceEntry } from "./trace.ts";

/** Lengths, px. */
const COLUMN = 150;
const ROW = 22;
const LEFT = 90;
const TOP = 44;
/** Longest text beside a mark, characters: the rest is in the trace. */
const TEXT_MAX = 70;
/** Around texts, so that lines behind them do not cross them out. */
const HALO = 'stroke="#fff" stroke-width="3" paint-order="stroke"';

/** The picture of these entries; `names` are the columns, from the left. */
export function svgOf(entries: readonly TraceEntry[], names: readonly string[]): string {
  const bottom = TOP + entries.length * ROW + ROW;
  const width = LEFT + names.length * COLUMN + 420;
  const x = (name: string) => LEFT + names.indexOf(name) * COLUMN + COLUMN / 2;
  const columns = names.map((name) =>
    `<text x="${x(name)}" y="20" text-anchor="middle" font-weight="bold">${escaped(name)}</text>` +
    `<line x1="${x(name)}" y1="28" x2="${x(name)}" y2="${bottom}" stroke="#bbb"/>`
  );
  const rows = entries.map((entry, row) => {
    const y = TOP + row * ROW;
    const time = `<text x="8" y="${y + 4}" fill="#666">${entry.atMs.toFixed(1)} ms</text>`;
    return time + rowOf(entry, y, x, width);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom}" ` +
    `font-family="sans-serif" font-size="11">`,
    '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">' +
    '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    `<rect width="${width}" height="${bottom}" fill="#fff"/>`,
    ...columns,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

function rowOf(
  entry: TraceEntry,
  y: number,
  x: (name: string) => number,
  width: number,
): string {
  const label = (at: number, text: string, colour: string) =>
    `<text x="${at}" y="${y - 3}" fill="${colour}" ${HALO}>${
      escaped(text.slice(0, TEXT_MAX))
    }</text>`;
  switch (entry.type) {
    case "fault":
      return `<line x1="${LEFT}" y1="${y}" x2="${width}" y2="${y}" stroke="#c33" ` +
        `stroke-dasharray="4 3"/>` + label(LEFT, entry.text, "#c33");
    case "node":
      return `<circle cx="${x(entry.node)}" cy="${y}" r="4" fill="#369"/>` +
        label(x(entry.node) + 8, entry.text, "#369");
    case "message": {
      const from = x(entry.from);
      const arrows = entry.to.map((to) =>
        `<line x1="${from}" y1="${y}" x2="${x(to)}" y2="${y}" stroke="#000" ` +
        `marker-end="url(#head)"/>`
      );
      return arrows.join("") + label(from + 8, entry.text, "#000");
    }
    default:
      return entry satisfies never;
  }
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
