import { describe, expect, test } from "vitest";

import { diagnose } from "../../../../scripts/lib/doctor/diagnosis";
import {
  type Case,
  CERTIFICATE,
  expectTold,
  BAD_GATEWAY,
  DOWN,
  FAILED,
  LOG,
  from502,
  hidden,
  lookOf,
  NOW,
  outsideWith,
  told,
  unit,
  withTunnel,
} from "./support";

test("where all is well, nothing is told", () => {
  expectTold({}, {});
});

describe("in maintenance", () => {
  const hold = ["maintenance", "operator", "2026-01-22T20:00:00+0100", "mia@desk", "a new disk"] as const;
  test("nothing is a fault that is so on purpose", () => {
    const stopped = [hold, unit("rps.service", ...DOWN), ["port_listener", ""]] as const;
    const lines = told({ ...hidden, observed: stopped });
    expect(Object.values(lines).flat().join()).not.toMatch(/failed|warning/);
    expect(lines["application"]).toEqual(["not tested: rps.service is stopped on purpose"]);
  });

  test("a certificate that expires is a fault all the same", () => {
    const outside = outsideWith({ kind: "answered", status: 502, hasText: false });
    const expired = { ...outside, certificate: { ...CERTIFICATE, to: NOW - 86_400_000 } };
    const lines = told({ observed: [hold], more: { outside: expired } });
    expect(lines["certificate"]?.[0]).toContain("expired on 2026-01-21");
    expect(lines["external from here"]).toEqual(["not tested: the application is stopped on purpose"]);
  });
});

describe("above the service", () => {
  test("an application that hangs is at fault, not the proxy", () => {
    const silent = ["28", "000", "2", "0", "timed out"] as const;
    expectTold(
      {
        facts: [
          ["url", "app", ...silent],
          ["url", "proxy", ...silent],
          ["url", "external", ...silent],
          ["main_process", "rps.service", "100", "T (stopped)"],
        ],
        more: from502,
      },
      {
        application: [
          "failed: http://127.0.0.1:5137/ doesn't answer within 10 s (its process is stopped by a signal: SIGSTOP)",
          "host: systemctl kill --signal=CONT rps.service",
        ],
        "proxy answer": ["not tested: the application behind it doesn't answer"],
        "external from the host": ["not tested: application is at fault"],
        "external from here": ["not tested: application is at fault"],
      },
    );
  });

  test("a wrong status comes with the application's last words", () => {
    const { application } = told({
      facts: [
        ["url", "app", "0", "500", "0", "0", ""],
        ["words", LOG, "sqlite3.OperationalError: no such table: games"],
      ],
    });
    expect(application).toEqual([
      "failed: http://127.0.0.1:5137/ answers with status 500 instead of 200; its last words: sqlite3.OperationalError: no such table: games",
      `host: tail -n 50 ${LOG}`,
    ]);
  });

  test("a proxy that can't reach an application which answers", () => {
    const { "proxy answer": proxy } = told({ facts: [["url", "proxy", "0", "503", "0", "0", ""]] });
    expect(proxy?.[0]).toContain("answers with status 503 instead of 200, though the application answers");
  });

  test("a proxy whose configuration wouldn't survive a restart, and one that didn't", () => {
    const said = [
      ["words", "configtest", "AH00526: Syntax error on line 3 of /etc/apache2/x.conf:"],
      ["words", "configtest", "Invalid command 'Proxi'"],
    ] as const;
    const runs = told({ facts: said })["proxy"];
    expect(runs?.[0]).toBe(
      "warning: apache2.service runs on, but its next start fails, since its configuration is broken: AH00526: Syntax error on line 3 of /etc/apache2/x.conf: Invalid command 'Proxi'",
    );
    expect(runs?.[1]).toBe("host: apachectl configtest");
    const ended = told({ facts: said, observed: [unit("apache2.service", ...FAILED)] })["proxy"];
    expect(ended?.[0]).toMatch(/^failed: its configuration is broken: AH00526/);
    expect(ended?.[2]).toMatch(/^failed: apache2.service /);
  });

  test("a proxy in start limit, and one that doesn't listen", () => {
    const limit = unit("apache2.service", ...FAILED, "Result=start-limit-hit");
    const lines = told({
      observed: [limit, ["proxy_listener", ""]],
      ...{ facts: BAD_GATEWAY.slice(1), more: from502 },
    });
    expect(lines["proxy"]).toEqual([
      "failed: apache2.service hit its start limit 60 s ago",
      "host: systemctl reset-failed apache2.service && systemctl start apache2.service",
    ]);
    expect(lines["proxy answer"]).toEqual(["not tested: apache2.service isn't running"]);
    expect(told({ observed: [["proxy_listener", ""]] })["proxy answer"]?.[0]).toContain(
      "nothing listens on port 8087",
    );
  });

  test("a tunnel that is down explains the outside", () => {
    const lines = told({
      config: withTunnel(),
      observed: [unit("cloudflared.service", ...FAILED, "Result=exit-code", "ExecMainStatus=1")],
      facts: [["url", "external", "0", "530", "0", "0", ""]],
      more: from502,
    });
    expect(lines["tunnel"]?.[0]).toContain("cloudflared.service failed 60 s ago (exit status 1)");
    expect(lines["external from here"]).toEqual(["not tested: tunnel is at fault"]);
  });

  test("only the outside: nothing on the host need be restarted", () => {
    const lines = told({ facts: [["url", "external", "0", "530", "0", "0", ""]], more: from502 });
    expect(lines["external from the host"]?.[0]).toBe(
      "failed: https://rps.pan2.app answers with status 530 instead of 200",
    );
    expect(lines["conclusion"]?.[0]).toContain(
      "every layer on the host is healthy, so nothing on it need be restarted",
    );
  });

  test("a name that only the operator's machine doesn't know is a warning there", () => {
    const answer = { kind: "failed", reason: "name", message: "getaddrinfo ENOTFOUND" } as const;
    expectTold(
      { more: { outside: { answer, addresses: [] } } },
      {
        "external from here": [
          "warning: the name in https://rps.pan2.app isn't resolved, though it answers from the host: the way there differs (DNS, firewall)",
          "here: getent ahosts rps.pan2.app; cat /etc/resolv.conf",
        ],
        certificate: ["not tested: none was shown"],
      },
    );
  });
});

