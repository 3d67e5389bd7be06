import { describe, expect, test } from "vitest";

import { type Case, outsideWith, told, unit, withTunnel } from "./support";

const DOWN = ["ActiveState=inactive", "SubState=dead", "StateChangeTimestampMonotonic=89940000000"] as const;
const FAILED = [
  "ActiveState=failed",
  "SubState=failed",
  "StateChangeTimestampMonotonic=89940000000",
] as const;
const WAITING = ["ActiveState=activating", "SubState=auto-restart", "Result=exit-code"] as const;
const LOG = "/var/www/rps.pan2.app/logs/rps-error.log";
const ABOVE = {
  application: ["not tested: rps.service isn't running"],
  "proxy answer": ["not tested: the application behind it doesn't answer"],
  "external from the host": ["not tested: service is at fault"],
  "external from here": ["not tested: service is at fault"],
};
/** What users see of an application that doesn't answer. */
const BAD_GATEWAY = [
  ["url", "app", "7", "000", "0", "0", "refused"],
  ["url", "proxy", "0", "503", "0", "0", ""],
  ["url", "external", "0", "502", "0", "0", ""],
] as const;
const from502 = { outside: outsideWith({ kind: "answered", status: 502, hasText: false }) };
const hidden = { facts: BAD_GATEWAY, more: from502 };

const expectTold = (one: Case, expected: Record<string, readonly string[]>) => {
  expect(told(one)).toEqual(expected);
};

test("where all is well, nothing is told", () => {
  expectTold({}, {});
});

describe("the service", () => {
  test("stopped by hand: a start mends it, and nothing above it is blamed", () => {
    const observed = [unit("rps.service", ...DOWN), ["port_listener", ""]] as const;
    expectTold(
      { ...hidden, observed },
      {
        service: ["failed: rps.service was stopped 60 s ago", "host: systemctl start rps.service"],
        port: ["not tested: rps.service isn't running"],
        ...ABOVE,
      },
    );
  });

  test("where nothing is installed, an update is what is missing", () => {
    const lines = told({
      observed: [
        ["unit", "rps.service", "LoadState=not-found"],
        ["port_listener", ""],
      ],
    });
    expect(lines["service"]).toEqual(["failed: there is no rps.service", "here: pulumi up"]);
  });

  test("its port is another's: that is where to begin", () => {
    const observed = [
      unit("rps.service", ...WAITING, "ExecMainStatus=1"),
      ["port_listener", "nc 0::/system.slice/squatter.service ", "812"],
    ] as const;
    const lines = told({ ...hidden, observed });
    expect(lines["service"]?.[0]).toBe("failed: port 5137 is another's (see port)");
    expect(lines["port"]).toEqual([
      "failed: port 5137 is taken by nc (process 812, of squatter.service), which isn't of rps.service",
      "host: systemctl stop squatter.service",
    ]);
    expect(lines["conclusion"]).toEqual(["begin with port: it's the lowest layer at fault"]);
  });

  test("a process of no unit is ended by its id; one that can't be seen isn't", () => {
    const login = ["port_listener", "node 0::/user.slice/user-0.slice/session-3.scope ", "7"] as const;
    expect(told({ observed: [login] })["port"]?.[1]).toBe("host: kill 7");
    const strange = ["port_listener", "x 0::/elsewhere "] as const;
    expect(told({ observed: [strange] })["port"]).toHaveLength(1);
  });

  test.each<[string, string, string[], string]>([
    ["couldn't be executed", "203", [], "systemd couldn't execute its program"],
    ["has no user", "217", [], "there is no such user"],
    [
      "a full disk",
      "1",
      ["OSError: [Errno 28] No space left on device"],
      "there is no space left on a disk (see host)",
    ],
    [
      "a missing module",
      "3",
      ["ModuleNotFoundError: No module named 'flask'"],
      "something that it needs isn't installed",
    ],
  ])("ended because it %s", (_, status, lines, reason) => {
    const { service = [] } = told({
      observed: [unit("rps.service", ...WAITING, `ExecMainStatus=${status}`), ["port_listener", ""]],
      facts: lines.map((line) => ["words", LOG, line] as const),
    });
    expect(service[0]).toBe(`failed: likely because ${reason}`);
    expect(service[1]).toContain("waits for its next start");
  });

  test("a path that its user can't read comes first; its name can't become a command", () => {
    const path = "/var/www/rps.pan2.app/a'; reboot; '.py";
    const { service } = told({
      observed: [unit("rps.service", ...WAITING, "ExecMainStatus=3"), ["port_listener", ""]],
      facts: [
        ["closed", path, "read", "root:root 0600"],
        ["words", LOG, "PermissionError: [Errno 13] Permission denied"],
      ],
    });
    const quoted = "'/var/www/rps.pan2.app/a'\\''; reboot; '\\''.py'";
    expect(service).toEqual([
      `failed: www-data can't read ${path} (root:root 0600)`,
      `host: chown -h www-data:www-data ${quoted} && chmod u+rX ${quoted}`,
      "failed: rps.service ended (exit status 3) and waits for its next start; its last words: PermissionError: [Errno 13] Permission denied",
      "host: journalctl -u rps.service -n 50 --no-pager",
    ]);
  });

  test("what is closed to its user is no fault as long as it answers", () => {
    expectTold({ facts: [["closed", "/var/www/rps.pan2.app/.env.old", "read", "root:root 0600"]] }, {});
  });

  test("masked, disabled, another's drop-in, not loaded", () => {
    const lines = told({
      observed: [
        ["unit", "rps.service", "LoadState=masked", "ActiveState=inactive", "UnitFileState=masked"],
        unit(
          "apache2.service",
          "ActiveState=active",
          "SubState=running",
          "NeedDaemonReload=yes",
          "UnitFileState=disabled",
        ),
        [
          "override",
          "apache2.service",
          "/usr/lib/systemd/system/apache2.service.d/x.conf",
          "no",
          "Service",
          "Restart",
          "no",
        ],
      ],
    });
    expect(lines["service"]).toEqual([
      "failed: rps.service was masked",
      "host: systemctl unmask rps.service && systemctl enable --now rps.service",
    ]);
    expect(lines["proxy"]).toEqual([
      "warning: apache2.service was disabled",
      "host: systemctl enable apache2.service",
      "warning: systemd hasn't loaded the files of apache2.service as they are now (daemon-reload)",
      "host: systemctl daemon-reload",
      expect.stringContaining("sets Restart=no in [Service]"),
      "host: systemctl cat apache2.service",
    ]);
  });

  test("a log that it can't write", () => {
    const path = "/var/www/rps.pan2.app/logs/rps.log";
    expect(told({ facts: [["log", path, "Permission denied"]] })).toEqual({
      service: [
        `warning: its log ${path} can't be written: Permission denied`,
        `host: chown -h www-data:www-data ${path} && chmod u+rw ${path}`,
      ],
    });
  });
});

describe("in maintenance", () => {
  const hold = ["maintenance", "operator", "2026-01-22T20:00:00+0100", "mia@desk", "a new disk"] as const;
  test("nothing is a fault that is so on purpose", () => {
    const stopped = [hold, unit("rps.service", ...DOWN), ["port_listener", ""]] as const;
    const lines = told({ ...hidden, observed: stopped });
    expect(Object.values(lines).flat().join()).not.toMatch(/failed|warning/);
    expect(lines["application"]).toEqual(["not tested: rps.service is stopped on purpose"]);
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
  ])("%s", (_, one: Case, sentence) => {
    expect(told(one)["health check"]?.[0]).toBe(sentence);
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
