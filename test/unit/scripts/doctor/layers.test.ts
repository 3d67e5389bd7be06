import { describe, expect, test } from "vitest";

import { diagnose } from "../../../../scripts/lib/doctor/diagnosis";
import { unreachable } from "../../../../scripts/lib/doctor/unreachable";
import { CERTIFICATE, lookOf, NOW, outsideWith, told, unit } from "./support";

const DAY = 86_400_000;
const OK = { kind: "answered", status: 200, hasText: true } as const;

describe("the host", () => {
  test.each([
    ["full", ["disk", "/srv", "1000000", "100", "0", "0"], "failed: /srv is full: 100 KiB of 976 MiB left"],
    [
      "nearly full",
      ["disk", "/", "1000000", "40000", "0", "0"],
      "warning: / is nearly full: 39 MiB of 976 MiB left",
    ],
    [
      "without inodes",
      ["disk", "/", "100", "100", "1000", "0"],
      "failed: / has no inodes left (0 of 1000): too many files",
    ],
    [
      "with few inodes",
      ["disk", "/", "100", "100", "1000", "20"],
      "warning: / has few inodes left: 20 of 1000",
    ],
    [
      "low on memory",
      ["memory", "1000000", "20000"],
      "warning: 19 MiB of 976 MiB of memory are left: the kernel may end processes",
    ],
    [
      "not synchronised",
      ["clock", "no", "none"],
      "warning: the host's clock isn't synchronised: it's right now, and drifts",
    ],
  ] as const)("%s", (_, row, sentence) => {
    const { host = [] } = told({ facts: [row] });
    expect(host[0]).toBe(sentence);
    expect(host[1]).toMatch(/^host: /);
  });

  test("a file system without a number of inodes, and a container's clock, are no fault", () => {
    expect(
      told({
        facts: [
          ["disk", "/data", "100", "100", "-", "-"],
          ["clock", "no", "systemd-nspawn"],
        ],
      }),
    ).toEqual({});
  });

  test.each([
    [
      7200,
      0.1,
      "warning: the host's clock is 2 h ahead of this machine's: certificates, logs and timers depend on it",
    ],
    [
      -90,
      0.1,
      "warning: the host's clock is 1 min 30 s behind this machine's: certificates, logs and timers depend on it",
    ],
    // The answer's own way may have taken that long.
    [8, 4, undefined],
  ])("%s s off, known to %s s", (offsetSec, errorSec, sentence) => {
    expect(told({ more: { clock: { offsetSec, errorSec } } })["host"]?.[0]).toBe(sentence);
  });

  test("what the first look finds lacking is told with it", () => {
    expect(told({ observed: [["read_only", "/var/lib"]] })["host"]?.[0]).toContain("/var/lib is read-only");
  });
});

describe("files", () => {
  test("drift is a warning with what an update does about it", () => {
    const path = "/etc/logrotate.d/rps";
    expect(told({ observed: [["file", path, "", "", "", "1 1", "", ""]] })["files"]).toEqual([
      `warning: ${path} was removed`,
      "here: pulumi up",
    ]);
  });
});

describe("the database", () => {
  const PATH = "/var/www/rps.pan2.app/rps.db";
  const GUNICORN = ["holder", PATH, "100", "gunicorn", "www-data", "0::/system.slice/rps.service"] as const;
  const BACKUP = ["holder", PATH, "900", "python3", "root", "0::/system.slice/backup.service"] as const;

  test("open in the service, also locked by it: no fault", () => {
    const facts = [
      ["database", PATH, "4096", "yes"],
      GUNICORN,
      ["lock", PATH, "100"],
      ["locked_words", "0"],
    ] as const;
    expect(told({ facts })).toEqual({});
    const seen = diagnose(lookOf({ facts })).layers.find(({ name }) => name === "database")?.seen;
    expect(seen).toBe("rps.db is open in gunicorn, with 4 KiB in its -wal");
  });

  test("locked by another's process: who, how to end it, and why the -wal stays", () => {
    const { database = [] } = told({
      facts: [["database", PATH, "4096", "yes"], BACKUP, ["lock", PATH, "900"]],
    });
    expect(database).toEqual([
      `failed: ${PATH} is locked by python3 (process 900, of backup.service) as root, which isn't of rps.service: end it, and the service writes again`,
      "host: systemctl stop backup.service",
      "failed: never delete rps.db-wal or -shm: the -wal holds committed data that isn't in rps.db yet. To empty it, end those who have it open, now python3 (process 900, of backup.service) as root, then:",
      `host: sqlite3 ${PATH} 'PRAGMA wal_checkpoint'`,
    ]);
  });

  test("another's that only has it open isn't called a lock", () => {
    expect(told({ facts: [["database", PATH, "0", "yes"], BACKUP] })).toEqual({});
  });

  test("the service's complaints alone are a warning, and no command deletes anything", () => {
    const lines = told({ facts: [["database", PATH, "4096", "yes"], GUNICORN, ["locked_words", "3"]] });
    expect(lines["database"]?.[0]).toContain('warning: rps.service said "database is locked" 3 times');
    expect(lines["database"]?.join()).not.toMatch(/\brm\b|unlink/);
  });

  test("one that the service's user can't write", () => {
    const words = (owner: string) => told({ facts: [["database", PATH, "", "no", owner]] })["database"];
    expect(words("www-data:www-data 0400")).toEqual([
      `warning: www-data can't write ${PATH} (www-data:www-data 0400)`,
      `host: setpriv --reuid=www-data --regid=www-data --init-groups chmod u+rw ${PATH}`,
      "warning: if that changes nothing, look at what it lies in",
      `host: namei -l ${PATH}; findmnt -T ${PATH}`,
    ]);
    expect(words("root:root 0644")).toEqual([
      `warning: www-data can't write ${PATH} (root:root 0644)`,
      `host: chown -h www-data:www-data ${PATH}`,
    ]);
  });
});

