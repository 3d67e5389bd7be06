import { describe, expect, test } from "vitest";

import {
  commandOutputs,
  fileOutputs,
  parseHealthCheckOutput,
  parseMaintenance,
  parseUnitOutput,
} from "../../src/outputs";
import { filesOf, hostile, seed } from "./support/configs";

describe("what the last run reported of a unit", () => {
  test.each([
    ["is-enabled enabled\nis-active active", { enabled: "enabled", active: "active" }],
    [
      "is-active activating\nis-enabled enabled-runtime\n",
      { enabled: "enabled-runtime", active: "activating" },
    ],
    ["is-enabled masked", { enabled: "masked", active: "unknown" }],
    ["", { enabled: "unknown", active: "unknown" }],
  ])("%j", (stdout, output) => {
    expect(parseUnitOutput(stdout)).toEqual(output);
  });
});

describe("what the last run reported of the health check", () => {
  test("is its result, and the lines of its log as they are", () => {
    const stdout = [
      "passed true",
      "time 2026-01-22T22:14:39+0100",
      "external HTTP status 502 instead of 200",
      "log [2026-01-22 22:14:39] === Starting Health Check ===",
      "log [2026-01-22 22:14:39] WARNING: https://shop.example is not reachable: HTTP status 502",
      "log [2026-01-22 22:14:39] SUCCESS: All local checks passed",
    ].join("\n");
    expect(parseHealthCheckOutput(stdout)).toEqual({
      passed: true,
      time: "2026-01-22T22:14:39+0100",
      external: "HTTP status 502 instead of 200",
      log: [
        "[2026-01-22 22:14:39] === Starting Health Check ===",
        "[2026-01-22 22:14:39] WARNING: https://shop.example is not reachable: HTTP status 502",
        "[2026-01-22 22:14:39] SUCCESS: All local checks passed",
      ],
    });
  });

  test("in maintenance is that nothing was asked", () => {
    const stdout =
      "maintenance yes\npassed false\nexternal not checked\nlog [2026-01-22 22:14:39] Maintenance: …";
    expect(parseHealthCheckOutput(stdout)).toMatchObject({ passed: false, external: "not checked" });
    expect(parseMaintenance(stdout)).toBe(true);
    expect(parseMaintenance("passed true\nlog maintenance yes")).toBe(false);
  });

  test("isn't a pass where it says anything else than that", () => {
    expect(parseHealthCheckOutput("passed false").passed).toBe(false);
    expect(parseHealthCheckOutput("log passed true")).toEqual({
      passed: false,
      time: "unknown",
      external: "unknown",
      log: ["passed true"],
    });
  });
});

describe("the files of the stack's output", () => {
  test("are all but the secret ones, with hash, mode and owner", () => {
    const files = filesOf(hostile());
    const outputs = fileOutputs(files);
    expect(Object.keys(outputs)).toEqual(files.filter(({ secret }) => !secret).map(({ path }) => path));
    expect(Object.keys(outputs)).not.toContain("/etc/pulumi-systemd-ha/x-1_y.env");
    expect(outputs["/srv/a@b+c/x_1.app-2/bin/health-check.sh"]).toEqual({
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      mode: "0755",
      owner: "root:root",
    });
  });

  test("show nothing of their text", () => {
    expect(JSON.stringify(fileOutputs(filesOf(seed())))).not.toContain("ExecStart");
  });
});

describe("the commands of the stack's output are ready to paste", () => {
  const files = {
    service: "rps",
    directory: "/var/www/rps.pan2.app",
    script: "/var/www/rps.pan2.app/bin/health-check.sh",
    helper: "/usr/local/lib/pulumi-systemd-ha/1/helper",
  };

  test("for root at the default port", () => {
    expect(commandOutputs({ host: "rps.example" }, files)).toEqual({
      status: "ssh root@rps.example 'systemctl status --no-pager rps.service rps-health-check.timer'",
      logs: "ssh root@rps.example 'tail -n 50 /var/www/rps.pan2.app/logs/rps.log /var/www/rps.pan2.app/logs/rps-error.log'",
      healthCheck: "ssh root@rps.example '/var/www/rps.pan2.app/bin/health-check.sh'",
      timers: "ssh root@rps.example 'systemctl list-timers --no-pager rps-health-check.timer'",
      maintenanceOn:
        "ssh root@rps.example '/usr/local/lib/pulumi-systemd-ha/1/helper maintenance rps on </dev/null'",
      maintenanceOff:
        "ssh root@rps.example '/usr/local/lib/pulumi-systemd-ha/1/helper maintenance rps off </dev/null'",
    });
  });

  test("for another user and port", () => {
    const { status, timers } = commandOutputs({ host: "::1", port: 2222, user: "deploy" }, files);
    expect(status).toBe(
      "ssh -p 2222 deploy@::1 'sudo systemctl status --no-pager rps.service rps-health-check.timer'",
    );
    expect(timers).toBe("ssh -p 2222 deploy@::1 'systemctl list-timers --no-pager rps-health-check.timer'");
  });
});
