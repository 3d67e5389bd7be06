import { aligned } from "../table";
import type { Figure, ScenarioResult } from "./result";

const HEADER = [
  "FAILURE",
  "THE SEED'S ROW",
  "NOTICED BY",
  "DETECTION",
  "RECOVERY",
  "TOTAL DOWNTIME",
  "VERDICT",
];

/** The seed's table of recovery objectives with what was measured. Pure. */
export function drillTable(results: readonly ScenarioResult[]): string {
  const rounds = Math.max(...results.map((result) => result.rounds.length));
  const legend =
    rounds === 1
      ? "in seconds (≤ the seed's objective)"
      : `median / worst of ${rounds} rounds, in seconds (≤ the seed's objective, which the worst must meet)`;
  return [legend, ...aligned([HEADER, ...results.map(cells)])].join("\n");
}

const cells = ({ name, objective, noticedBy, isMet, ...figures }: ScenarioResult): string[] => [
  name.replaceAll("-", " "),
  objective.row,
  noticedBy,
  ...[figures.detection, figures.recovery, figures.total].map((figure) =>
    shown(figure, figures.rounds.length),
  ),
  isMet ? "met" : "MISSED",
];

function shown({ median, worst, objectiveSec, isMet }: Figure, rounds: number): string {
  if (worst === undefined || median === undefined) return isMet === undefined ? "-" : "not seen";
  const measured = rounds === 1 ? worst.toFixed(1) : `${median.toFixed(1)} / ${worst.toFixed(1)}`;
  return objectiveSec === undefined ? measured : `${measured} (≤ ${objectiveSec})`;
}
