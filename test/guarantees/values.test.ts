import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { LOGS } from "../support/seedCommands";

/** Hostile values arrive literally; the service's user gets no way to root; secrets stay secret. */
let host: DisposableHost;
let program: Program;

const HOSTILE = [
  "$HOME",
  "${PATH}",
  "%n %% %h",
  "\"double\" 'single'",
  "back\\slash \\x41 \\",
  ";",
  "a; touch /tmp/escaped",
  "$(touch /tmp/escaped)",
  "`touch /tmp/escaped`",
  "",
  "  spaces  ",
  "ünïcödé ✓",
  "{{handlebars}}",
  "-",
  "@",
];
const SECRET = "p%a\"s$s\\w`o'rd {{x}} ü";

const SHOW_ARGUMENTS = `#!/bin/bash
printf '%s\\0' "$@" >/tmp/arguments
printf '%s\\0' "$PLAIN" "$SECRET" >/tmp/environment
chmod a+r /tmp/arguments /tmp/environment
exec python3 -m http.server 5137 --bind 127.0.0.1
`;

beforeAll(async () => {
  [host] = (await bootHosts(["values"])) as [DisposableHost];
  await host.writeFile("/usr/local/bin/show-arguments", SHOW_ARGUMENTS, "0755");
  program = await Program.forHosts([host], "deploy");
  await program.change("rps-ha:service", ({ logReopenSignal: _, ...service }) => ({
    ...service,
    type: "exec",
    description: '100 % "quoted" $(touch /tmp/escaped); `x`',
    exec: ["/usr/local/bin/show-arguments", ...HOSTILE],
    environment: { PLAIN: HOSTILE.join("|") },
  }));
  await program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ SECRET }));
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const words = async (file: string): Promise<string[]> =>
  (await host.exec(`cat ${file}`)).stdout.split("\0").slice(0, -1);

describe("links that the service's user planted before the first update", () => {
  test.each([
    [
      "a link at the log",
      `ln -s /etc/shadow ${LOGS}/rps.log`,
      /rps\.log is no regular file, where a log belongs/,
    ],
    [
      "a hard link at the log",
      `ln /etc/shadow ${LOGS}/rps-error.log`,
      /rps-error\.log has a second name and another owner or mode than a log of ours/,
    ],
    [
      "a link at bin",
      `rm -rf /var/www/rps.pan2.app/bin; ln -s /root /var/www/rps.pan2.app/bin`,
      /bin is a link.* where a directory belongs/,
    ],
  ])("%s is refused, and its target untouched", async (_what, plant, sentence) => {
    const before = (await host.exec("stat -c '%n %U %G %a' /etc/shadow /root /root/.ssh")).stdout;
    await host.exec(`install -d -o www-data /var/www/rps.pan2.app/logs; ${plant}`);
    const { exitCode, text } = await program.up();
    expect(text).toMatch(sentence);
    expect(exitCode).not.toBe(0);
    expect((await host.exec("stat -c '%n %U %G %a' /etc/shadow /root /root/.ssh")).stdout).toBe(before);
    await host.exec(
      `rm -rf ${LOGS}; if [ -L /var/www/rps.pan2.app/bin ]; then rm /var/www/rps.pan2.app/bin; fi`,
    );
  });
});

describe("hostile values", () => {
  test("arrive literally: argument vector, environment, secret environment", async () => {
    const result = await program.up();
    expect(result.text).not.toContain("error:");
    expect(await words("/tmp/arguments")).toEqual(HOSTILE);
    expect(await words("/tmp/environment")).toEqual([HOSTILE.join("|"), SECRET]);
    expect((await host.systemctlShow("rps.service", "Description"))["Description"]).toBe(
      '100 % "quoted" $(touch /tmp/escaped); `x`',
    );
    expect((await host.exec("ls /tmp/escaped /root/escaped /escaped", { reject: false })).stdout).toBe("");
    expect((await host.exec("systemd-analyze verify --recursive-errors=one rps.service")).stderr).toBe("");
  });

  test("the secret is in no state, plan, journal or file that others can read; changing it restarts the service once", async () => {
    const json = JSON.stringify(SECRET).slice(1, -1);
    const texts = [
      await program.state(),
      (await program.preview()).text,
      JSON.stringify(await program.outputs()),
      (
        await host.exec(
          "journalctl --no-pager; cat /etc/systemd/system/rps.service; systemctl show rps.service",
        )
      ).stdout,
    ];
    for (const text of texts) expect(text.includes(SECRET) || text.includes(json)).toBe(false);
    expect((await host.exec("stat -c '%a %U' /etc/pulumi-systemd-ha/rps.env")).stdout.trim()).toBe(
      "600 root",
    );
    const before = await host.systemctlShow("rps.service", "MainPID");
    await program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ SECRET: "another-value" }));
    const result = await program.up();
    expect(result.exitCode).toBe(0);
    expect(result.text).not.toContain("another-value");
    expect((await words("/tmp/environment"))[1]).toBe("another-value");
    expect(await host.systemctlShow("rps.service", "MainPID")).not.toEqual(before);
    expect(await program.planned()).toEqual([]);
  });
});

describe("code that runs as the service's user", () => {
  test.each([
    "mv /var/www/rps.pan2.app/bin /var/www/rps.pan2.app/bin2",
    "mv /var/www/rps.pan2.app/logs /var/www/rps.pan2.app/logs2",
    "rm -f /var/www/rps.pan2.app/bin/health-check.sh",
    "echo x >>/var/www/rps.pan2.app/bin/health-check.sh",
    `mv ${LOGS}/rps.log ${LOGS}/x`,
    `ln -sf /etc/passwd ${LOGS}/health-check.log`,
    `touch ${LOGS}/new`,
    "ln -sfT /tmp /var/www/rps.pan2.app/logs",
    "cat /etc/pulumi-systemd-ha/rps.env",
    "ls /var/lib/pulumi-systemd-ha/rps",
  ])("can't %s", async (script) => {
    expect((await host.execAs("www-data", script, { reject: false })).exitCode).not.toBe(0);
  });

  test("still writes where the application does", async () => {
    await host.execAs(
      "www-data",
      "cd /var/www/rps.pan2.app && touch new && rm new && python3 -c \"import sqlite3; c = sqlite3.connect('rps.db'); c.execute('pragma journal_mode=wal'); c.execute('create table if not exists t (x)'); c.commit()\"",
    );
  });
});
