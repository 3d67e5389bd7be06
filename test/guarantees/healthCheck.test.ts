import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import {
  answers,
  CHECK,
  eventually,
  LOG,
  LOGS,
  message,
  processOf,
  PROXY,
  runCheck,
  SERVICE,
  TIMER,
} from "../support/seedCommands";

/** The health check under failures that happen, run by hand; the timer is out of the way. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["health"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host]);
  await program.change("rps-ha:healthCheck", (check) => ({
    ...check,
    timeoutSec: 1,
    retries: 1,
    maxRepairs: 3,
  }));
  const result = await program.up();
  expect(result.text).not.toContain("error:");
  await host.exec(`systemctl stop ${TIMER}`);
});
afterAll(async () => {
  await program.close();
  await host.close();
});
beforeEach(async () => {
  await host.exec(
    `rm -f /var/lib/pulumi-systemd-ha/rps/{repairs,failures}.*; echo ok >/run/edge-mode; systemctl start ${SERVICE} ${PROXY}`,
  );
  await eventually(15, "the service answers", () => answers(host, 8087));
});

const started = "=== Starting Health Check ===";
const passed = "SUCCESS: All checks passed";
const restarted = (unit: string) => [
  `Attempting to restart ${unit}...`,
  `SUCCESS: ${unit} restarted successfully`,
];

describe("repairs", () => {
  test("an application that hangs while its unit is active, and nothing else", async () => {
    const proxy = await processOf(host, PROXY);
    await host.exec(`systemctl kill --signal=STOP ${SERVICE}`);
    const { exitCode, messages } = await runCheck(host);
    expect(messages).toEqual([
      started,
      expect.stringMatching(/^ERROR: http:\/\/127\.0\.0\.1:5137\/ does not answer as expected: curl: \(28\)/),
      ...restarted(SERVICE),
      passed,
    ]);
    expect(exitCode).toBe(0);
    expect(await processOf(host, PROXY)).toBe(proxy);
  });

  test("Apache that hangs, and nothing else", async () => {
    const app = await processOf(host, SERVICE);
    await host.exec(`systemctl kill --signal=STOP ${PROXY}`);
    const { exitCode, messages } = await runCheck(host);
    expect(messages).toEqual([
      started,
      expect.stringMatching(/^ERROR: http:\/\/127\.0\.0\.1:8087\//),
      ...restarted(PROXY),
      passed,
    ]);
    expect(exitCode).toBe(0);
    expect(await processOf(host, SERVICE)).toBe(app);
  });

  test("Apache in its start limit, which a plain restart can't", async () => {
    await host.exec(
      `systemctl stop ${PROXY}; for i in 1 2 3 4 5; do systemctl start ${PROXY} && systemctl stop ${PROXY}; done`,
      { reject: false },
    );
    expect((await host.exec(`systemctl start ${PROXY}`, { reject: false })).exitCode).not.toBe(0);
    expect((await runCheck(host)).exitCode).toBe(0);
    expect(await answers(host, 8087)).toBe(true);
  });

  test("nothing after three repairs in the window: it says so and waits", async () => {
    for (let round = 0; round < 3; round++) {
      await host.exec(`systemctl stop ${SERVICE}`);
      expect((await runCheck(host)).exitCode).toBe(0);
    }
    await host.exec(`systemctl stop ${SERVICE}`);
    expect(await runCheck(host)).toEqual({
      exitCode: 1,
      messages: [
        started,
        "ERROR: rps.service is not running",
        "ERROR: rps.service was repaired 3 times in the last 3600 s; not trying again",
      ],
    });
  });
});

describe("the external URL", () => {
  test.each([
    ["503", /HTTP status 503 instead of 200/],
    ["expired", /certificate has expired/],
    ["hang", /timed out/],
  ])("that fails (%s) is reported and restarts nothing", async (mode, reason) => {
    const before = await Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)));
    await host.exec(`echo ${mode} >/run/edge-mode`);
    const { exitCode, messages } = await runCheck(host);
    expect(messages).toEqual([
      started,
      expect.stringMatching(/^ERROR: https:\/\/rps\.pan2\.app is not reachable: /),
    ]);
    expect(messages[1]).toMatch(reason);
    expect(exitCode).toBe(1);
    expect(await Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)))).toEqual(before);
  });

  test("that fails during `up` is a warning and an output, not a failure", async () => {
    await host.exec("echo 503 >/run/edge-mode");
    await program.change("rps-ha:service", (service) => ({ ...service, description: "Changed" }));
    expect((await program.up()).exitCode).toBe(0);
    await host.exec(`systemctl stop ${TIMER}`);
    const { hosts } = await program.outputs<{
      hosts: Record<string, { healthCheck: { passed: boolean; external: string; log: string[] } }>;
    }>();
    expect(hosts["health"]?.healthCheck).toMatchObject({
      passed: true,
      external: "HTTP status 503 instead of 200",
    });
    expect(hosts["health"]?.healthCheck.log.map(message)).toContain(
      "WARNING: https://rps.pan2.app is not reachable: HTTP status 503 instead of 200",
    );
  });
});

describe("circumstances", () => {
  test("two at once: the second leaves", async () => {
    await host.exec(`systemctl kill --signal=STOP ${SERVICE}`);
    const [first, second] = await Promise.all([
      runCheck(host),
      new Promise((resolve) => setTimeout(resolve, 700)).then(() => runCheck(host)),
    ]);
    expect(first.exitCode).toBe(0);
    expect(second).toEqual({
      exitCode: 0,
      messages: ["Another health check is in progress; skipping this one"],
    });
  });

  const repaired = [started, "ERROR: apache2.service is not running", ...restarted(PROXY), passed];

  test("a full disk for the log, and a log directory that is gone, stop no check", async () => {
    await host.exec(
      `mount -t tmpfs -o size=4k tmpfs ${LOGS}; head -c 4096 /dev/zero >${LOGS}/full; systemctl stop ${PROXY}`,
    );
    expect((await runCheck(host)).messages).toEqual(repaired);
    await host.exec(`umount ${LOGS}; mv ${LOGS} ${LOGS}.away; systemctl stop ${PROXY}`);
    expect((await runCheck(host)).messages).toEqual(repaired);
    expect((await host.exec(`cat ${LOG}`)).stdout).toContain(passed);
    await host.exec(`rm -r ${LOGS}; mv ${LOGS}.away ${LOGS}`);
  });

  test("an update in progress is left alone", async () => {
    await host.exec(
      "mkdir /var/lib/pulumi-systemd-ha/rps/transaction; echo $(cat /proc/sys/kernel/random/boot_id) $(( $(cut -d. -f1 /proc/uptime) + 60 )) >/var/lib/pulumi-systemd-ha/rps/transaction/deadline",
    );
    expect(await runCheck(host)).toEqual({
      exitCode: 0,
      messages: ["An update is in progress; skipping this check"],
    });
    // One that died must not keep the checks away for ever.
    await host.exec("sed -i 's/ .*/ 1/' /var/lib/pulumi-systemd-ha/rps/transaction/deadline");
    expect((await runCheck(host)).exitCode).toBe(0);
    await host.exec("rm -r /var/lib/pulumi-systemd-ha/rps/transaction");
  });

  test("--no-repair only looks, and a wrong option or another user are told", async () => {
    await host.exec(`systemctl stop ${PROXY}`);
    expect((await runCheck(host, "--no-repair")).messages).toEqual([
      started,
      "ERROR: apache2.service is not running",
    ]);
    expect((await host.exec(`systemctl is-active ${PROXY}`, { reject: false })).stdout.trim()).toBe(
      "inactive",
    );
    expect((await host.exec(`${CHECK} --typo`, { reject: false })).exitCode).toBe(2);
    const { exitCode, stderr } = await host.execAs("deploy", CHECK, { reject: false });
    expect([exitCode, stderr.trim()]).toEqual([2, `run it as root: sudo ${CHECK}`]);
  });
});
