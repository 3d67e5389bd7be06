import { expect, test } from "vitest";

import { repairByCheck, repairBySystemd } from "../../../../scripts/lib/drill/journal";

/** As `journalctl --output short-unix` prints them. */
const CRASH = [
  "99.000000 web1 systemd[1]: shop.service: Main process exited, code=exited, status=0/SUCCESS",
  "100.012000 web1 systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL",
  "100.020000 web1 systemd[1]: shop.service: Failed with result 'signal'.",
  "110.100000 web1 systemd[1]: shop.service: Scheduled restart job, restart counter is at 1.",
].join("\n");

const check = (...lines: [number, string][]): string =>
  lines
    .map(([time, text]) => `${time.toFixed(6)} web1 health-check.sh[99]: [2026-01-22 22:20:00] ${text}`)
    .join("\n");
const START = "=== Starting Health Check ===";
const ERROR = "ERROR: shop.service is not running";
const REPAIR = "Attempting to restart shop.service...";

test("systemd notices the end of a process, and begins its repair with the wait for RestartSec=", () => {
  expect(repairBySystemd(CRASH, 100)).toEqual({ noticed: 100.012, begun: 100.012 });
  expect(repairBySystemd(CRASH, 101)).toBeUndefined();
});

test("the run of the health check that finds it has noticed it; the repair begins with its restart", () => {
  const journal = check(
    [50, START],
    [51, "SUCCESS: All checks passed"],
    [350, START],
    [382, ERROR],
    [382, REPAIR],
  );
  expect(repairByCheck(journal, 100)).toEqual({ noticed: 350, begun: 382 });
});

test("a run that was under way at the failure noticed it at once", () => {
  const journal = check([99, START], [101, ERROR], [101.5, REPAIR]);
  expect(repairByCheck(journal, 100)).toEqual({ noticed: 100, begun: 101.5 });
});

test("with failuresBeforeRepair the first run has noticed it, a later one repairs it", () => {
  const journal = check([200, START], [201, ERROR], [500, START], [501, ERROR], [501, REPAIR]);
  expect(repairByCheck(journal, 100)).toEqual({ noticed: 200, begun: 501 });
});

test("a check that doesn't repair hasn't begun to", () => {
  expect(repairByCheck(check([200, START], [201, ERROR]), 100)).toBeUndefined();
  expect(repairByCheck("", 100)).toBeUndefined();
});
