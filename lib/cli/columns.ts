/** Plain columns for data that people read and programs may cut: two spaces between columns, no borders. */
import { type Piece, piece, shown } from "./view/paint.ts";

/** What a cell holds: a text, or one that looks some way where there are colours. */
export type Cell = string | Piece;

/** A heading with the rows under it; see {@linkcode aligned}. */
export function columns(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  colour = false,
): string {
  return aligned([heading.map((text) => piece(text, "quiet")), ...rows], colour);
}

/**
 * Rows, each column as wide as its longest text. Texts are one line of printable ASCII; all rows have as many cells as the first. Without
 * `colour` looks make no difference.
 */
export function aligned(rows: readonly (readonly Cell[])[], colour = false): string {
  const lines = rows.map((row) => row.map((cell) => typeof cell === "string" ? piece(cell) : cell));
  const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].text.length)));
  return lines.map((line) => {
    // Spaces at the end of a line help nobody: the last text is not padded, and empty ones behind it are left out.
    const last = line.findLastIndex(({ text }) => text !== "");
    return line.slice(0, last + 1).map(({ text, look }, at) => {
      const gap = at < last ? " ".repeat(widths[at] - text.length + 2) : "";
      return shown(text, look, colour) + gap;
    }).join("");
  }).join("\n");
}
