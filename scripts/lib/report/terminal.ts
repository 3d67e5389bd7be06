import { aligned } from "../table";
import type { HostReport } from "./hostReport";
import type { Incident } from "./incidents";
import { duration, objectiveText, percent, utcTime } from "./words";

/** So many rows are read; --json has all. */
const MAX_INCIDENTS = 30;

/** A host's report for people. Pure. */
export function reportText(
  { window, summary, incidents, exactness }: HostReport,
  objective: number,
): string[] {
  const { availability, availabilityAtBest = 0, uncertainMs } = summary;
  const range = uncertainMs > 0 ? ` (at best ${percent(availabilityAtBest)})` : "";
  const verdict = `the objective of ${objectiveText(objective)} is ${summary.isMet ? "met" : "missed"}`;
  const head =
    availability === undefined
      ? "nothing is known of this time"
      : `availability ${percent(availability)}${range}, ${verdict}`;
  const shown = incidents.slice(-MAX_INCIDENTS).reverse();
  return [
    `  ${utcTime(window.from)} to ${utcTime(window.to)} UTC: ${head}`,
    ...aligned(figures(summary, incidents).map(([name, value]) => [`${name}:`, value])),
    ...(shown.length === 0 ? ["  no incidents"] : aligned([HEADER, ...shown.map(cells)])),
    ...(incidents.length > shown.length
      ? [`  and ${incidents.length - shown.length} older ones: --json has all`]
      : []),
    "  How exact this is:",
    ...exactness.map((sentence) => `  - ${sentence}`),
  ];
}

/** The summary in words, for the terminal and the page. Pure. */
export function figures(
  summary: HostReport["summary"],
  incidents: readonly Incident[],
): readonly (readonly [name: string, value: string])[] {
  const { downMs, offMs, uncertainMs, maintenanceMs, unknownMs, budgetMs, budgetLeftMs } = summary;
  const { meanTimeToRecoveryMs, longestMs } = summary;
  const of = [
    ...(offMs > 0 ? [`${duration(offMs)} with the host off`] : []),
    ...(uncertainMs > 0 ? [`${duration(uncertainMs)} uncertain`] : []),
  ];
  const counted = incidents.filter(({ isCounted }) => isCounted).length;
  const outside = incidents.length - counted;
  return [
    ["downtime", `${duration(downMs)}${of.length > 0 ? `, of that ${of.join(" and ")}` : ""}`],
    ["error budget", budgetText(budgetMs, budgetLeftMs)],
    ["incidents", `${counted}${outside > 0 ? `, and ${outside} outside of the host (not counted)` : ""}`],
    ["mean time to recovery", meanTimeToRecoveryMs === undefined ? "-" : duration(meanTimeToRecoveryMs)],
    ["longest downtime", longestMs === undefined ? "-" : duration(longestMs)],
    ["not counted", `maintenance ${duration(maintenanceMs)}, unknown ${duration(unknownMs)}`],
  ];
}

function budgetText(budgetMs: number, leftMs: number): string {
  const of = `of ${duration(budgetMs)}`;
  if (leftMs < 0) return `overspent by ${duration(-leftMs)}, ${of}`;
  return `${duration(leftMs)} left ${of}${budgetMs > 0 ? ` (${percent(leftMs / budgetMs)})` : ""}`;
}

const HEADER = ["BEGAN (UTC)", "NOTICED", "LASTED", "ENDED BY", "CAUSE"];

function cells(incident: Incident): string[] {
  const { from, causes, isCounted } = incident;
  return [
    `${utcTime(from)}${incident.isExact ? "" : " or later"}`,
    noticed(incident),
    lasted(incident),
    mended(incident),
    `${causes.join("; ")}${isCounted ? "" : " (outside, not counted)"}`,
  ];
}

/** How long after the beginning, and by whom. */
export const noticed = ({ from, detected }: Incident): string =>
  detected === undefined ? "-" : `${duration(Math.max(0, detected.at - from))}, ${detected.by}`;

export const lasted = ({ from, to, isExact }: Incident): string =>
  to === undefined ? "goes on" : `${isExact ? "" : "≤ "}${duration(to - from)}`;

export const mended = ({ to, mendedBy }: Incident): string => (to === undefined ? "-" : (mendedBy ?? "-"));
