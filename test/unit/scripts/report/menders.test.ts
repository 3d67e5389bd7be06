import { expect, test } from "vitest";

import { APP, check, checksBetween, event, incidents, reportOf } from "./support";

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
