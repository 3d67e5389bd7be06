import { readFileSync } from "node:fs";
import { join } from "node:path";

import Handlebars from "handlebars";

import type { HostReport } from "./hostReport";
import { type Bar, stripsOf } from "./strips";
import { figures, lasted, mended, noticed } from "./terminal";
import { duration, objectiveText, percent, utcTime } from "./words";

/** More make no page that anybody reads; --json has all. */
const MAX_INCIDENTS = 500;

export interface PageHead {
  readonly stack: string;
  readonly service: string;
  /** A share: 0.999. */
  readonly objective: number;
}

export interface PageHost {
  readonly host: { readonly name: string; readonly address: string };
  readonly report?: HostReport;
  readonly error?: string;
}

// An instance of its own, as src/render/templates.ts has one. Unlike there, all that is filled in is escaped for HTML.
const render = Handlebars.create().compile(readFileSync(join(__dirname, "page.html.hbs"), "utf8"), {
  strict: true,
});

/** The page: everything is in it, so it can be sent, kept and printed. */
export const reportPage = ({ stack, service, objective }: PageHead, hosts: readonly PageHost[]): string =>
  render({ stack, service, objective: objectiveText(objective), hosts: hosts.map(hostPart) });

function hostPart({ host: { name, address }, report, error = "" }: PageHost): object {
  if (report === undefined) return { name, address, error, report: false };
  const { window, summary, incidents, segments, exactness } = report;
  const { availability, availabilityAtBest = 0, uncertainMs } = summary;
  return {
    ...{ name, address, error, exactness },
    report: true,
    from: utcTime(window.from),
    to: utcTime(window.to),
    availability: availability === undefined ? "unknown" : percent(availability),
    atBest: uncertainMs > 0 ? percent(availabilityAtBest) : "",
    isMet: summary.isMet,
    figures: figures(summary, incidents).map(([label, value]) => ({ label, value })),
    strips: stripsPart(report),
    incidents: incidents
      .slice(-MAX_INCIDENTS)
      .reverse()
      .map((incident) => ({
        began: utcTime(incident.from),
        isExact: incident.isExact,
        isCounted: incident.isCounted,
        noticed: noticed(incident),
        lasted: lasted(incident),
        mended: mended(incident),
        cause: incident.causes.join("; "),
      })),
    hasIncidents: incidents.length > 0,
    olderIncidents: Math.max(0, incidents.length - MAX_INCIDENTS),
    summary: `${segments.filter(({ state }) => state === "down" || state === "off").length} stretches of downtime`,
  };
}

/** What is good lies beneath what isn't, which may be wider than it lasted. */
function stripsPart({ segments, window }: HostReport): object {
  const strips = stripsOf(segments, window);
  const bars = [...strips.bars].sort((a, b) => DEPTH.indexOf(a.look) - DEPTH.indexOf(b.look));
  return {
    ...strips,
    bars: bars.map((bar) => ({
      ...bar,
      title: titleOf(bar),
    })),
  };
}

const titleOf = ({ look, from, to, count }: Bar): string =>
  count === 1
    ? `${WORDS[look]}, ${utcTime(from)}, ${duration(to - from)}`
    : `${WORDS[look]}, ${count} times from ${utcTime(from)} to ${utcTime(to)}`;

const DEPTH: readonly Bar["look"][] = ["unknown", "up", "maintenance", "off", "uncertain", "down"];
const WORDS: Readonly<Record<Bar["look"], string>> = {
  up: "up",
  down: "down",
  uncertain: "down or not: between a good sign and a bad one",
  off: "host off",
  maintenance: "maintenance",
  unknown: "unknown",
};
