/**
 * Text in the cells of a terminal: what strangers wrote made harmless, its width counted, cut and padded to a number of cells.
 *
 * Widths follow Unicode's East Asian Width (UAX 11) as far as terminals do: wide and fullwidth characters and emoji take two cells,
 * combining marks none. Anything that could move the cursor or change the direction of the text is replaced before it is counted.
 */

import { plainLine } from "../../base/plain_text.ts";

/** Characters that take two cells, by ranges of code points (UAX 11, W and F, and emoji presentation). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x26aa, 0x26ab],
  [0x2705, 0x2705],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x2753, 0x2757],
  [0x2795, 0x2797],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f19a],
  [0x1f200, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7eb],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];

const MARK = /\p{M}/u;

/** The most characters of one text that are looked at: no terminal shows more in a line. */
const CHARACTERS_MAX = 4096;

/** A plain line that only fills cells: marks without a base become `?`, too; without UTF-8 everything but ASCII does. */
export function printable(text: string, utf8: boolean): string {
  let clean = "";
  for (const character of plainLine(text.slice(0, CHARACTERS_MAX))) {
    if (MARK.test(character) && (clean === "" || !utf8)) clean += "?";
    else clean += utf8 || character < "\x7f" ? character : "?";
  }
  return clean;
}

/** Cells that a printable text takes. */
export function cells(text: string): number {
  let count = 0;
  for (const character of text) count += cellsOf(character);
  return count;
}

/** The text in exactly `width` cells: padded with spaces, or cut with an ellipsis. */
export function fit(text: string, width: number, utf8: boolean): string {
  const cut = clip(text, width, utf8);
  return cut + " ".repeat(Math.max(0, width - cells(cut)));
}

/** The text in at most `width` cells, cut with an ellipsis when it is longer. */
export function clip(text: string, width: number, utf8: boolean): string {
  if (width <= 0) return "";
  if (cells(text) <= width) return text;
  let cut = "";
  let count = 0;
  for (const character of text) {
    const more = cellsOf(character);
    if (count + more > width - 1) break;
    cut += character;
    count += more;
  }
  return cut + (utf8 ? "…" : "~");
}

function cellsOf(character: string): number {
  const code = character.codePointAt(0)!;
  if (code < 0x300) return 1;
  if (MARK.test(character)) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}
