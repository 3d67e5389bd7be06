import { expect } from "vitest";

import type { Answer } from "../../../../scripts/lib/doctor/answer";
import type { OutsideLook } from "../../../../scripts/lib/doctor/outside";
import { parseFacts } from "../../../../scripts/lib/doctor/facts";
import { diagnose } from "../../../../scripts/lib/doctor/diagnosis";
import type { Look } from "../../../../scripts/lib/doctor/look";
import { parseObservedHost } from "../../../../src/drift/observedHost";
import { comparePreflight } from "../../../../src/drift/preflight";
import { reportOf } from "../../../../src/inspect";
import { checked, desiredOf, filesOf, seed, withKey, type Raw } from "../../support/configs";
import { answerOf, type Row, rowsInSync, STACK } from "../../support/hostInSync";

/** The operator's clock in the cases. */
export const NOW = Date.parse("2026-01-22T22:14:39Z");

/** What the first look sees beyond what is in sync. */
const LISTENERS: readonly Row[] = [
  ["port_listener", "gunicorn 0::/system.slice/rps.service ", "100"],
  ["proxy_listener", "apache2 0::/system.slice/apache2.service ", "200"],
];

/** What the collector tells of a host where all is well. */
const WELL: readonly Row[] = [
  ["disk", "/", "1000000", "500000", "1000", "500"],
  ["memory", "1000000", "500000"],
  ["clock", "yes", "none"],
  ["main_process", "rps.service", "100", "S (sleeping)"],
  ["timer", JSON.stringify([{ next: (NOW + 60_000) * 1000 }])],
  ["check", "ActiveState", "inactive"],
  ["check", "Result", "success"],
  ["health", "passed", "true"],
  ["health", "time", "2026-01-22T23:10:39+01:00"],
  ["log", "/var/www/rps.pan2.app/logs/rps.log", ""],
  ["log", "/var/www/rps.pan2.app/logs/health-check.log", ""],
  ["url", "app", "0", "200", "0.01", "1", ""],
  ["url", "proxy", "0", "200", "0.01", "1", ""],
  ["url", "external", "0", "200", "0.1", "1", ""],
  ["resolved", "rps.pan2.app", "203.0.113.7"],
];

export interface Case {
  readonly config?: Raw;
  /** Rows of the first look; the later one of a kind and name counts. */
  readonly observed?: readonly Row[];
  /** Of the collector; they take the place of those with the same first two columns, or are added. */
  readonly facts?: readonly Row[];
  readonly more?: Partial<Look>;
}

const merged = (rows: readonly Row[], changes: readonly Row[]): Row[] => [
  ...rows.filter((row) => !changes.some((change) => change[0] === row[0] && isSame(change, row))),
  ...changes,
];
/** Of these there is one in all; of others one a name. */
const SINGLE = ["port_listener", "proxy_listener", "memory", "clock", "timer"];
const isSame = (change: Row, row: Row): boolean => SINGLE.includes(row[0]) || change[1] === row[1];

export function lookOf({ config: raw = seed(), observed: rows = [], facts = [], more = {} }: Case): Look {
  const desired = desiredOf(raw);
  const observed = parseObservedHost(answerOf(merged(merged(rowsInSync(raw), LISTENERS), rows)));
  const report = reportOf(desired, filesOf(raw), observed, {}, STACK);
  // The helper's listing in the rows isn't that of the checkout.
  const findings = report.findings.filter(({ step }) => step.kind !== "helper");
  return {
    config: checked(raw),
    inspection: {
      ...{ ...report, findings, desired, observed },
      problems: comparePreflight(desired.requirements, observed),
    },
    facts: parseFacts(answerOf(merged(WELL, facts))),
    ...{ clock: { offsetSec: 0, errorSec: 0.1 }, now: NOW, secrets: [] },
    outside: outsideWith({ kind: "answered", status: 200, hasText: true }),
    ...more,
  };
}

const DAY = 86_400_000;
export const CERTIFICATE = {
  ...{ from: NOW - 30 * DAY, to: NOW + 60 * DAY },
  ...{ names: "DNS:rps.pan2.app", isForName: true },
};

export const outsideWith = (answer: Answer, more: Partial<OutsideLook> = {}): OutsideLook => ({
  ...{ answer, addresses: ["203.0.113.7"], certificate: CERTIFICATE },
  ...more,
});

/** The layers that aren't well: their status, and every cause and command, a line each; and the conclusion. */
export function told(one: Case): Record<string, readonly string[]> {
  const { layers, conclusion } = diagnose(lookOf(one));
  const entries = layers
    .filter(({ status }) => status !== "ok")
    .map(({ name, status, seen, problems }) => [
      name,
      status === "unknown"
        ? [seen]
        : problems.flatMap(({ cause, mend, status: grade }) => [
            `${grade}: ${cause}`,
            ...(mend ? [`${mend.on}: ${mend.command}`] : []),
          ]),
    ]);
  return {
    ...(Object.fromEntries(entries) as Record<string, string[]>),
    ...(conclusion !== undefined && { conclusion: [conclusion] }),
  };
}

/** The state of a unit as the first look has it. */
export const unit = (name: string, ...properties: string[]): Row => [
  ...(["unit", name, "UptimeSec=90000", "LoadState=loaded", "UnitFileState=enabled"] as const),
  ...properties,
];

export const withTunnel = (): Raw => withKey(seed(), "tunnel", { unit: "cloudflared.service" });

/** Properties of a unit that was stopped, failed a minute ago, or waits for its next start. */
export const DOWN = [
  "ActiveState=inactive",
  "SubState=dead",
  "StateChangeTimestampMonotonic=89940000000",
] as const;
export const FAILED = [
  "ActiveState=failed",
  "SubState=failed",
  "StateChangeTimestampMonotonic=89940000000",
] as const;
export const WAITING = ["ActiveState=activating", "SubState=auto-restart", "Result=exit-code"] as const;
export const LOG = "/var/www/rps.pan2.app/logs/rps-error.log";
/** What users see of an application that doesn't answer. */
export const BAD_GATEWAY = [
  ["url", "app", "7", "000", "0", "0", "refused"],
  ["url", "proxy", "0", "503", "0", "0", ""],
  ["url", "external", "0", "502", "0", "0", ""],
] as const;
export const from502 = { outside: outsideWith({ kind: "answered", status: 502, hasText: false }) };
/** With nothing but that of what lies above. */
export const hidden = { facts: BAD_GATEWAY, more: from502 };

export const expectTold = (one: Case, expected: Record<string, readonly string[]>): void => {
  expect(told(one)).toEqual(expected);
};
