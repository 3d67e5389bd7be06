import { describe, expect, test } from "vitest";

import { isProduction, productionRefusal, requestOf } from "../../../../scripts/lib/drill/request";
import { SCENARIOS, targetOf } from "../../../../scripts/lib/drill/scenarios";
import type { Config } from "../../../../src/config/types";

const all = SCENARIOS;
const withoutProxy = all.filter(({ needsProxy }) => needsProxy !== true);

describe("options", () => {
  test("without any, each failure that is possible is made once, and the timer is waited for", () => {
    const request = requestOf({ quick: false }, all, withoutProxy);
    expect(request).toEqual({ scenarios: withoutProxy, rounds: 1, isQuick: false });
    expect(withoutProxy.map(({ name }) => name)).toEqual(["app-crash", "app-stopped", "app-hangs", "reboot"]);
  });

  test("--only keeps the drill's own order", () => {
    const { scenarios } = requestOf({ only: "reboot, app-crash", quick: false }, all, all);
    expect(scenarios.map(({ name }) => name)).toEqual(["app-crash", "reboot"]);
  });

  test.each([
    [{ only: "meteorite" }, 'no failure "meteorite"; --only takes: app-crash, proxy-crash'],
    [{ only: "" }, 'no failure ""'],
    [{ only: "app-crash,start-limit" }, "start-limit isn't possible here"],
    [{ rounds: "0" }, "--rounds must be a whole number from 1 to 20, got 0"],
    [{ rounds: "21" }, "got 21"],
    [{ rounds: "two" }, "got two"],
    [{ url: "shop.example" }, "--url must begin with http:// or https://, got shop.example"],
  ])("%j is refused", (options, sentence) => {
    expect(() => requestOf({ quick: false, ...options }, all, withoutProxy)).toThrow(sentence);
  });
});

describe("production", () => {
  test.each(["prod", "production", "Prod", "prod-eu", "shop.production", "eu_live"])("%s is", (stack) => {
    expect(isProduction(stack)).toBe(true);
    expect(productionRefusal(stack, undefined)).toContain(`--production ${stack}`);
    expect(productionRefusal(stack, stack)).toBeUndefined();
    expect(productionRefusal(stack, "other")).toContain("--production names other");
  });

  test.each(["dev", "staging", "test", "product-page", "reproduction", "delivery"])("%s isn't", (stack) => {
    expect(isProduction(stack)).toBe(false);
    expect(productionRefusal(stack, undefined)).toBeUndefined();
  });

  test("another stack's name is a slip, in whatever stack", () => {
    expect(productionRefusal("staging", "prod")).toContain("the stack is staging");
  });
});

describe("failures", () => {
  const proxy = { unit: "nginx.service", startLimitBurst: 4 };
  const target = targetOf({ service: { name: "shop" }, proxy } as Pick<Config, "service" | "proxy">);

  test("each is a plain command, with the units of the stack", () => {
    const commands = all.map(({ name, strike }) => [name, strike(target).join(" ")]);
    expect(Object.fromEntries(commands)).toEqual({
      "app-crash": "systemctl kill --signal KILL shop.service",
      "proxy-crash": "systemctl kill --signal KILL nginx.service",
      "app-stopped": "systemctl stop shop.service",
      "proxy-stopped": "systemctl stop nginx.service",
      "both-stopped": "systemctl stop shop.service nginx.service",
      "app-hangs": "systemctl kill --signal STOP shop.service",
      "proxy-hangs": "systemctl kill --signal STOP nginx.service",
      "start-limit": "systemctl kill --signal KILL nginx.service",
      reboot: "systemctl reboot",
    });
  });

  test("the start limit is reached by as many kills as starts are allowed, and one more", () => {
    const limit = all.find(({ name }) => name === "start-limit");
    // Twice: a daemon-reload in the middle lets systemd count anew.
    expect(limit?.untilFailed?.(target)).toEqual({ unit: "nginx.service", times: 9 });
  });

  test("a miss can be measured: each is waited for longer than its objective", () => {
    for (const { objective, limitSec } of all) expect(limitSec).toBeGreaterThan(objective.totalSec);
  });
});
