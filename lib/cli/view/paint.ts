/** Pieces of a line and how they are painted (ECMA-48, SGR): the only place that knows escape sequences for colours. */
import type { Capabilities } from "./capabilities.ts";
import { plainLine } from "../../base/plain_text.ts";
import type { Mood } from "./model.ts";
import { cells, clip, printable } from "./text.ts";

/** How a piece looks. */
export type Look = Mood | "plain" | "strong" | "quiet";

/** A piece of a line. Its text may come from strangers. */
export interface Piece {
  readonly text: string;
  readonly look: Look;
}

/** A line before it is painted. */
export type Line = readonly Piece[];

const SGR: Record<Look, string> = {
  plain: "",
  strong: "1",
  quiet: "2",
  good: "32",
  busy: "36",
  warning: "33",
  bad: "31",
  gone: "2",
};

/** A piece. */
export function piece(text: string, look: Look = "plain"): Piece {
  return { text, look };
}

/** Cells that a line takes once its texts are harmless. */
export function lineCells(line: Line, utf8: boolean): number {
  return line.reduce((sum, { text }) => sum + cells(printable(text, utf8)), 0);
}

/** The line as the terminal gets it: harmless, at most `columns` cells, painted if the terminal has colours. */
export function paint(line: Line, columns: number, { colour, utf8 }: Capabilities): string {
  let painted = "";
  let left = columns;
  for (const { text, look } of line) {
    if (left <= 0) break;
    const clipped = clip(printable(text, utf8), left, utf8);
    left -= cells(clipped);
    painted += shown(clipped, look, colour);
  }
  return painted;
}

/** Lines of any length as stdout gets them, with a line end each. */
export function painted(lines: readonly Line[], colour: boolean): string {
  return lines.map((line) =>
    line.map(({ text, look }) => shown(plainLine(text), look, colour)).join("") + "\n"
  ).join("");
}

function shown(text: string, look: Look, colour: boolean): string {
  return colour && SGR[look] !== "" ? `\x1b[${SGR[look]}m${text}\x1b[0m` : text;
}
