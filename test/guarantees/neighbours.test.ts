import { afterAll, beforeAll, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, PROXY, restarted, SERVICE, TIMER } from "../support/seedCommands";

/** What else works on the host in the middle of an update, and whether what we write there outlives a power cut. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["neighbours"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host]);
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

async function changeEverything(round: number): Promise<void> {
  await program.change("rps-ha:service", (service) => ({
    ...service,
    environment: { ROUND: String(round) },
  }));
  await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 5 + round }));
  await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 5 + round }));
}

async function expectConverged(round: number): Promise<void> {
  expect(await answers(host, 8087)).toBe(true);
  const active = await host.exec(`systemctl is-active ${SERVICE} ${PROXY} ${TIMER}`);
  expect(active.stdout).toBe("active\nactive\nactive");
  const { stdout } = await host.exec(`tr '\\0' '\\n' </proc/$(systemctl show -P MainPID ${SERVICE})/environ`);
  expect(stdout.split("\n")).toContain(`ROUND=${round}`);
  expect(await program.planned()).toEqual([]);
}

test("reloads and restarts by apt, needrestart or unattended upgrades in the middle of an update do no harm", async () => {
  await changeEverything(1);
  await host.exec(
    "systemd-run --quiet --unit=apt-like bash -c 'while :; do systemctl daemon-reload; sleep 0.3; done'",
  );
  try {
    const running = program.begin();
    await restarted(host);
    await host.exec(`systemctl restart ${SERVICE} ${PROXY}`);
    const { exitCode, all } = await running;
    expect(all).not.toContain("error:");
    expect(exitCode).toBe(0);
  } finally {
    await host.exec("systemctl stop apt-like.service");
  }
  await expectConverged(1);
});

test("every managed file is synced before it gets its name, and its directory after that: nothing is ever truncated", async () => {
  await changeEverything(2);
  // All that sshd starts, to the last child of each step.
  await host.exec(
    `systemd-run --quiet --unit=trace strace --follow-forks --decode-fds=path --quiet=all -e trace=openat,fsync,fdatasync,rename,renameat,renameat2,truncate,ftruncate,creat -o /run/trace -p "$(systemctl show -P MainPID ssh.service)"`,
  );
  await eventually(
    10,
    "the trace has begun",
    async () =>
      !(
        await host.exec("grep TracerPid /proc/$(systemctl show -P MainPID ssh.service)/status")
      ).stdout.endsWith("\t0"),
  );
  const { exitCode, text } = await program.up();
  await host.exec("systemctl stop trace.service");
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  const calls = (await host.exec("cat /run/trace")).stdout.split("\n");
  const changed = [
    "/etc/systemd/system/rps.service",
    "/etc/systemd/system/apache2.service.d/restart.conf",
    "/var/www/rps.pan2.app/bin/health-check.sh",
    "/var/lib/pulumi-systemd-ha/rps/manifest",
  ];
  for (const path of changed) {
    const renamed = calls.findIndex((call) => new RegExp(`rename.*, "${path}"`).test(call));
    expect(renamed, `${path} is renamed into place`).toBeGreaterThan(-1);
    const temporary = /rename\w*\((?:AT_FDCWD\S*, )?"([^"]+)"/.exec(calls[renamed] ?? "")?.[1];
    const synced = calls
      .slice(0, renamed)
      .some((call) => call.includes(" fsync(") && call.includes(`<${temporary}>`));
    expect(synced, `${temporary} is synced before`).toBe(true);
    const directory = path.replace(/\/[^/]*$/, "");
    const listed = calls
      .slice(renamed)
      .some((call) => call.includes(" fsync(") && call.includes(`<${directory}>`));
    expect(listed, `${directory} is synced after`).toBe(true);
    const written = calls.filter(
      (call) => call.includes(`"${path}"`) && /O_WRONLY|O_RDWR|truncate|creat\(/.test(call),
    );
    expect(written, `${path} is never opened for writing`).toEqual([]);
  }
  await expectConverged(2);
});
