import { expect, test } from "vitest";

import { resolveLog } from "../../../../scripts/lib/report/localTime";

/** 2026-10-25 at 01:00 UTC, Berlin's clocks go from 03:00 back to 02:00; on 2026-03-29 at 01:00 UTC from 02:00 to 03:00. */
const BERLIN = "Europe/Berlin";
const utc = (time: string): number => Date.parse(`${time.replace(" ", "T")}Z`);

const log = (...lines: string[]): string[] => lines.map((line) => `[${line.slice(0, 19)}] ${line.slice(20)}`);
const journal = (...lines: readonly [time: string, line: string][]) =>
  lines.map(([time, line]) => ({ at: utc(time), line: log(line)[0] ?? "" }));

const shown = (resolved: ReturnType<typeof resolveLog>): string[] =>
  resolved.lines.map(
    ({ at, text, source }) =>
      `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} ${text} ${source}`,
  );

test("without the journal, the host's zone tells the time", () => {
  const resolved = resolveLog(log("2026-01-22 22:14:39 a", "2026-07-22 22:14:39 b"), [], BERLIN);
  expect(shown(resolved)).toEqual(["2026-01-22 21:14:39 a log", "2026-07-22 20:14:39 b log"]);
  expect(resolved.ambiguous).toBe(0);
});

test("what the journal has too is there once, with the journal's time", () => {
  const both = "2026-01-22 22:14:39 a";
  const resolved = resolveLog(log(both), journal(["2026-01-22 21:14:39.750", both]), "UTC");
  expect(resolved.lines).toEqual([{ at: utc("2026-01-22 21:14:39.750"), text: "a", source: "journal" }]);
});

test("the journal's lines tell the offset of those between them, whatever the zone is now", () => {
  const [first, last] = ["2026-01-22 22:10:00 a", "2026-01-22 22:20:00 c"];
  const resolved = resolveLog(
    log(first, "2026-01-22 22:15:00 b", last),
    journal(["2026-01-22 17:10:00", first], ["2026-01-22 17:20:00", last]),
    BERLIN,
  );
  expect(shown(resolved)).toEqual([
    "2026-01-22 17:10:00 a journal",
    "2026-01-22 17:15:00 b log",
    "2026-01-22 17:20:00 c journal",
  ]);
});

test("in the hour that comes twice, the journal on both sides leaves one time that fits", () => {
  const summer = "2026-10-25 02:40:00 a";
  const winter = "2026-10-25 02:10:00 c";
  const resolved = resolveLog(
    log(summer, "2026-10-25 02:45:00 b", winter, "2026-10-25 02:50:00 d", "2026-10-25 03:00:00 e"),
    journal(
      ["2026-10-25 00:40:00", summer],
      ["2026-10-25 01:10:00", winter],
      ["2026-10-25 02:00:00", "2026-10-25 03:00:00 e"],
    ),
    BERLIN,
  );
  expect(shown(resolved)).toEqual([
    "2026-10-25 00:40:00 a journal",
    "2026-10-25 00:45:00 b log",
    "2026-10-25 01:10:00 c journal",
    "2026-10-25 01:50:00 d log",
    "2026-10-25 02:00:00 e journal",
  ]);
  expect(resolved.ambiguous).toBe(0);
});

test("without the journal, the order in the log tells the second time from the first, and what it doesn't tell is counted", () => {
  const resolved = resolveLog(
    log("2026-10-25 01:50:00 a", "2026-10-25 02:30:00 b", "2026-10-25 02:10:00 c", "2026-10-25 03:10:00 d"),
    [],
    BERLIN,
  );
  expect(shown(resolved)).toEqual([
    "2026-10-24 23:50:00 a log",
    "2026-10-25 00:30:00 b log",
    "2026-10-25 01:10:00 c log",
    "2026-10-25 02:10:00 d log",
  ]);
  expect(resolved.ambiguous).toBe(1);
});

test("a local time that the clocks passed over is taken by the former offset", () => {
  expect(shown(resolveLog(log("2026-03-29 02:30:00 a"), [], BERLIN))).toEqual(["2026-03-29 01:30:00 a log"]);
});

test("what isn't a line of the health check is left out", () => {
  const lines = [
    "",
    "plain",
    "[2026-13-45 99:99:99] a",
    "[2026-01-22 22:14:39]b",
    "\u0000[2026-01-22 22:14:39] c",
  ];
  expect(resolveLog(lines, [], BERLIN)).toEqual({ lines: [], ambiguous: 0 });
});

test("a line of the journal whose own time is days away says nothing of the clocks", () => {
  const odd = "2026-01-01 00:00:00 a";
  const resolved = resolveLog(
    log(odd, "2026-01-22 22:15:00 b", odd),
    journal(["2026-01-22 21:10:00", odd]),
    BERLIN,
  );
  expect(shown(resolved)).toEqual(["2026-01-22 21:10:00 a journal", "2026-01-22 21:15:00 b log"]);
});
