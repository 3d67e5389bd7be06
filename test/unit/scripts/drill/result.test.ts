import { expect, test } from "vitest";

import { median, resultOf, type Round, roundOf } from "../../../../scripts/lib/drill/result";
import { SCENARIOS } from "../../../../scripts/lib/drill/scenarios";
import { drillTable } from "../../../../scripts/lib/drill/table";

const scenario = (name: string) => {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};
const round = (detectionSec: number, recoverySec: number, totalSec: number): Round => ({
  ...{ detectionSec, confirmationSec: 0, recoverySec, totalSec },
  seen: [],
});
const outage = { from: 100.2, to: 430, seen: [{ what: "HTTP status 503", seconds: 329.8 }] };

test("a hang: the check finds it, asks again, restarts it, and it answers", () => {
  const observed = { struck: 100, repair: { noticed: 395, begun: 427 }, outage };
  expect(roundOf(observed, "health check")).toEqual({
    detectionSec: 295,
    confirmationSec: 32,
    recoverySec: 3,
    totalSec: 430 - 100.2,
    seen: outage.seen,
  });
});

test("a reboot has no detection, and recovers from the command on", () => {
  expect(roundOf({ struck: 100, outage }, "boot")).toEqual({
    recoverySec: 330,
    totalSec: 430 - 100.2,
    seen: outage.seen,
  });
});

test("what users didn't notice was no downtime", () => {
  const repair = { noticed: 100.1, begun: 100.1 };
  expect(roundOf({ struck: 100, repair }, "systemd")).toMatchObject({ recoverySec: 0, totalSec: 0 });
});

test("what doesn't come back, or isn't in the journal, has no figure", () => {
  const lost = roundOf({ struck: 100, outage: { from: 100.2, seen: [] } }, "health check");
  expect(lost).toEqual({ seen: [] });
});

test("the worst round must meet the objective, and is met exactly at it", () => {
  const rounds = [round(0, 10, 10), round(0.1, 12, 12), round(0, 10.4, 10.4)];
  const met = resultOf(scenario("app-crash"), rounds, false);
  expect(met.total).toEqual({ median: 10.4, worst: 12, objectiveSec: 12, isMet: true });
  expect(met.isMet).toBe(true);
  const missed = resultOf(scenario("app-crash"), [...rounds, round(0, 12.1, 12.1)], false);
  expect(missed.total).toMatchObject({ worst: 12.1, isMet: false });
  expect(missed.isMet).toBe(false);
});

test("a round without a figure misses the objective", () => {
  const result = resultOf(scenario("app-stopped"), [round(290, 2, 293), { seen: [] }], false);
  expect(result.total).toEqual({ objectiveSec: 360, isMet: false });
  expect(result.isMet).toBe(false);
});

test("a check that the drill runs itself says nothing of detection and total downtime", () => {
  const slow = [round(500, 3, 500)];
  expect(resultOf(scenario("app-hangs"), slow, false).isMet).toBe(false);
  for (const result of [
    resultOf(scenario("app-hangs"), slow, true),
    resultOf(scenario("both-stopped"), slow, false),
  ]) {
    expect(result.noticedBy).toBe("check at once");
    expect(result.total).toEqual({ median: 500, worst: 500 });
    expect(result.isMet).toBe(true);
  }
  expect(resultOf(scenario("app-crash"), slow, true)).toMatchObject({ noticedBy: "systemd", isMet: false });
});

test("the median of an even number is between the two in the middle", () => {
  expect(median([3])).toBe(3);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
});

test("the table says what was measured, against what, and the verdict", () => {
  const rounds = [round(0, 10, 10.3), round(0.1, 10.6, 10.9), round(0, 10.4, 10.4)];
  const results = [
    resultOf(scenario("app-crash"), rounds, true),
    resultOf(scenario("both-stopped"), rounds, true),
    resultOf(scenario("app-stopped"), [{ seen: [] }], false),
    resultOf(scenario("reboot"), [{ recoverySec: 181, totalSec: 180, seen: [] }], false),
  ];
  expect(drillTable(results)).toMatchInlineSnapshot(`
    "median / worst of 3 rounds, in seconds (≤ the seed's objective, which the worst must meet)
      FAILURE       THE SEED'S ROW         NOTICED BY     DETECTION        RECOVERY            TOTAL DOWNTIME      VERDICT
      app crash     process crash          systemd        0.0 / 0.1 (≤ 1)  10.4 / 10.6 (≤ 12)  10.4 / 10.9 (≤ 12)  met
      both stopped  HTTP endpoint failure  check at once  0.0 / 0.1        10.4 / 10.6 (≤ 15)  10.4 / 10.9         met
      app stopped   HTTP endpoint failure  timer          not seen         not seen            not seen            MISSED
      reboot        server reboot          boot           -                181.0 (≤ 180)       180.0 (≤ 180)       MISSED"
  `);
  expect(drillTable(results.slice(3)).split("\n")[0]).toBe("in seconds (≤ the seed's objective)");
});
