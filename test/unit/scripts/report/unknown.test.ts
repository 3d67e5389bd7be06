import { describe, expect, test } from "vitest";

import { parseRecord, unpackRecord } from "../../../../scripts/lib/report/hostRecord";
import { APP, APP_URL, check, checksBetween, event, incidents, PASSED, reportOf, timeline } from "./support";

const before = checksBetween("11:30:00", "13:00:00");

describe("what isn't known", () => {
  test("is all of it, where there is nothing", () => {
    const report = reportOf([]);
    expect(timeline(report)).toEqual(["12:00:00 unknown"]);
    expect(report.summary).not.toHaveProperty("availability");
    expect(report.summary.isMet).toBe(false);
    expect(report.exactness).toContain("Nothing is known of this time.");
  });

  test("is what comes before the first sign, and a pause in the checks", () => {
    const report = reportOf([checksBetween("12:20:00", "12:40:00"), checksBetween("13:20:00", "13:55:00")]);
    expect(timeline(report)).toEqual([
      ...["12:00:00 unknown", "12:20:00 up", "12:40:00 unknown", "13:20:00 up"],
    ]);
    expect(report.summary).toMatchObject({ availability: 1, isMet: true, unknownMs: 3_600_000 });
    expect(report.exactness.join()).toContain("Nothing is known before 2026-01-22 12:20:00");
  });

  test("is the time after the last sign, if it's too old", () => {
    expect(timeline(reportOf([checksBetween("11:30:00", "13:30:00")]))).toEqual([
      ...["12:00:00 up", "13:30:00 unknown"],
    ]);
  });

  test("a failure after a pause is down from when it was found", () => {
    const late = check("13:30:00", `ERROR: ${APP_URL} does not answer as expected: refused`);
    const report = reportOf([before, late, check("13:35:00", PASSED), checksBetween("13:40:00", "13:55:00")]);
    expect(timeline(report)).toEqual([
      ...["12:00:00 up", "13:00:00 unknown", `13:30:00 down? ${APP}`, "13:35:00 up"],
    ]);
  });
});

describe("an incident that goes on", () => {
  test("has no end, and counts until now", () => {
    const report = reportOf([before, event("13:02:00", APP, "exited", { code: "dumped", status: "11" })]);
    expect(incidents(report)).toEqual([`13:02:00 on systemd/- ${APP} was killed by SIGSEGV`]);
    expect(report.summary).toMatchObject({ downMs: 58 * 60_000, longestMs: 58 * 60_000, isMet: false });
    expect(report.summary).not.toHaveProperty("meanTimeToRecoveryMs");
  });

  test("maintenance that somebody holds now too, by a marker that nothing was written down of", () => {
    const report = reportOf([before, "held\toperator\t2026-01-22T13:02:00+0000\tbob\t"]);
    expect(timeline(report)).toEqual(["12:00:00 up", "13:02:00 maintenance"]);
  });
});

test("without a proxy, the service alone counts", () => {
  const report = reportOf(
    [event("11:55:00", "shop.service", "started"), checksBetween("12:00:00", "13:55:00")],
    {
      hasProxy: false,
    },
  );
  expect(timeline(report)).toEqual(["12:00:00 up"]);
});

test("a record that was cut off is refused", () => {
  expect(() => parseRecord("now\t1\nzone\tUTC\n")).toThrow("cut off");
  expect(() => unpackRecord("H4sIAAAA")).toThrow();
});
