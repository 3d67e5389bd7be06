import { gunzipSync } from "node:zlib";

import { printable } from "../../../src/drift/textDiff";

/** What a host knows of its past. All times are milliseconds since the epoch. */
export interface HostRecord {
  /** Which stack's the service is there; none if it was released. */
  readonly stack?: string;
  readonly now: number;
  /** IANA name of its time zone now; "UTC" where it names none. */
  readonly zone: string;
  /** Whether the journal outlives a boot. */
  readonly isPersistent: boolean;
  /** The oldest first. */
  readonly boots: readonly Boot[];
  readonly units: readonly HostUnit[];
  readonly events: readonly UnitEvent[];
  /** What the timer's health checks said, by the journal. */
  readonly checks: readonly { readonly at: number; readonly line: string }[];
  /** The health check's log with its local times, rotated ones too, the oldest first. */
  readonly log: readonly string[];
  readonly holds: readonly HoldChange[];
  /** Updates that ended. */
  readonly updates: readonly UpdateSpan[];
}

export interface Boot {
  /** As events name it. */
  readonly id: string;
  /** Of the journal's first and last entry. */
  readonly from: number;
  readonly to: number;
}

export interface HostUnit {
  readonly role: "service" | "proxy" | "tunnel";
  readonly unit: string;
  /** systemd's ActiveState now. */
  readonly activeState: string;
}

/** A message of systemd about a unit; see UNIT_MESSAGES in host/lib/journal.bash. */
export interface UnitEvent {
  readonly at: number;
  readonly boot: string;
  readonly unit: string;
  readonly kind: UnitEventKind;
  /** `start`, `stop`, `restart`: what was asked for. */
  readonly jobType: string;
  /** Of `exited`: `exited`, `killed`, `dumped`. */
  readonly exitCode: string;
  /** An exit status, or a signal's number. */
  readonly exitStatus: string;
  /** Of `failed`: `signal`, `exit-code`, `oom-kill`, `timeout`, `start-limit-hit`… see Result in systemd.exec(5). */
  readonly result: string;
  /** Of `exited`: which command of the unit it was, `ExecStart`. */
  readonly command: string;
}

const KINDS = [
  ...["starting", "started", "skipped", "stopping", "stopped"],
  ...["exited", "failed", "deactivated", "start-failed", "restart-scheduled"],
] as const;
export type UnitEventKind = (typeof KINDS)[number];

export interface HoldChange {
  readonly at: number;
  readonly change: "begin" | "end";
  readonly owner: string;
  readonly by: string;
  readonly reason: string;
}

export interface UpdateSpan {
  readonly from: number;
  readonly to: number;
  readonly revision: string;
  /** `confirmed`, `returned`, `rolled-back`. */
  readonly result: string;
}

/** More than a host ever sends (JOURNAL_ROWS in host/lib/journal.bash); what comes from a host isn't trusted. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/** @throws Error if it isn't what `helper journal` prints, or was cut off */
export function unpackRecord(answer: string): HostRecord {
  const text = gunzipSync(Buffer.from(answer, "base64"), { maxOutputLength: MAX_TEXT_BYTES });
  return parseRecord(text.toString());
}

/** Parses the rows of `helper journal`. Pure. */
export function parseRecord(text: string): HostRecord {
  const rows = new Map<string, string[][]>();
  for (const line of text.split("\n")) {
    const [key = "", ...values] = printable(line).split("\t");
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [values]);
    else known.push(values);
  }
  const all = (key: string): readonly string[][] => rows.get(key) ?? [];
  if (all("end").length === 0) throw new Error("what the host tells of its past was cut off");
  const events = all("event").flatMap(eventOf);
  const owner = all("stack")[0]?.[0];
  return {
    ...(owner !== undefined && { stack: owner }),
    now: Number(all("now")[0]?.[0]),
    zone: zoneOf(all("zone")[0]?.[0]),
    isPersistent: all("persistent")[0]?.[0] === "yes",
    boots: all("boot").map((row) => bootOf(row, events)),
    units: all("unit").flatMap(unitOf),
    events,
    checks: all("check").map(([at = "", line = ""]) => ({ at: Number(at) * 1000, line })),
    log: all("log").map(([line = ""]) => line),
    holds: [...all("hold").flatMap(holdOf), ...all("held").flatMap(heldOf)],
    updates: updatesOf(all("install"), all("update")),
  };
}

function zoneOf(name = ""): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name || "UTC" }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

function eventOf([usec = "", boot = "", unit = "", kind = "", ...rest]: string[]): UnitEvent[] {
  const [jobType = "", exitCode = "", exitStatus = "", result = "", command = ""] = rest;
  const known = KINDS.find((name) => name === kind);
  if (known === undefined) return [];
  return [
    {
      ...{ at: Number(usec) / 1000, boot, unit, kind: known },
      ...{ jobType, exitCode, exitStatus, result, command },
    },
  ];
}

const utc = (text: string): number => Date.parse(`${text.replace(" ", "T")}Z`);

/** The list of boots has whole seconds: what happened in the last one belongs to it. */
function bootOf([id = "", first = "", last = ""]: string[], events: readonly UnitEvent[]): Boot {
  const short = id.slice(0, 6);
  const own = events.filter(({ boot }) => boot === short).map(({ at }) => at);
  return {
    id: short,
    from: own.reduce((from, at) => Math.min(from, at), utc(first)),
    to: own.reduce((to, at) => Math.max(to, at), utc(last)),
  };
}

function unitOf([role = "", unit = "", activeState = ""]: string[]): HostUnit[] {
  return role === "service" || role === "proxy" || role === "tunnel" ? [{ role, unit, activeState }] : [];
}

/** With seconds and an offset, as bash's printf writes it: +0100 without a colon. */
const isoTime = (text: string): number => Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));

function holdOf([time = "", change = "", owner = "", by = "", reason = ""]: string[]): HoldChange[] {
  const at = isoTime(time);
  if (Number.isNaN(at) || (change !== "begin" && change !== "end")) return [];
  return [{ at, change, owner, by, reason }];
}

/** Who holds it now, also where the beginning wasn't written down; a marker made by hand may have no time, and isn't known then. */
const heldOf = ([owner = "", since = "", by = "", reason = ""]: string[]): HoldChange[] =>
  holdOf([since, "begin", owner, by, reason]);

function updatesOf(installs: readonly string[][], ended: readonly string[][]): UpdateSpan[] {
  const begun = installs.map(([time = ""]) => isoTime(time)).filter((at) => !Number.isNaN(at));
  return ended.flatMap(([time = "", revision = "", result = ""]) => {
    const to = isoTime(time);
    if (Number.isNaN(to)) return [];
    const from = begun.filter((at) => at <= to).at(-1) ?? to;
    // The end is written down within its second.
    return [{ from, to: to + 999, revision, result }];
  });
}
