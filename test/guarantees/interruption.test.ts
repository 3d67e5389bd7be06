import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program, REPOSITORY } from "../support/program";
import { answers, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** The helper is killed at each of its fault points; the next `up` must end well without any hand work. */
const FAULTS = { PULUMI_SYSTEMD_HA_FAULT_POINTS: join(REPOSITORY, "test/support/fault.bash") };
const rounds = process.env["PULUMI_SYSTEMD_HA_FULL"] === undefined ? 1 : 5;

let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["interruption"])) as [DisposableHost];
  program = await Program.forHosts([host], "deploy");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

async function faultPoints(): Promise<string[]> {
  const directory = join(REPOSITORY, "host/lib");
  const sources = await Promise.all(
    (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8")),
  );
  const names = sources.flatMap((source) =>
    [...source.matchAll(/fault_point ([a-z-]+)/g)].map(([, name]) => name ?? ""),
  );
  // Both are the same line, `fault_point "$how"`.
  return [...new Set([...names, "start", "restart"])];
}

const killAt = (point: string) => host.writeFile("/run/pulumi-systemd-ha-fault", point);
const isArmed = async () =>
  (await host.exec("test -e /run/pulumi-systemd-ha-fault", { reject: false })).exitCode === 0;

/** Contents of everything that is managed. */
async function managed(): Promise<Record<string, string>> {
  const { stdout } = await host.exec(
    "sha256sum /etc/systemd/system/rps* /etc/systemd/system/apache2.service.d/restart.conf /etc/logrotate.d/rps /var/www/rps.pan2.app/bin/*",
    { reject: false },
  );
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).reverse() as [string, string]),
  );
}

async function expectConverged(): Promise<void> {
  const result = await program.up(FAULTS);
  expect(result.text).not.toContain("error:");
  expect(result.exitCode).toBe(0);
  expect(await answers(host, 8087)).toBe(true);
  for (const unit of [SERVICE, PROXY, TIMER]) {
    expect((await host.exec(`systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).stdout).toBe(
      "active\nenabled",
    );
  }
  expect((await host.exec("ls /var/lib/pulumi-systemd-ha/rps")).stdout).not.toContain("transaction");
  expect(
    (await host.exec("find /etc /var/www /usr/local/lib -name '*.dpkg-new' -o -name '*.new'")).stdout,
  ).toBe("");
  expect(await program.planned(FAULTS)).toEqual([]);
}

const UNINSTALL = ["retired", "restored", "before-forget", "forgotten"];

describe("the helper is killed in the middle of an update", async () => {
  const points = (await faultPoints()).filter((point) => !UNINSTALL.includes(point));

  test("at the first installation, before anything is confirmed", async () => {
    await killAt("installed");
    const failed = await program.up(FAULTS);
    expect(failed.exitCode).not.toBe(0);
    expect(failed.text).toMatch(/status 137|signal KILL|without exit status/);
    await expectConverged();
  });

  test.each(points.flatMap((point) => Array<string>(rounds).fill(point)))("at %s", async (point) => {
    const before = await managed();
    // Changes the unit (so a restart), the drop-in and the script; a start where the service is stopped first.
    await program.change("rps-ha:service", (service) => ({
      ...service,
      environment: { ROUND: `${point}-${Date.now()}` },
    }));
    await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 5 + (Date.now() % 50) }));
    await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 5 + (Date.now() % 40) }));
    if (point === "start") await host.exec(`systemctl stop ${TIMER} ${SERVICE}`);
    if (point === "enable") await host.exec(`systemctl disable ${SERVICE}`);
    await killAt(point);
    const failed = await program.up(FAULTS);
    expect(await isArmed(), "the fault point was reached").toBe(false);
    expect(failed.exitCode).not.toBe(0);
    const after = await managed();
    await expectConverged();
    const converged = await managed();
    for (const [path, hash] of Object.entries(after)) {
      expect([before[path], converged[path]], `${path} was old or new, never half`).toContain(hash);
    }
  });
});

describe("the helper is killed in the middle of a destroy", () => {
  test.each(UNINSTALL)("at %s: the next destroy finishes", async (point) => {
    await expectConverged();
    await killAt(point);
    expect((await program.destroy(FAULTS)).exitCode).not.toBe(0);
    expect(await isArmed()).toBe(false);
    expect((await program.destroy(FAULTS)).exitCode).toBe(0);
    expect(
      (
        await host.exec(
          "find /etc /usr/local/lib /var/lib -name '*rps*' -o -name '*pulumi*' | grep -v -e edge -e apache2/",
          { reject: false },
        )
      ).stdout,
    ).toBe("");
    expect((await host.exec(`systemctl is-active ${PROXY}`)).stdout.trim()).toBe("active");
  });
});
