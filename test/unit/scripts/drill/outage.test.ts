import { expect, test } from "vitest";

import { ANSWERS, isOver, outageSince, type Sample } from "../../../../scripts/lib/drill/outage";

/** A request each quarter of a second, from second 0 on, that was answered at once. */
const samplesOf = (...seen: string[]): Sample[] =>
  seen.map((one, index) => ({ from: index / 4, to: index / 4 + 0.1, seen: one }));
const times = (count: number, seen: string): string[] => Array.from({ length: count }, () => seen);

test("an outage lasts from the first request that failed until the first answer has arrived", () => {
  const samples = samplesOf(ANSWERS, ANSWERS, "refused", "refused", "HTTP status 503", ANSWERS);
  expect(outageSince(0.3, samples)).toEqual({
    from: 0.5,
    to: 1.35,
    seen: [
      { what: "refused", seconds: 0.5 },
      { what: "HTTP status 503", seconds: expect.closeTo(0.35, 5) as number },
    ],
  });
});

test("a request that was under way at the failure counts from the failure on", () => {
  const samples = [
    { from: 0, to: 10, seen: "no answer within 10 s" },
    { from: 10, to: 10.1, seen: ANSWERS },
  ];
  expect(outageSince(4, samples)).toMatchObject({ from: 4, to: 10.1 });
});

test("what was wrong before the failure is another outage", () => {
  expect(outageSince(1, samplesOf("refused", "refused", ANSWERS, ANSWERS, ANSWERS, ANSWERS))).toBeUndefined();
});

test("one that comes back and goes again is one outage", () => {
  const samples = samplesOf(ANSWERS, "refused", ANSWERS, ANSWERS, "HTTP status 502", ANSWERS);
  expect(outageSince(0, samples)).toMatchObject({ from: 0.25, to: 1.35 });
});

test("it's over when it has answered for three seconds", () => {
  const samples = samplesOf("refused", ...times(12, ANSWERS));
  const outage = outageSince(0, samples);
  expect(outage && isOver(outage, samples)).toBe(false);
  const later = samplesOf("refused", ...times(13, ANSWERS));
  expect(outage && isOver(outage, later)).toBe(true);
});

test("as long as nothing answers there is no end", () => {
  const samples = samplesOf(ANSWERS, "refused", "refused");
  const outage = outageSince(0, samples);
  expect(outage).not.toHaveProperty("to");
  expect(outage && isOver(outage, samples)).toBe(false);
});
