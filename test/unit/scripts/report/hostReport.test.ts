import { expect, test } from "vitest";

import {
  APP,
  APP_URL,
  boot,
  check,
  checksBetween,
  event,
  hold,
  incidents,
  logged,
  PASSED,
  PROXY,
  PROXY_URL,
  reportOf,
  timeline,
} from "./support";

/** Up from half past eleven to two o'clock, but for what a case puts in between. */
const before = checksBetween("11:30:00", "13:00:00");
const after = checksBetween("13:10:00", "13:55:00");

interface Case {
  readonly rows: readonly string[];
  readonly timeline: readonly string[];
  readonly incidents: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "good checks are up all the time": {
    rows: [checksBetween("11:30:00", "13:55:00")],
    timeline: ["12:00:00 up"],
    incidents: [],
  },
  "a crash is exact from systemd's message to the next start": {
    rows: [
      event("13:02:00.25", APP, "exited", { code: "killed", status: "9" }),
      event("13:02:00.3", APP, "failed", { result: "signal" }),
      event("13:02:10.3", APP, "restart-scheduled"),
      event("13:02:10.4", APP, "stopped", { job: "restart" }),
      event("13:02:10.5", APP, "starting"),
      event("13:02:10.75", APP, "started"),
    ],
    timeline: ["12:00:00 up", `13:02:00.25 down ${APP}`, "13:02:10.75 up"],
    incidents: [`13:02:00.25 10.5s systemd/systemd ${APP} was killed by SIGKILL`],
  },
  "a stop by hand is ended by the health check, which noticed it": {
    rows: [
      event("13:02:00", PROXY, "stopping", { job: "stop" }),
      event("13:02:00.1", PROXY, "deactivated"),
      event("13:02:00.1", PROXY, "stopped", { job: "stop" }),
      check("13:05:00", "=== Starting Health Check ===", `ERROR: ${PROXY} is not running`),
      check("13:05:00.1", `Attempting to restart ${PROXY}...`),
      event("13:05:00.2", PROXY, "starting"),
      event("13:05:00.5", PROXY, "started"),
      check("13:05:01", `SUCCESS: ${PROXY} restarted successfully`, PASSED),
    ],
    timeline: ["12:00:00 up", `13:02:00 down ${PROXY}`, "13:05:01 up"],
    incidents: [`13:02:00 181s health check/health check ${PROXY} was stopped by hand`],
  },
  "a stop and a start by hand, which nobody noticed": {
    rows: [event("13:02:00", APP, "stopping", { job: "stop" }), event("13:03:00", APP, "started")],
    timeline: ["12:00:00 up", `13:02:00 down ${APP}`, "13:03:00 up"],
    incidents: [`13:02:00 60s -/operator ${APP} was stopped by hand`],
  },
  "a hang is counted from the last good sign, and the repair ends it": {
    rows: [
      check("13:05:00", `ERROR: ${APP_URL} does not answer as expected: timed out`),
      check("13:05:00.1", `Attempting to restart ${APP}...`),
      event("13:05:00.2", APP, "stopping", { job: "stop" }),
      event("13:05:01", APP, "exited", { code: "killed", status: "9" }),
      event("13:05:03", APP, "started"),
      check("13:05:04", `SUCCESS: ${APP} restarted successfully`, PASSED),
    ],
    timeline: ["12:00:00 up", "13:00:00 down?", `13:05:00 down ${APP}`, "13:05:04 up"],
    incidents: [`13:00:00? 304s health check/health check ${APP} didn't answer (timed out)`],
  },
  "a proxy that hangs and recovers by itself": {
    rows: [
      check("13:05:00", `ERROR: ${PROXY_URL} does not answer as expected: HTTP status 502 instead of 200`),
    ],
    timeline: ["12:00:00 up", "13:00:00 down?", `13:05:00 down? ${PROXY}`, "13:10:00 up"],
    incidents: [`13:00:00? 600s health check/itself ${PROXY} didn't answer (HTTP status 502 instead of 200)`],
  },
  "a restart that doesn't help goes on as one incident": {
    rows: [
      check("13:05:00", `ERROR: ${APP_URL} does not answer as expected: refused`),
      event("13:05:01", APP, "stopping", { job: "stop" }),
      event("13:05:01.5", APP, "stopped", { job: "restart" }),
      event("13:05:02", APP, "started"),
      check("13:05:20", `ERROR: ${APP_URL} still does not answer as expected: refused`),
    ],
    timeline: [
      ...["12:00:00 up", "13:00:00 down?", `13:05:00 down ${APP}`, "13:05:02 down?"],
      ...[`13:05:20 down? ${APP}`, "13:10:00 up"],
    ],
    incidents: [
      `13:00:00? 600s health check/operator ${APP} didn't answer (refused); ${APP} was restarted by hand`,
    ],
  },
  "only outside: no downtime, but told": {
    rows: [check("13:05:00", "ERROR: https://rps.pan2.app is not reachable: 530")],
    timeline: ["12:00:00 up"],
    incidents: ["13:00:00?! 600s health check/itself https://rps.pan2.app is not reachable: 530"],
  },
  "a crash loop is one incident": {
    rows: ["13:02:00", "13:02:12", "13:02:24"].flatMap((time) => [
      event(time, APP, "exited", { code: "exited", status: "3" }),
      event(`${time}.1`, APP, "failed", { result: "exit-code" }),
      event(
        time.replace(/\d$/, (digit) => `${Number(digit) + 1}`),
        APP,
        "restart-scheduled",
      ),
      event(
        time.replace(/\d$/, (digit) => `${Number(digit) + 2}`),
        APP,
        "started",
      ),
    ]),
    timeline: [
      ...["12:00:00 up", `13:02:00 down ${APP}`, "13:02:02 up", `13:02:12 down ${APP}`, "13:02:14 up"],
      ...[`13:02:24 down ${APP}`, "13:02:26 up"],
    ],
    incidents: [`13:02:00 26s systemd/systemd ${APP} exited with status 3; 3 crashes in a row`],
  },
  "a stop by hand right after a crash is an incident of its own": {
    rows: [
      event("13:02:00", APP, "exited", { code: "exited", status: "3" }),
      event("13:02:10", APP, "restart-scheduled"),
      event("13:02:11", APP, "started"),
      event("13:02:20", APP, "stopping", { job: "stop" }),
      event("13:02:20.5", APP, "stopped", { job: "restart" }),
      event("13:02:21", APP, "started"),
    ],
    timeline: [
      ...["12:00:00 up", `13:02:00 down ${APP}`, "13:02:11 up", `13:02:20 down ${APP}`, "13:02:21 up"],
    ],
    incidents: [
      `13:02:00 11s systemd/systemd ${APP} exited with status 3`,
      `13:02:20 1s -/operator ${APP} was restarted by hand`,
    ],
  },
  "the start limit is named": {
    rows: [
      event("13:02:00", PROXY, "exited", { code: "exited", status: "1" }),
      event("13:02:01", PROXY, "failed", { result: "start-limit-hit" }),
      check("13:05:00", `ERROR: ${PROXY} is not running`, `Attempting to restart ${PROXY}...`),
      event("13:05:01", PROXY, "started"),
      check("13:05:02", `SUCCESS: ${PROXY} restarted successfully`, PASSED),
    ],
    timeline: ["12:00:00 up", `13:02:00 down ${PROXY}`, "13:05:02 up"],
    incidents: [
      `13:02:00 182s systemd/health check ${PROXY} exited with status 1; ${PROXY} reached its start limit: systemd gave up`,
    ],
  },
  "an update's restart is the update's": {
    rows: [
      "install\t2026-01-22T14:01:59+0100",
      "update\t2026-01-22T14:02:09+0100\tabcdef0123456789\tconfirmed",
      event("13:02:00", APP, "stopping", { job: "stop" }),
      event("13:02:00.5", APP, "started"),
    ],
    timeline: ["12:00:00 up", `13:02:00 down ${APP}`, "13:02:00.5 up"],
    incidents: ["13:02:00 0.5s -/update an update to revision abcdef0123456789"],
  },
  "maintenance is neither up nor down; the start at its end belongs to it": {
    rows: [
      hold("13:02:00", "begin"),
      event("13:02:00.4", APP, "stopping", { job: "stop" }),
      event("13:03:00", APP, "skipped", { job: "start" }),
      check("13:05:00", "Maintenance: since x (operator: a disk); skipping"),
      hold("13:08:00", "end"),
      event("13:08:02", APP, "started"),
    ],
    timeline: ["12:00:00 up", "13:02:00 maintenance", "13:08:02 up"],
    incidents: [],
  },
  "it goes on while another holds it, and what doesn't start a minute after it is down": {
    rows: [
      hold("13:01:00", "begin", "config", ""),
      event("13:01:00.4", APP, "stopping", { job: "stop" }),
      hold("13:02:00", "begin"),
      hold("13:03:00", "end", "config"),
      hold("13:04:00", "end"),
      event("13:06:00", APP, "started"),
    ],
    timeline: ["12:00:00 up", "13:01:00 maintenance", `13:05:00 down ${APP}`, "13:06:00 up"],
    incidents: ["13:05:00 60s -/operator not started after maintenance"],
  },
  "a reboot is downtime from the stop to the start": {
    rows: [
      boot("aaaaaa", "11:00:00", "13:02:04"),
      boot("bbbbbb", "13:02:30", "14:00:00"),
      event("13:02:00", APP, "stopping", { job: "stop" }),
      event("13:02:00.1", PROXY, "stopping", { job: "stop" }),
      event("13:02:04.2", "shutdown.target", "started"),
      event("13:02:40", APP, "started", { boot: "bbbbbb" }),
      event("13:02:41", PROXY, "started", { boot: "bbbbbb" }),
    ],
    timeline: [
      ...["12:00:00 up", `13:02:00 down ${APP}`, `13:02:00.1 down ${APP} ${PROXY}`, "13:02:04.2 off"],
      ...[`13:02:30 down ${APP} ${PROXY}`, `13:02:40 down ${PROXY}`, "13:02:41 up"],
    ],
    incidents: ["13:02:00 41s -/boot reboot or shutdown"],
  },
  "a reboot within a second, whose boots overlap by their whole seconds": {
    rows: [
      boot("aaaaaa", "11:00:00", "13:02:04"),
      boot("bbbbbb", "13:02:04", "14:00:00"),
      event("13:02:04", APP, "stopping", { job: "stop" }),
      event("13:02:04.2", "shutdown.target", "started"),
      event("13:02:04.6", APP, "started", { boot: "bbbbbb" }),
      event("13:02:04.7", PROXY, "started", { boot: "bbbbbb" }),
    ],
    timeline: [
      ...["12:00:00 up", `13:02:04 down ${APP}`, "13:02:04.2 off", `13:02:04.201 down ${APP} ${PROXY}`],
      ...[`13:02:04.6 down ${PROXY}`, "13:02:04.7 up"],
    ],
    incidents: ["13:02:04 0.7s -/boot reboot or shutdown"],
  },
  "a stop by hand shortly before a reboot is told as such": {
    rows: [
      boot("aaaaaa", "11:00:00", "13:02:30"),
      boot("bbbbbb", "13:02:40", "14:00:00"),
      event("13:02:00", PROXY, "stopping", { job: "stop" }),
      event("13:02:05", PROXY, "started"),
      event("13:02:30", "shutdown.target", "started"),
      event("13:02:41", APP, "started", { boot: "bbbbbb" }),
      event("13:02:41", PROXY, "started", { boot: "bbbbbb" }),
    ],
    timeline: [
      ...["12:00:00 up", `13:02:00 down ${PROXY}`, "13:02:05 up", "13:02:30 off"],
      ...[`13:02:40 down ${APP} ${PROXY}`, "13:02:41 up"],
    ],
    incidents: [
      `13:02:00 5s -/operator ${PROXY} was stopped by hand`,
      "13:02:30 11s -/boot reboot or shutdown",
    ],
  },
  "a power cut begins with the journal's last entry": {
    rows: [
      boot("aaaaaa", "11:00:00", "13:01:00"),
      boot("bbbbbb", "13:02:30", "14:00:00"),
      event("13:02:40", APP, "started", { boot: "bbbbbb" }),
      event("13:02:41", PROXY, "started", { boot: "bbbbbb" }),
    ],
    timeline: [
      ...["12:00:00 up", "13:01:00 off", `13:02:30 down ${APP} ${PROXY}`],
      ...[`13:02:40 down ${PROXY}`, "13:02:41 up"],
    ],
    incidents: ["13:01:00 101s -/boot the host went off without a shutdown"],
  },
  "a check by hand, in the log only, doesn't come before the stop of the same second": {
    rows: [
      event("13:02:00.6", PROXY, "stopping", { job: "stop" }),
      event("13:02:01.3", PROXY, "started"),
      logged("13:02:00", `ERROR: ${PROXY} is not running`, `Attempting to restart ${PROXY}...`),
      logged("13:02:01", `SUCCESS: ${PROXY} restarted successfully`, PASSED),
    ],
    timeline: ["12:00:00 up", `13:02:00.6 down ${PROXY}`, "13:02:01.3 up"],
    incidents: [`13:02:00.6 0.7s health check/health check ${PROXY} was stopped by hand`],
  },
  "a failed reload ends nothing": {
    rows: [event("13:02:00", PROXY, "exited", { code: "exited", status: "1", command: "ExecReload" })],
    timeline: ["12:00:00 up"],
    incidents: [],
  },
  "lines that only look like the check's say nothing": {
    rows: [
      check(
        "13:02:00",
        "ERROR: other.service is not running",
        "Attempting to restart ../x...",
        "x SUCCESS: All",
      ),
      "check\tnonsense\t[] ERROR: rps.service is not running",
      "event\t1\taaaaaa\trps.service\texploded",
      "log\t\u001b[31m",
      "\t\t\t",
    ],
    timeline: ["12:00:00 up"],
    incidents: [],
  },
};

test.each(Object.entries(CASES))("%s", (_, { rows, timeline: lines, incidents: told }) => {
  const report = reportOf([before, after, ...rows]);
  expect(timeline(report)).toEqual(lines);
  expect(incidents(report)).toEqual(told);
  const total = report.segments.reduce((sum, { from, to }) => sum + to - from, 0);
  expect(total).toBe(7_200_000);
});
