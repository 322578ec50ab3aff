/** Plain columns for data that people read and programs may cut: two spaces between columns, no borders. */

/** The heading and the rows, each column as wide as its longest text. Texts are one line of printable ASCII. */
export function columns(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows];
  const widths = heading.map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  return lines.map((line) => line.map((text, at) => text.padEnd(widths[at])).join("  ").trimEnd())
    .join("\n");
}
