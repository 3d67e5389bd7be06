import { expect, test } from "vitest";

import { APP, boot, check, checksBetween, event, incidents, PROXY, reportOf } from "./support";

test("a repair that failed ended nothing, and how a start failed is told", () => {
  const report = reportOf([
    ...[checksBetween("11:30:00", "13:00:00"), checksBetween("13:10:00", "13:55:00")],
    event("13:04:00", APP, "stopping", { job: "stop" }),
    event("13:04:01", APP, "stopped", { job: "stop" }),
    check("13:05:00", `ERROR: ${APP} is not running`, `Attempting to restart ${APP}...`),
    event("13:05:00.2", APP, "starting", { job: "restart" }),
    event("13:05:00.3", APP, "exited", { code: "exited", status: "203" }),
    event("13:05:00.4", APP, "failed", { result: "exit-code" }),
    check("13:05:01", `ERROR: ${APP} could not be restarted: Job for ${APP} failed`),
    event("13:06:00", APP, "started"),
  ]);
  expect(incidents(report)).toEqual([
    `13:04:00 120s health check/operator ${APP} was stopped by hand; ${APP} exited with status 203 when it was started`,
  ]);
});

test("a repair ends with the answer, not with the start, which may come long before it", () => {
  const report = reportOf([
    ...[checksBetween("11:30:00", "13:00:00"), checksBetween("13:10:00", "13:55:00")],
    event("13:04:59", APP, "exited", { code: "killed", status: "9" }),
    check("13:05:00", `ERROR: ${APP} is not running`, `Attempting to restart ${APP}...`),
    event("13:05:00.2", APP, "started"),
    check("13:05:21", `SUCCESS: ${APP} restarted successfully`),
    // Nobody waits for the answer of one by hand.
    event("13:06:00", APP, "stopping", { job: "restart" }),
    event("13:06:00.5", APP, "started"),
  ]);
  expect(incidents(report)).toEqual([
    `13:04:59 22s systemd/health check ${APP} was killed by SIGKILL`,
    `13:06:00 0.5s -/operator ${APP} was stopped by hand`,
  ]);
});

test("a repair whose restart takes longer than the check waits is the check's all the same", () => {
  const report = reportOf([
    ...[checksBetween("11:30:00", "13:00:00"), checksBetween("13:10:00", "13:55:00")],
    check("13:05:00", `ERROR: http://127.0.0.1:5137/ does not answer as expected: timed out`),
    check("13:05:00.1", `Attempting to restart ${APP}...`),
    event("13:05:00.2", APP, "stopping", { job: "restart" }),
    check("13:06:00", `ERROR: ${APP} could not be restarted: its restart still goes on`),
    event("13:06:30", APP, "exited", { code: "killed", status: "9" }),
    event("13:06:30.5", APP, "started"),
  ]);
  expect(incidents(report)).toEqual([
    `13:00:00? 390.5s health check/health check ${APP} didn't answer (timed out)`,
  ]);
});

test("a power cut whose last sign comes within a second of a reboot isn't blamed on that", () => {
  const started = (time: string, id: string) =>
    [APP, PROXY].map((unit) => event(time, unit, "started", { boot: id }));
  const report = reportOf([
    checksBetween("11:30:00", "13:00:00"),
    ...[boot("aaaaaa", "11:00:00", "13:02:05"), boot("bbbbbb", "13:02:05", "13:02:06")],
    boot("cccccc", "13:02:11", "14:00:00"),
    event("13:02:04.8", APP, "stopping", { job: "stop" }),
    event("13:02:05.01", "shutdown.target", "started"),
    ...started("13:02:05.4", "bbbbbb"),
    ...started("13:02:11.2", "cccccc"),
    checksBetween("13:10:00", "13:55:00"),
  ]);
  expect(incidents(report)).toEqual([
    "13:02:04.8 0.6s -/boot reboot or shutdown",
    "13:02:06 5.2s -/boot the host went off without a shutdown",
  ]);
});
