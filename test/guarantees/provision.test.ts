import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { HostOutputs } from "../../src/outputs";
import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program, type Result } from "../support/program";
import {
  answers,
  CHECK,
  eventually,
  LOG,
  LOGS,
  processOf,
  PROXY,
  runCheck,
  SERVICE,
  TIMER,
} from "../support/seedCommands";

/** The seed's server, provisioned once; the tests follow the document's sections. */
let host: DisposableHost;
let program: Program;
let up: Result;

beforeAll(async () => {
  [host] = (await bootHosts(["provision"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  up = await program.up();
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const lines = async (script: string): Promise<string[]> =>
  (await host.exec(script)).stdout.trim().split("\n");

describe("pulumi up on a fresh host", () => {
  test("succeeds", () => {
    expect(up.text).not.toContain("error:");
    expect(up.exitCode).toBe(0);
  });

  test("gives the stack outputs of the contract", async () => {
    const { hosts } = await program.outputs<{ hosts: Record<string, HostOutputs> }>();
    const outputs = hosts["provision"];
    expect(outputs).toMatchObject({
      address: host.address,
      revision: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      units: {
        [SERVICE]: { enabled: "enabled", active: "active" },
        [PROXY]: { enabled: "enabled", active: "active" },
        [TIMER]: { enabled: "enabled", active: "active" },
      },
      healthCheck: { passed: true, external: "ok" },
      drift: [],
      maintenance: false,
    });
    for (const [path, { sha256, mode, owner }] of Object.entries(outputs?.files ?? {})) {
      expect(await lines(`sha256sum <${path} | cut -d' ' -f1; stat -c '%04a %U:%G' ${path}`)).toEqual([
        sha256,
        `${mode} ${owner}`,
      ]);
    }
    expect(Object.keys(outputs?.files ?? {}).sort()).toEqual([
      "/etc/logrotate.d/rps",
      "/etc/systemd/system/apache2.service.d/restart.conf",
      "/etc/systemd/system/rps-health-check.service",
      "/etc/systemd/system/rps-health-check.timer",
      "/etc/systemd/system/rps-recovery.service",
      "/etc/systemd/system/rps.service",
      CHECK,
    ]);
  });

  test("leaves directories and logs with the owners and modes of the contract", async () => {
    const paths = ["", "/bin", "/logs", "/logs/rps.log", "/logs/rps-error.log", "/logs/health-check.log"];
    expect(
      await lines(
        `cd /var/www/rps.pan2.app; stat -c '%U:%G %04a' ${paths.map((path) => `.${path}`).join(" ")}`,
      ),
    ).toEqual([
      "root:www-data 1775",
      "root:root 0755",
      "root:root 0755",
      "www-data:www-data 0640",
      "www-data:www-data 0640",
      "root:root 0644",
    ]);
    expect(await lines("stat -c %04a /var/lib/pulumi-systemd-ha/rps")).toEqual(["0700"]);
  });

  test("renders units that systemd-analyze has nothing to say about", async () => {
    const { stdout, stderr } = await host.exec(
      `systemd-analyze verify --recursive-errors=one ${SERVICE} rps-health-check.service ${TIMER} ${PROXY}`,
    );
    expect(stdout + stderr).toBe("");
  });

  test("makes the drop-in effective (section 1)", async () => {
    expect(
      await host.systemctlShow(PROXY, "Restart", "RestartUSec", "StartLimitBurst", "StartLimitIntervalUSec"),
    ).toEqual({
      Restart: "always",
      RestartUSec: "10s",
      StartLimitBurst: "3",
      StartLimitIntervalUSec: "5min",
    });
    expect(await host.systemctlShow(SERVICE, "Restart", "RestartUSec", "User", "Group", "Type")).toEqual({
      Restart: "always",
      RestartUSec: "10s",
      User: "www-data",
      Group: "www-data",
      Type: "notify",
    });
  });

  test("plans nothing the second time, and restarts nothing", async () => {
    const before = await Promise.all([SERVICE, PROXY, TIMER].map((unit) => processOf(host, unit)));
    const [journal] = await lines(
      "journalctl -q --no-pager -o cat | grep -cE '^(Started|Starting|Stopp|Reloading)'",
    );
    expect(await program.planned()).toEqual([]);
    expect((await program.preview(["--expect-no-changes"])).exitCode).toBe(0);
    const second = await program.up();
    expect(second.text).toMatch(/20 unchanged/);
    expect(await Promise.all([SERVICE, PROXY, TIMER].map((unit) => processOf(host, unit)))).toEqual(before);
    // Of our units; each ssh login starts a session scope of its own.
    expect(
      await lines("journalctl -q --no-pager -o cat | grep -cE '^(Started|Starting|Stopp|Reloading)'"),
    ).not.toBe(journal);
  });

  test("keeps every secret out of the state's plain text and of what it prints", async () => {
    const key = host.privateKey.split("\n")[2] ?? "";
    expect(key.length).toBeGreaterThan(20);
    expect(await program.state()).not.toContain(key);
    expect(up.text).not.toContain(key);
  });
});

describe("the seed's commands", () => {
  test("section 3: status, logs, timers", async () => {
    for (const unit of [SERVICE, PROXY, TIMER]) {
      expect((await host.execAs("deploy", `sudo systemctl status --no-pager ${unit}`)).stdout).toContain(
        "active (",
      );
    }
    await host.exec("curl -s http://localhost:8087/ >/dev/null");
    expect((await host.exec(`tail ${LOGS}/rps.log`)).stdout).toContain("GET / HTTP/1.1");
    expect((await host.exec(`tail ${LOGS}/rps-error.log`)).stdout).toContain("Listening at");
    expect((await host.exec(`journalctl --no-pager -u ${SERVICE}`)).stdout).toContain("Started");
    await host.exec("systemctl start rps-health-check.service");
    expect((await host.exec("journalctl --no-pager -u rps-health-check.service")).stdout).toContain(
      "health-check.sh",
    );
    const timers = (await host.exec(`systemctl list-timers --no-pager ${TIMER}`)).stdout;
    expect(timers).toContain("rps-health-check.service");
  });

  test("section 3: a manual health check says what the seed shows", async () => {
    expect(await runCheck(host)).toEqual({
      exitCode: 0,
      messages: ["=== Starting Health Check ===", "SUCCESS: All checks passed"],
    });
    expect((await lines(`tail -20 ${LOG}`)).at(-1)).toMatch(
      /^\[[-0-9]{10} [:0-9]{8}\] SUCCESS: All checks passed$/,
    );
  });

  test("section 5: a killed application is back within 12 seconds", async () => {
    const before = await processOf(host, SERVICE);
    await host.exec(`systemctl kill ${SERVICE} -s KILL`);
    await host.exec("sleep 12");
    expect((await host.exec(`systemctl is-active ${SERVICE}`)).stdout.trim()).toBe("active");
    expect(await answers(host, 8087)).toBe(true);
    expect(await processOf(host, SERVICE)).not.toBe(before);
  });

  test("section 5: a killed Apache is back within 12 seconds; a stopped one waits for the health check", async () => {
    await host.exec(`systemctl kill ${PROXY} -s KILL; sleep 12`);
    expect((await host.exec(`systemctl is-active ${PROXY}`)).stdout.trim()).toBe("active");
    expect(await answers(host, 8087)).toBe(true);
    await host.exec(`systemctl stop ${PROXY}; sleep 12`);
    expect((await host.exec(`systemctl is-active ${PROXY}`, { reject: false })).stdout.trim()).toBe(
      "inactive",
    );
    expect((await runCheck(host)).exitCode).toBe(0);
    expect(await answers(host, 8087)).toBe(true);
  });

  test("section 5: with both stopped, the health check brings both back", async () => {
    await host.exec(`systemctl stop ${SERVICE} ${PROXY}`);
    expect(await runCheck(host)).toEqual({
      exitCode: 0,
      messages: [
        "=== Starting Health Check ===",
        "ERROR: rps.service is not running",
        "Attempting to restart rps.service...",
        "SUCCESS: rps.service restarted successfully",
        "ERROR: apache2.service is not running",
        "Attempting to restart apache2.service...",
        "SUCCESS: apache2.service restarted successfully",
        "SUCCESS: All checks passed",
      ],
    });
    expect(await answers(host, 8087)).toBe(true);
  });

  test("section 6: everything is enabled, and is back after a reboot", async () => {
    for (const unit of [SERVICE, PROXY, TIMER]) {
      expect((await host.exec(`systemctl is-enabled ${unit}`)).stdout.trim()).toBe("enabled");
    }
    await host.reboot();
    await eventually(30, "the service answers through Apache", () => answers(host, 8087));
    for (const unit of [SERVICE, PROXY, TIMER]) {
      expect((await host.exec(`systemctl is-active ${unit}`)).stdout.trim()).toBe("active");
    }
    await host.exec("systemctl start edge.service");
    expect(await program.planned()).toEqual([]);
  });

  test("section 8: each layer answers, the external one too", async () => {
    expect(await answers(host, 5137)).toBe(true);
    expect(await answers(host, 8087)).toBe(true);
    expect((await host.exec("curl -s https://rps.pan2.app/")).stdout).toContain("Rock Paper Scissors");
  });

  test("section 9: stopped for maintenance, the service stays stopped until it's started", async () => {
    await host.exec(`systemctl stop ${TIMER}; systemctl stop ${SERVICE}; sleep 12`);
    expect((await host.exec(`systemctl is-active ${SERVICE}`, { reject: false })).stdout.trim()).toBe(
      "inactive",
    );
    await host.exec(`systemctl start ${SERVICE}; systemctl start ${TIMER}`);
    await eventually(10, "the service answers", () => answers(host, 8087));
    expect((await runCheck(host)).exitCode).toBe(0);
  });
});

describe("everyday life after that", () => {
  test("the application is deployed with rsync as www-data and with git as root, and nothing is raised", async () => {
    await host.exec(`cp -r /var/www/rps.pan2.app/app.py /tmp/app.py && mkdir -p /tmp/release && sed 's/Rock Paper Scissors/Rock Paper Scissors 2/' /tmp/app.py >/tmp/release/app.py
      echo asset >/tmp/release/style.css; chmod -R a+rX /tmp/release`);
    await host.execAs("www-data", "rsync -r --checksum /tmp/release/ /var/www/rps.pan2.app/");
    await host.exec(`systemctl restart ${SERVICE}`);
    await eventually(10, "the new release answers", async () =>
      (await host.exec("curl -s http://localhost:8087/", { reject: false })).stdout.includes("Scissors 2"),
    );
    await host.exec(`cd /tmp/release && git init -q . && git add . && git -c user.name=t -c user.email=t@t commit -qm one
      cd /var/www/rps.pan2.app && git init -q . && git fetch -q /tmp/release HEAD && git reset -q --hard FETCH_HEAD && systemctl restart ${SERVICE}`);
    await eventually(10, "the service answers", () => answers(host, 8087));
    expect((await runCheck(host)).exitCode).toBe(0);
    expect(await program.planned()).toEqual([]);
  });

  test("the timer runs the check by itself at its interval", async () => {
    // The interval counts from the last run; the first comes two minutes after boot.
    await host.exec("systemctl start rps-health-check.service");
    await program.change("rps-ha:healthCheck", (check) => ({ ...check, onUnitActiveSec: 5 }));
    const before = await processOf(host, SERVICE);
    expect((await program.up()).exitCode).toBe(0);
    expect(await processOf(host, SERVICE)).toBe(before);
    const [runs] = await lines(`grep -c 'Starting Health Check' ${LOG}`);
    await host.exec(`systemctl stop ${PROXY}`);
    await eventually(20, "the timer's check repaired Apache", () => answers(host, 8087));
    expect(Number((await lines(`grep -c 'Starting Health Check' ${LOG}`))[0])).toBeGreaterThan(Number(runs));
  });

  test("destroy takes away what was brought, keeps application and logs, and Apache serves on", async () => {
    const before = await processOf(host, PROXY);
    expect((await program.destroy()).exitCode).toBe(0);
    expect(await processOf(host, PROXY)).toBe(before);
    expect(await lines("systemctl is-active apache2; systemctl is-enabled apache2")).toEqual([
      "active",
      "enabled",
    ]);
    expect(await lines(`ls ${LOGS}/rps.log ${LOG} /var/www/rps.pan2.app/app.py | wc -l`)).toEqual(["3"]);
    const left = await host.exec(
      "find /etc /usr/local/lib /var/lib -name '*rps*' -o -name '*pulumi*' -o -name restart.conf | grep -v -e edge -e apache2/; systemctl list-units --all --plain --no-legend 'rps*'",
      { reject: false },
    );
    expect(left.stdout).toBe("");
    expect(await lines("stat -c '%U:%G %04a' /var/www/rps.pan2.app")).toEqual(["www-data:www-data 0755"]);
  });
});
