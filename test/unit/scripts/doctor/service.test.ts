import { describe, expect, test } from "vitest";

import { expectTold, DOWN, LOG, WAITING, hidden, told, unit } from "./support";

const ABOVE = {
  application: ["not tested: rps.service isn't running"],
  "proxy answer": ["not tested: the application behind it doesn't answer"],
  "external from the host": ["not tested: service is at fault"],
  "external from here": ["not tested: service is at fault"],
};

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

  test.each([
    ["/var/www/rps.pan2.app/a.py", "www-data:www-data 0200", "chmod u+rX /var/www/rps.pan2.app/a.py"],
    ["/var/www/rps.pan2.app/sub/a.py", "www-data:root 0200", "chmod u+rX /var/www/rps.pan2.app/sub/a.py"],
  ])("what is its user's own is mended as that user: %s", (path, owner, command) => {
    expect(
      told({
        facts: [["closed", path, "read", owner]],
        observed: [unit("rps.service", ...WAITING, "ExecMainStatus=3"), ["port_listener", ""]],
      })["service"]?.[1],
    ).toBe(`host: setpriv --reuid=www-data --regid=www-data --init-groups ${command}`);
  });

  test("where its user could put a link to another's file, root is given nothing that changes one", () => {
    const closed = ["closed", "/var/www/rps.pan2.app/sub/shadow", "read", "root:root 0600", ""] as const;
    expect(
      told({
        facts: [closed],
        observed: [unit("rps.service", ...WAITING, "ExecMainStatus=3"), ["port_listener", ""]],
      })["service"]?.[1],
    ).toBe("host: namei -l /var/www/rps.pan2.app/sub/shadow");
  });

  test("a path that its user can't read comes first; its name can't become a command", () => {
    const path = "/var/www/rps.pan2.app/a'; reboot; '.py";
    const { service } = told({
      observed: [unit("rps.service", ...WAITING, "ExecMainStatus=3"), ["port_listener", ""]],
      facts: [
        ["closed", path, "read", "root:root 0600", "fixed"],
        ["words", LOG, "PermissionError: [Errno 13] Permission denied"],
      ],
    });
    const quoted = "'/var/www/rps.pan2.app/a'\\''; reboot; '\\''.py'";
    expect(service).toEqual([
      `failed: www-data can't read ${path} (root:root 0600)`,
      `host: chgrp www-data ${quoted} && chmod g+rX ${quoted}`,
      "failed: rps.service ended (exit status 3) and waits for its next start; its last words: PermissionError: [Errno 13] Permission denied",
      "host: journalctl -u rps.service -n 50 --no-pager",
    ]);
  });

  test.each([
    ["/usr/bin/gunicorn", "execute", "root:root 0644", "chmod a+rx /usr/bin/gunicorn", "fixed"],
    ["/opt/venv", "enter", "root:root 0700", "chmod o+x /opt/venv", "fixed"],
    ["/opt/app/venv/bin/gunicorn", "execute", "root:root 0644", "namei -l /opt/app/venv/bin/gunicorn"],
    [
      "/var/www/rps.pan2.app/venv/bin/gunicorn",
      "execute",
      "www-data:root 0644",
      "setpriv --reuid=www-data --regid=www-data --init-groups chmod u+rx /var/www/rps.pan2.app/venv/bin/gunicorn",
    ],
    ["/var/www/rps.pan2.app/venv/bin", "enter", "root:root 0700", "namei -l /var/www/rps.pan2.app/venv/bin"],
  ])("what is on the way to its program: %s", (path, what, owner, command, place = "") => {
    const { service = [] } = told({
      facts: [["closed", path, what, owner, place]],
      observed: [unit("rps.service", ...WAITING, "ExecMainStatus=203"), ["port_listener", ""]],
    });
    expect(service[0]).toBe(`failed: www-data can't ${what} ${path} (${owner})`);
    expect(service[1]).toBe(`host: ${command}`);
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

  test("masked until the next boot: only --runtime takes that back", () => {
    const masked = ["LoadState=masked", "ActiveState=inactive", "UnitFileState=masked-runtime"];
    expect(told({ observed: [["unit", "apache2.service", ...masked]] })["proxy"]?.[1]).toBe(
      "host: systemctl unmask --runtime apache2.service && systemctl enable --now apache2.service",
    );
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

  test("a log that isn't there is made by an update; one that nothing here makes writable has no command", () => {
    const path = "/var/www/rps.pan2.app/logs/rps.log";
    const words = (why: string) => told({ facts: [["log", path, why]] })["service"]?.slice(1);
    expect(words("there is no such file")).toEqual(["here: pulumi up"]);
    expect(words("Read-only file system")).toEqual([]);
  });

  test("a script whose interpreter is gone", () => {
    const { service = [] } = told({
      facts: [["interpreter", "/opt/venv/bin/python3"]],
      observed: [unit("rps.service", ...WAITING, "ExecMainStatus=203"), ["port_listener", ""]],
    });
    expect(service[0]).toBe(
      "failed: /usr/bin/gunicorn is a script for /opt/venv/bin/python3, which isn't there",
    );
  });
});
