/** A table of nodes that gives up whole columns, the least needed first, before it cuts a text. */
import type { NodeRow } from "./model.ts";
import { type Line, type Look, type Piece, piece } from "./paint.ts";
import { cells, fit, printable } from "./text.ts";

/** Columns from left to right. Those of higher rank are dropped first; the name is never dropped, only cut. */
const COLUMNS: readonly Column[] = [
  { title: "node", rank: 0, cellsMax: 24, text: (row) => row.name, look: nameLook },
  { title: "address", rank: 4, cellsMax: 40, text: (row) => row.address, look: () => "quiet" },
  { title: "state", rank: 1, cellsMax: 12, text: (row) => row.state, look: (row) => row.mood },
  { title: "since", rank: 3, cellsMax: 10, text: (row) => row.since, look: () => "quiet" },
  { title: "round trip", rank: 5, cellsMax: 10, text: (row) => row.rtt, look: () => "quiet" },
  { title: "seen as", rank: 3, cellsMax: 14, text: (row) => row.seenAs, look: seenLook },
  { title: "respects", rank: 2, cellsMax: 36, text: (row) => row.respects, look: () => "plain" },
];

interface Column {
  readonly title: string;
  readonly rank: number;
  readonly cellsMax: number;
  /** `undefined` where the row has no such thing. */
  text(row: NodeRow): string | undefined;
  look(row: NodeRow): Look;
}

const GAP = 2;
const MARK_CELLS = 2;

/** The heading and one line for each row. */
export function nodeTable(
  rows: readonly NodeRow[],
  columns: number,
  utf8: boolean,
): { readonly heading: Line; readonly lines: readonly Line[] } {
  const chosen = choose(rows, columns - MARK_CELLS, utf8);
  const cell = (text: string, at: number, look: Look): Piece => {
    const gap = at < chosen.length - 1 ? GAP : 0;
    return piece(fit(printable(text, utf8), chosen[at].width, utf8) + " ".repeat(gap), look);
  };
  const heading = [
    piece(" ".repeat(MARK_CELLS)),
    ...chosen.map(({ column }, at) => cell(column.title, at, "quiet")),
  ];
  const lines = rows.map((row) => [
    piece((row.isLeader ? (utf8 ? "★" : "*") : " ").padEnd(MARK_CELLS), "good"),
    ...chosen.map(({ column }, at) => cell(column.text(row) ?? "", at, column.look(row))),
  ]);
  return { heading, lines };
}

function choose(
  rows: readonly NodeRow[],
  columns: number,
  utf8: boolean,
): readonly { column: Column; width: number }[] {
  const present = COLUMNS.filter((column) =>
    column.rank === 0 || rows.some((row) => column.text(row) !== undefined)
  );
  const wanted = present.map((column) => ({
    column,
    width: Math.min(
      column.cellsMax,
      Math.max(
        cells(column.title),
        ...rows.map((row) => cells(printable(column.text(row) ?? "", utf8))),
      ),
    ),
  }));
  const chosen = new Set<Column>();
  let left = columns;
  for (const { column, width } of wanted.toSorted((a, b) => a.column.rank - b.column.rank)) {
    const needed = width + (chosen.size > 0 ? GAP : 0);
    if (chosen.size > 0 && needed > left) break;
    chosen.add(column);
    left -= needed;
  }
  return wanted.filter(({ column }) => chosen.has(column));
}

function nameLook(row: NodeRow): Look {
  return row.mood === "gone" ? "gone" : row.isLeader ? "strong" : "plain";
}

function seenLook(row: NodeRow): Look {
  if (row.seenAs?.startsWith("alive")) return "plain";
  return row.seenAs?.startsWith("suspect") ? "warning" : "quiet";
}
