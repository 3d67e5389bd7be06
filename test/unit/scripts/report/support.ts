import { hostReport, type HostReport } from "../../../../scripts/lib/report/hostReport";
import { parseRecord } from "../../../../scripts/lib/report/hostRecord";
import { checked, minimal, seed } from "../../support/configs";

/** The service and its proxy in the seed's configuration. */
export const APP = "rps.service";
export const PROXY = "apache2.service";
export const APP_URL = "http://127.0.0.1:5137/";
export const PROXY_URL = "http://127.0.0.1:8087/";

const DAY = "2026-01-22";

/** Milliseconds of a time of day, UTC: `12:00:00.5`, or with a date before it. */
export const at = (time: string): number =>
  Date.parse(`${time.includes(" ") ? time.replace(" ", "T") : `${DAY}T${time}`}Z`);
export const timeOf = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .slice(11)
    .replace(/\.?0*Z$/, "");

/** Rows of `helper journal`. */
export const event = (time: string, unit: string, kind: string, more: Event = {}): string => {
  const { boot = "aaaaaa", job = "", code = "", status = "", result = "" } = more;
  const command = more.command ?? (kind === "exited" ? "ExecStart" : "");
  return ["event", at(time) * 1000, boot, unit, kind, job, code, status, result, command].join("\t");
};
interface Event {
  readonly boot?: string;
  readonly job?: string;
  readonly code?: string;
  readonly status?: string;
  readonly result?: string;
  readonly command?: string;
}

/** What the timer's check said; the line's own time is the journal's, in UTC. */
export const check = (time: string, ...texts: string[]): string =>
  texts.map((text) => `check\t${at(time) / 1000}\t[${lineTime(at(time))}] ${text}`).join("\n");
/** The same by hand: in the log only. */
export const logged = (time: string, ...texts: string[]): string =>
  texts.map((text) => `log\t[${lineTime(at(time))}] ${text}`).join("\n");
const lineTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

export const PASSED = "SUCCESS: All checks passed";
export const boot = (id: string, from: string, to: string): string =>
  `boot\t${id.padEnd(32, "0")}\t${lineTime(at(from))}\t${lineTime(at(to))}`;
export const hold = (time: string, change: string, owner = "operator", reason = "a disk"): string =>
  `hold\t${lineTime(at(time)).replace(" ", "T")}+0000\t${change}\t${owner}\tbob\t${reason}`;

/** Good checks every five minutes, from one time to another. */
export function checksBetween(from: string, to: string): string {
  const rows: string[] = [];
  for (let ms = at(from); ms <= at(to); ms += 300_000) rows.push(check(timeOf(ms), PASSED));
  return rows.join("\n");
}

/** What a record of these rows, taken at 14:00, says of the two hours before. */
export function reportOf(
  rows: readonly string[],
  options: { now?: string; zone?: string; hasProxy?: boolean } = {},
): HostReport {
  const { now = "14:00:00", zone = "UTC", hasProxy = true } = options;
  const text = [`now\t${at(now)}`, `zone\t${zone}`, "persistent\tyes", ...rows, "end", ""].join("\n");
  return hostReport(parseRecord(text), checked(hasProxy ? seed() : minimal()), {
    sinceMs: 7_200_000,
    objective: 0.999,
  });
}

/** `12:00:00 up`, `13:05:00 down? rps.service`: a segment a line. */
export const timeline = ({ segments }: HostReport): readonly string[] =>
  segments.map(({ from, state, isCertain, units }) =>
    [timeOf(from), `${state}${isCertain ? "" : "?"}`, ...units].join(" "),
  );
/** `13:05:00 12s systemd/systemd rps.service was killed by SIGKILL`: who noticed, who ended it. */
export const incidents = ({ incidents: all }: HostReport): readonly string[] =>
  all.map(({ from, to, isExact, isCounted, detected, mendedBy, causes }) => {
    const length = to === undefined ? "on" : `${(to - from) / 1000}s`;
    const mark = `${isExact ? "" : "?"}${isCounted ? "" : "!"}`;
    return `${timeOf(from)}${mark} ${length} ${detected?.by ?? "-"}/${mendedBy ?? "-"} ${causes.join("; ")}`;
  });
