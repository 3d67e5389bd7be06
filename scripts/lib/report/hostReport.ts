import type { Config } from "../../../src/config/types";
import { serviceUnit } from "../../../src/model/paths";
import { localUrl } from "../../../src/render/files";
import type { HostRecord } from "./hostRecord";
import { type Incident, incidentsOf } from "./incidents";
import { resolveLog } from "./localTime";
import { type Layer, observationsOf } from "./observation";
import { type Summary, summaryOf } from "./summary";
import { type Segment, timelineOf, type Window } from "./timeline";
import { duration, timeSpanMs, utcTime } from "./words";

/** One host's time, told and judged. */
export interface HostReport {
  readonly window: Window;
  readonly segments: readonly Segment[];
  readonly incidents: readonly Incident[];
  readonly summary: Summary;
  /** How exact it can be, a sentence each. */
  readonly exactness: readonly string[];
}

export interface ReportOptions {
  /** How far back, in milliseconds. */
  readonly sinceMs: number;
  /** A share: 0.999. */
  readonly objective: number;
}

/** How much earlier than the report the host's record begins, so that its first minutes are known too. */
export const leadMs = (config: Config): number => gapMs(config) + 60_000;

const DEFAULT_INTERVAL_MS = 300_000;

const intervalMs = ({ healthCheck }: Config): number =>
  timeSpanMs(String(healthCheck.onUnitActiveSec)) ?? DEFAULT_INTERVAL_MS;

/** Two rounds: the next one may be late by what the former took. */
const gapMs = (config: Config): number => 2 * intervalMs(config) + 60_000;

/** Pure. */
export function hostReport(record: HostRecord, config: Config, options: ReportOptions): HostReport {
  const layers = layersOf(config);
  const log = resolveLog(record.log, record.checks, record.zone);
  const observations = observationsOf(record, log.lines, layers);
  const window = { from: record.now - options.sinceMs, to: record.now, maxGapMs: gapMs(config) };
  const segments = timelineOf(observations, layers, window);
  const incidents = incidentsOf(segments, observations, record.updates, window);
  return {
    ...{ window, segments, incidents },
    summary: summaryOf(segments, incidents, options.objective),
    exactness: exactnessOf(record, config, segments, log.ambiguous),
  };
}

function layersOf({ service, proxy, tunnel }: Config): readonly Layer[] {
  return [
    { unit: serviceUnit(service.name), url: localUrl(service) },
    ...(proxy === undefined ? [] : [{ unit: proxy.unit, url: localUrl(proxy) }]),
    ...(tunnel === undefined ? [] : [{ unit: tunnel.unit }]),
  ];
}

function exactnessOf(
  record: HostRecord,
  config: Config,
  segments: readonly Segment[],
  ambiguous: number,
): string[] {
  const every = duration(intervalMs(config));
  const first = segments.find(({ state }) => state !== "unknown");
  const begin = segments[0];
  return [
    "Crashes, stops and starts are exact: systemd says when.",
    `A process that hangs is noticed by the health check, every ${every}: its downtime is counted from the last good sign, and what began and ended between two checks isn't seen.`,
    ...(record.boots.length > 1
      ? [
          "When the host went off without a shutdown is known by the journal's last entry, which may be five minutes older.",
        ]
      : []),
    ...(first === undefined
      ? ["Nothing is known of this time."]
      : begin?.state === "unknown"
        ? [`Nothing is known before ${utcTime(begin.to)}; that time is counted neither as up nor as down.`]
        : []),
    ...(record.isPersistent
      ? []
      : [
          `The journal isn't persistent: before the last boot only the health check's log is left, to the second; crashes between two checks and reboots are not known. To keep it: mkdir /var/log/journal && systemctl restart systemd-journald.`,
        ]),
    ...(ambiguous > 0
      ? [
          `${ambiguous} lines of the log are of an hour that the clocks showed twice: the earlier time was taken, each may have been one hour later.`,
        ]
      : []),
  ];
}
