import { getBorderCharacters, table } from "table";

/** Rows as lines with aligned columns, two blanks before each. */
export const aligned = (rows: string[][]): string[] =>
  table(rows, {
    border: getBorderCharacters("void"),
    columnDefault: { paddingLeft: 0, paddingRight: 2 },
    drawHorizontalLine: () => false,
  })
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line.trimEnd()}`);
