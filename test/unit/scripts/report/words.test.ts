import { expect, test } from "vitest";

import { duration, objectiveText, percent, timeSpanMs } from "../../../../scripts/lib/report/words";

test.each([
  ["90", 90_000],
  ["30d", 30 * 86_400_000],
  ["5min", 300_000],
  ["1h 30min", 5_400_000],
  ["2 weeks", 14 * 86_400_000],
  ["500ms", 500],
  ["", undefined],
  ["30 parsecs", undefined],
  ["-5min", undefined],
  ["yesterday", undefined],
])("the time span %s", (text, ms) => {
  expect(timeSpanMs(text)).toBe(ms);
});

test.each([
  [0, "0.0 s"],
  [9_940, "9.9 s"],
  [9_960, "10 s"],
  [303_000, "5 min 3 s"],
  [3_600_000, "1 h"],
  [3_603_000, "1 h"],
  [7_500_000, "2 h 5 min"],
  [100 * 86_400_000, "100 d"],
])("%i ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("a share is never rounded up to what it isn't", () => {
  expect(percent(0.9989999)).toBe("99.899 %");
  expect(percent(1)).toBe("100.000 %");
  expect(objectiveText(0.99995)).toBe("99.995 %");
});
