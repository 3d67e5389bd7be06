import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import {
  answers,
  CHECK,
  eventually,
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
    retries: 0,
    maxRepairs: 3,
  }));
  await program.change("rps-ha:service", (service) => ({ ...service, healthyWithinSec: 12 }));
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
const ALL_PASSED = "SUCCESS: All checks passed";
const SUCCESS = `SUCCESS: ${SERVICE} restarted successfully`;

/** Restarts the service when its proxy is asked for the first time. */
const restartingCurl = `#!/bin/bash
[[ "$*" != *:8087/* || -e /run/bin/asked ]] || { touch /run/bin/asked && systemctl restart ${SERVICE}; }
exec /usr/bin/curl "$@"
`;
const dropIn = (unit: string): string => `/run/systemd/system/${unit}.d`;
async function change(unit: string, settings: string): Promise<void> {
  await host.exec(`mkdir ${dropIn(unit)}`);
  await host.writeFile(`${dropIn(unit)}/test.conf`, `[Service]\n${settings}\n`);
  await host.exec(`systemctl daemon-reload; systemctl restart ${unit}`);
}
const unchange = (unit: string) =>
  host.exec(`rm -r ${dropIn(unit)}; systemctl daemon-reload; systemctl restart ${unit}`);

describe("repairs", () => {
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

  test("somebody's stop or restart that is under way isn't cut off, and a restart isn't made twice", async () => {
    await change(SERVICE, "ExecStop=/bin/sleep 3");
    const [stop, check] = await Promise.all([
      host.exec(`systemctl stop ${SERVICE}`),
      host
        .exec(`until systemctl is-active ${SERVICE} | grep deactivating; do :; done`)
        .then(() => runCheck(host)),
    ]);
    expect(stop.exitCode).toBe(0);
    expect(check).toMatchObject({ exitCode: 0, messages: expect.arrayContaining([SUCCESS]) as string[] });
    const { stdout } = await host.exec(
      `systemctl restart --no-block ${SERVICE}; ${CHECK}; systemctl restart --no-block ${PROXY}; ${CHECK}`,
    );
    expect(stdout.trim().split("\n").map(message)).toEqual([started, ALL_PASSED, started, ALL_PASSED]);
    await unchange(SERVICE);
  });

  test("an application that takes its time to answer isn't restarted while it starts", async () => {
    // After the start, for systemd; before it answers.
    await host.exec("mkdir /run/bin");
    await host.writeFile("/run/slow", '#!/bin/bash\nsleep 5\nexec "$@"\n', "0755");
    const program = (await host.exec(`systemctl cat ${SERVICE} | sed -n 's/^ExecStart=//p'`)).stdout.trim();
    await change(SERVICE, `Type=exec\nExecStart=\nExecStart=/run/slow ${program}`);
    expect(await runCheck(host)).toEqual({ exitCode: 0, messages: [started, ALL_PASSED] });
    // Nor is its proxy, if that happens after it was asked.
    await host.writeFile("/run/bin/curl", restartingCurl, "0755");
    const apache = await processOf(host, PROXY);
    const { stdout } = await host.exec(`PATH=/run/bin:$PATH ${CHECK}; rm -r /run/bin`);
    expect(stdout.trim().split("\n").map(message)).toEqual([started, ALL_PASSED]);
    expect(await processOf(host, PROXY)).toBe(apache);
    await unchange(SERVICE);
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
    for (const words of ["--typo", "--no-repair now", "--gate", "--gate soon"]) {
      const { exitCode, stdout, stderr } = await host.exec(`${CHECK} ${words}`, { reject: false });
      expect([exitCode, stdout, stderr.includes("health-check.sh --no-repair")]).toEqual([2, "", true]);
    }
    const { exitCode, stderr } = await host.execAs("deploy", CHECK, { reject: false });
    expect([exitCode, stderr.trim()]).toEqual([2, `run it as root: sudo ${CHECK}`]);
  });
});