describe("the certificate", () => {
  const shown = (change: Partial<typeof CERTIFICATE>, distrust?: string) =>
    told({
      more: {
        outside: outsideWith(OK, {
          certificate: { ...CERTIFICATE, ...change },
          ...(distrust !== undefined && { distrust }),
        }),
      },
    })["certificate"]?.[0];
  test.each([
    [
      { to: NOW - DAY },
      "CERT_HAS_EXPIRED",
      /^failed: the certificate of rps\.pan2\.app expired on 2026-01-21; renew/,
    ],
    [{ to: NOW + 3.5 * DAY }, undefined, /^warning: .* expires on 2026-01-26, in 3 days/],
    [{ from: NOW + DAY }, "CERT_NOT_YET_VALID", /^failed: .* is valid only from 2026-01-23 on/],
    [
      { isForName: false, names: "DNS:other.example" },
      "ERR_TLS_CERT_ALTNAME_INVALID",
      /^failed: .* is for DNS:other\.example/,
    ],
    [{}, "SELF_SIGNED_CERT_IN_CHAIN", /^warning: this machine doesn't trust .*SELF_SIGNED_CERT_IN_CHAIN/],
  ])("%o: %s", (change, distrust, sentence) => {
    expect(shown(change, distrust)).toMatch(sentence);
  });

  test("refused by the host, and nobody could look at it: in curl's words, and the request isn't blamed too", () => {
    const lines = told({
      facts: [["url", "external", "60", "000", "0", "0", "SSL certificate problem: certificate has expired"]],
      more: { outside: { answer: { kind: "failed", reason: "timeout", message: "" }, addresses: [] } },
    });
    expect(lines["certificate"]?.[0]).toContain("SSL certificate problem: certificate has expired");
    expect(lines["external from the host"]).toEqual(["not tested: the certificate is refused"]);
  });
});

test("a secret appears nowhere, whatever says it", () => {
  const secret = "hunter2-and-more";
  const diagnosis = diagnose(
    lookOf({
      observed: [
        unit("rps.service", "ActiveState=failed", "Result=exit-code", "ExecMainStatus=1"),
        ["port_listener", ""],
      ],
      facts: [
        ["words", "rps.service", `RuntimeError: cannot use ${secret}`],
        ["closed", `/var/www/rps.pan2.app/${secret}`, "read", "root:root 0600"],
        ["url", "external", "99", "000", "0", "0", `proxy said ${secret}`],
      ],
      more: { secrets: [secret] },
    }),
  );
  expect(JSON.stringify(diagnosis)).not.toContain("hunter2");
  expect(JSON.stringify(diagnosis)).toContain("cannot use [masked]");
});

test("what could drive a terminal doesn't come through", () => {
  const { service = [] } = told({
    observed: [
      unit("rps.service", "ActiveState=failed", "Result=exit-code", "ExecMainStatus=1"),
      ["port_listener", ""],
    ],
    facts: [["words", "rps.service", "fatal: \u001b[2J\u0007gone\u202e"]],
  });
  expect(service.join("\n")).toContain("its last words: fatal: [2Jgone");
});

describe("a host that can't be reached", () => {
  const { config } = lookOf({});
  test("its site is judged from here", () => {
    const { layers, conclusion } = unreachable(config, "cannot reach it", outsideWith(OK));
    expect(layers.map(({ name, status }) => `${name} ${status}`)).toEqual([
      ...["contact failed", "all on the host unknown", "external from here ok"],
    ]);
    expect(conclusion).toBe("the site answers: only the way in is at fault");
  });

  test("one that answers, but can't be looked at, isn't called unreachable", () => {
    const { layers, conclusion } = unreachable(config, "no answer within 20 s", outsideWith(OK), true);
    expect(layers[1]?.seen).toBe("not tested: it couldn't be looked at");
    expect(conclusion).toBe("the site answers: only looking at the host failed");
  });
});
