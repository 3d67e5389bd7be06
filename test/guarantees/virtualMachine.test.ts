import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { HostOutputs } from "../../src/outputs";
import { bootHosts, type DisposableHost, refusalOf } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, PROXY, SERVICE, TIMER } from "../support/seedCommands";

const refusal = refusalOf("qemu");

describe.skipIf(refusal)(`a virtual machine${refusal === undefined ? "" : ` (${refusal})`}`, () => {
  let host: DisposableHost;
  let program: Program | undefined;

  beforeAll(async () => {
    [host] = (await bootHosts(["virtual"], { machine: "qemu" })) as [DisposableHost];
  });
  afterAll(async () => {
    await program?.close();
    await host.close();
  });

  const said = async (script: string): Promise<string> => (await host.exec(script)).stdout;

  function ssh(user: string, command: string) {
    const known = `KnownHostsCommand=/bin/echo %H ${host.hostKey}`;
    const options = [known, "UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes", "BatchMode=yes"];
    const words = [...options.flatMap((option) => ["-o", option]), "-i", host.privateKeyFile];
    const to = ["-p", String(host.port), `${user}@${host.address}`, command];
    return execa("ssh", [...words, ...to], { stdin: "ignore", reject: false });
  }

  test("boots without a failed unit and with the seed's files, which nothing runs yet", async () => {
    expect(await said("systemctl is-system-running; systemctl --failed --no-legend; hostname")).toBe(
      "running\nvirtual",
    );
    expect(await said("systemd-detect-virt; stat -fc %T /sys/fs/cgroup")).toMatch(/^(qemu|kvm)\ncgroup2fs$/);
    expect(await said("stat -c '%U %n' /var/www/rps.pan2.app/*")).toContain(
      "www-data /var/www/rps.pan2.app/app.py",
    );
    expect(await said("curl -s -o /dev/null -w '%{http_code}' localhost:8087")).toBe("503");
  });

  test("lets the users in by ssh with the pinned host key", async () => {
    expect(await ssh("deploy", "sudo -n id -un")).toMatchObject({ stdout: "root", exitCode: 0 });
    expect(await ssh("nosudo", "sudo -n true")).toMatchObject({ exitCode: 1 });
  });

  test("runs scripts as any user, with their input, output and exit code", async () => {
    expect(await host.execAs("www-data", "id -un; pwd; cat; exit 7", { input: "in", reject: false })).toEqual(
      {
        stdout: expect.stringMatching(/^www-data\n.*\nin$/) as string,
        stderr: "",
        exitCode: 7,
      },
    );
    await host.writeFile("/etc/kept", "it's\n\n", "0600");
    expect(await host.readFile("/etc/kept")).toBe("it's\n\n");
  });

  test("ends a unit that wants more memory than it may have", async () => {
    const hog = "systemd-run -q --wait -p MemoryMax=32M -p MemorySwapMax=0 -p OOMPolicy=kill --unit=hog";
    await host.exec(`${hog} python3 -c 'b"x" * (256 << 20)'`, { reject: false });
    expect(await host.systemctlShow("hog.service", "Result")).toEqual({ Result: "oom-kill" });
    await host.exec("systemctl reset-failed hog.service");
  });

  test("has a clock of its own", async () => {
    const before = Number(await said("date +%s"));
    await host.exec("date -s '+3 days'");
    expect(Number(await said("date +%s")) - before).toBeGreaterThan(2 * 86_400);
    await host.exec("date -s '-3 days'");
    expect(Number(await said("date +%s")) - before).toBeLessThan(600);
    expect(Math.abs(Date.now() / 1000 - before)).toBeLessThan(600);
  });

  test("is provisioned by `pulumi up`", async () => {
    await host.exec("systemctl start edge.service");
    program = await Program.forHosts([host]);
    await program.change("rps-ha:service", (service) => ({ ...service, ...PATIENT }));
    const up = await program.up();
    expect(up.text).not.toContain("error:");
    expect(up.exitCode).toBe(0);
    const { hosts } = await program.outputs<{ hosts: Record<string, HostOutputs> }>();
    const enabled = { enabled: "enabled", active: "active" };
    expect(hosts["virtual"]).toMatchObject({
      units: { [SERVICE]: enabled, [PROXY]: enabled, [TIMER]: enabled },
      healthCheck: { passed: true },
    });
  });

  test("starts the service again when it was killed for its memory, however often", async () => {
    const limit = (size: string) =>
      host.exec(`systemctl set-property --runtime ${SERVICE} MemoryMax=${size} MemorySwapMax=${size}`);
    await limit("4M");
    // Each start ends so too.
    await eventually(180, "two restarts", async () => {
      const { Result, NRestarts } = await host.systemctlShow(SERVICE, "Result", "NRestarts");
      return Result === "oom-kill" && Number(NRestarts) >= 2;
    });
    expect(await said(`journalctl --no-pager -o cat -u ${SERVICE}`)).toMatch(/Failed with result 'oom-kill'/);
    await limit("infinity");
    await eventually(120, "it serves again", () => answers(host, 8087));
    await host.exec(`rm -r /run/systemd/system.control/${SERVICE}.d; systemctl daemon-reload`);
  });

  test("loses in a power cut what it had not synced, and nothing else", async () => {
    const bootId = () => said("cat /proc/sys/kernel/random/boot_id");
    const before = await bootId();
    await host.exec("cd /var/tmp && echo line >synced && sync && echo line >unsynced");
    await host.powerCut();
    expect(await bootId()).not.toBe(before);
    expect(await said("cd /var/tmp && cat synced && cat unsynced 2>/dev/null || true")).toBe("line");
    expect(await said("systemctl is-system-running")).toBe("running");
    expect(await answers(host, 8087)).toBe(true);
  });
});

/** An emulated processor needs several times as long for everything. */
const PATIENT = { healthyWithinSec: 40, confirmWithinSec: 60 };
