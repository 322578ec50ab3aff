/** Plain columns for data that people read and programs may cut: two spaces between columns, no borders. */
import { plainLine } from "../base/plain_text.ts";
import { type Line, type Piece, piece } from "./view/paint.ts";

/** What a cell holds: a text, or one that looks some way where there are colours. */
export type Cell = string | Piece;

/** A heading with the rows under it; see {@linkcode aligned}. */
export function columns(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
): Line[] {
  return aligned([heading.map((text) => piece(text, "quiet")), ...rows]);
}

/** Rows, each column as wide as its longest text. All rows have as many cells as the first. */
export function aligned(rows: readonly (readonly Cell[])[]): Line[] {
  const lines = rows.map((row) =>
    row.map((cell) => {
      const { text, look } = typeof cell === "string" ? piece(cell) : cell;
      return piece(plainLine(text), look);
    })
  );
  const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].text.length)));
  return lines.map((line) => {
    // Spaces at the end of a line help nobody: the last text is not padded, and empty ones behind it are left out.
    const last = line.findLastIndex(({ text }) => text !== "");
    return line.slice(0, last + 1).flatMap((cell, at) =>
      at < last ? [cell, piece(" ".repeat(widths[at] - cell.text.length + 2))] : [cell]
    );
  });
}
