import { getBorderCharacters, table } from "table";

/** Columns side by side, without lines, a little indented. */
export const aligned = (rows: string[][]): string[] =>
  table(rows, {
    border: getBorderCharacters("void"),
    columnDefault: { paddingLeft: 0, paddingRight: 2 },
    drawHorizontalLine: () => false,
  })
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line.trimEnd()}`);