describe("the timer", () => {
  const TIMER = "rps-health-check.timer";
  test.each([
    ["stopped", { observed: [unit(TIMER, ...DOWN)] }, `failed: ${TIMER} was stopped 60 s ago`],
    ["without a next run", { facts: [["timer", "[]"]] as const }, `failed: ${TIMER} has no next run`],
    [
      "stopped at its limit",
      { facts: [["check", "Result", "timeout"]] as const },
      "warning: the last check was stopped at its time limit",
    ],
    [
      "with a log that can't be written",
      { facts: [["log", "/var/www/rps.pan2.app/logs/health-check.log", "Read-only file system"]] as const },
      "warning: its log /var/www/rps.pan2.app/logs/health-check.log can't be written: Read-only file system",
    ],
    [
      "with e-mails that nobody gets",
      { observed: [["email_undeliverable", "yes"]] as const },
      "warning: alerts.email is set, but the host has no sendmail, so nobody is written to: install one that delivers (Debian: apt-get install dma, postfix or exim4)",
    ],
  ])("%s", (_, one: Case, sentence) => {
    expect(told(one)["health check"]?.[0]).toBe(sentence);
  });

  test.each([
    ["signal", "9", "the last check was ended by signal 9"],
    ["oom-kill", "9", "the last check was ended by the kernel for want of memory"],
    ["exit-code", "203", "the last check ended with exit status 203: systemd couldn't execute its program"],
    ["exit-code", "2", "the last check ended with exit status 2: it couldn't check"],
    ["resources", "0", "the last check couldn't run: systemd says resources"],
  ])("whose last check didn't end by itself: %s %s", (result, status, sentence) => {
    const facts = [
      ["check", "Result", result],
      ["check", "ExecMainStatus", status],
    ] as const;
    expect(told({ facts })["health check"]).toEqual([
      `warning: ${sentence}`,
      "host: journalctl -u rps-health-check.service -n 30 --no-pager",
    ]);
  });

  test("repairs that are used up are told, with when they are allowed again; older ones aren't", () => {
    const seconds = (ago: number): number => NOW / 1000 - ago;
    const times = [5000, 1200, 900, 600].map(seconds).join(" ");
    const lines = told({
      facts: [
        ["repairs", "rps.service", times],
        ["repairs", "apache2.service", `${seconds(60)}`],
      ],
    });
    expect(lines["health check"]).toEqual([
      "warning: rps.service was repaired 3 times in the last 1 h: the health check doesn't restart it again within the next 40 min, unless you let it",
      "host: rm -f {/var/lib/pulumi-systemd-ha/rps,/run/pulumi-systemd-ha-rps}/repairs.rps.service",
    ]);
  });

  test("a drill says that it is one", () => {
    const { layers } = diagnose(lookOf({ facts: [["drill", `${NOW / 1000 - 20}`]] }));
    expect(layers.at(-1)?.seen).toBe("a drill makes failures of rps since 20 s");
  });

  test("whose last check found a failure, has done what it's for", () => {
    expectTold(
      {
        facts: [
          ["check", "Result", "exit-code"],
          ["check", "ExecMainStatus", "1"],
        ],
      },
      {},
    );
  });

  test("has no next run while the check runs", () => {
    expectTold(
      {
        facts: [
          ["timer", "[]"],
          ["check", "ActiveState", "activating"],
        ],
      },
      {},
    );
  });
});
