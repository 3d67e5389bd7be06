import { describe, expect, test } from "vitest";

import { type PageHost, reportPage } from "../../../../scripts/lib/report/page";
import { stripsOf } from "../../../../scripts/lib/report/strips";
import { reportText } from "../../../../scripts/lib/report/terminal";
import { APP, APP_URL, at, check, checksBetween, event, reportOf } from "./support";

const MARKUP = `<script>alert("1")</script>&'`;
const EVIL = `${MARKUP}\u001b[31m`;
const report = reportOf([
  checksBetween("11:30:00", "13:00:00"),
  check("13:05:00", `ERROR: ${APP_URL} does not answer as expected: ${EVIL}`),
  event("13:30:00", APP, "exited", { code: "exited", status: EVIL }),
]);
const host = { name: MARKUP, address: MARKUP };
const page = (hosts: readonly PageHost[]): string =>
  reportPage({ stack: MARKUP, service: MARKUP, objective: 0.999 }, hosts);

describe("the page", () => {
  const html = page([
    { host, report },
    { host, error: MARKUP },
  ]);

  test("has nothing of what a host says as markup, and no control characters", () => {
    expect(html).not.toContain("<script");
    expect(html).toContain("&lt;script&gt;");
    // eslint-disable-next-line no-control-regex -- that's what must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  });

  test("needs nothing from elsewhere", () => {
    expect(html).not.toMatch(/\b(src|href)=|@import|url\((?!#)/);
    expect(html).toContain("default-src 'none'");
  });

  test("is well-formed: every element that is opened is closed", () => {
    const open: string[] = [];
    for (const [, slash, name = "", rest = ""] of html.matchAll(
      /<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*)>/g,
    )) {
      if (["meta"].includes(name) || rest.endsWith("/")) continue;
      if (slash === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  test("says what the terminal says", () => {
    const text = reportText(report, 0.999).join("\n");
    for (const figure of ["missed", "downtime", "error budget", "mean time to recovery", "goes on"]) {
      expect(text).toContain(figure);
      expect(html).toContain(figure);
    }
  });
});

describe("the timeline's picture", () => {
  const segment = (from: number, to: number, state: "up" | "down" = "up") => ({
    ...{ from, to, state, isCertain: true, units: [] },
  });
  const strips = (from: string, to: string) =>
    stripsOf([segment(at(from), at(to))], { from: at(from), to: at(to), maxGapMs: 0 });

  test.each([
    ["an hour is one strip", "12:00:00", "13:00:00", 1],
    ["a month is a strip a day, also the days begun", "2025-12-23 12:00:00", "12:00:00", 31],
    ["a year is a strip a week", "2025-01-22 00:00:00", "2026-01-22 00:00:00", 53],
  ])("%s", (_, from, to, rows) => {
    const { labels, bars, ticks, width } = strips(from, to);
    expect(labels).toHaveLength(rows);
    expect(bars).toHaveLength(rows);
    expect(ticks.length).toBeGreaterThan(3);
    expect(ticks.length).toBeLessThan(14);
    for (const bar of bars) expect(bar.x + bar.width).toBeLessThanOrEqual(width);
  });

  test("a second of a month can be seen, at the very end of a day too", () => {
    const end = at("2026-01-10 00:00:00");
    const window = { from: at("2025-12-23 12:00:00"), to: at("12:00:00"), maxGapMs: 0 };
    const { bars, width } = stripsOf([segment(end - 1000, end, "down")], window);
    expect(bars).toHaveLength(1);
    expect(bars[0]?.width).toBeGreaterThan(2);
    expect((bars[0]?.x ?? 0) + (bars[0]?.width ?? 0)).toBeLessThanOrEqual(width);
  });
});
