import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { processOf, PROXY, SERVICE } from "../support/seedCommands";

/** Hosts that are unlike the seed's in ways which would hurt, and records that were lost before the end. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["hardening"], { release: "trixie" })) as [DisposableHost];
  await host.exec("systemctl start edge.service");
});
afterAll(() => host.close());
afterEach(() => program.close());

const succeeds = async (run: Promise<{ text: string; exitCode: number }>): Promise<void> => {
  const { text, exitCode } = await run;
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
};

/** All that an update could bring. */
const ours = async (): Promise<string> =>
  (
    await host.exec(
      `ls -d /etc/systemd/system/{rps*,ssh.service,apache2.service.d} /etc/systemd/system/*.wants/rps* /etc/logrotate.d/rps /etc/pulumi-systemd-ha /usr/local/lib/pulumi-systemd-ha /var/lib/pulumi-systemd-ha /var/www/rps.pan2.app/bin/* 2>/dev/null; systemctl list-units --all --plain --no-legend 'rps*'`,
      { reject: false },
    )
  ).stdout;

test("refused by name before anything is changed, all at once", async () => {
  program = await Program.forHosts([host]);
  await program.change("rps-ha:service", (known) => ({ ...known, name: "ssh" }));
  await host.exec("chown www-data /var/www; mkdir /var/www/rps.pan2.app/.ssh");
  const { text, exitCode } = await program.up();
  await host.exec("chown root /var/www; rmdir /var/www/rps.pan2.app/.ssh");
  // A directory above the application's that the service's user owns; somebody's home; a name that is a system service's.
  expect(text).toContain("/var/www is www-data's");
  expect(text).toContain("is a home directory with ssh keys");
  expect(text).toContain("there is a ssh.service already");
  expect(exitCode).not.toBe(0);
  expect(await ours()).toBe("");
});

test("on Debian 13, in a directory with a setgid bit: in sync after the first update; what the host's own tools refuse then changes nothing there, and is told in their words", async () => {
  await host.exec("chmod 2775 /var/www/rps.pan2.app");
  program = await Program.forHosts([host], "deploy");
  await succeeds(program.up());
  expect(await program.planned()).toEqual([]);
  const listing = async () =>
    (
      await host.exec(
        "find /etc /var/www -type f ! -name '*.pyc' ! -name 'rps.db*' ! -path '*/logs/*' -exec sha256sum {} + | sort",
      )
    ).stdout;
  await host.exec(
    "install -d -m 0700 /root/bin && cp /bin/true /root/bin/app && echo Nonsense >/etc/apache2/conf-enabled/bad.conf",
  );
  const before = [await listing(), await processOf(host, SERVICE), await processOf(host, PROXY)];
  await program.change("rps-ha:service", (service) => ({ ...service, exec: ["/root/bin/app"] }));
  const { text, exitCode } = await program.up();
  expect(exitCode).not.toBe(0);
  expect(text).toContain("the new configuration isn't valid, and nothing of it was installed");
  expect(text).toContain("www-data may not execute /root/bin/app");
  expect(text).toMatch(/apachectl configtest: .*Syntax error on line 1 of .*bad\.conf/);
  expect([await listing(), await processOf(host, SERVICE), await processOf(host, PROXY)]).toEqual(before);
  await host.exec("rm /etc/apache2/conf-enabled/bad.conf");
  await succeeds(program.destroy());
  expect(await ours()).toBe("");
  expect((await host.exec("stat -c '%a %U' /var/www/rps.pan2.app")).stdout).toBe("2775 www-data");
});

test.each([
  ["the state directory was lost and made anew", "rm -r /var/lib/pulumi-systemd-ha", true],
  ["the originals were lost", "rm -r /var/lib/pulumi-systemd-ha/rps/originals", false],
])("%s: destroy still takes away all that is ours, and Apache serves on", async (_, lose, isMadeAnew) => {
  program = await Program.forHosts([host], "deploy");
  await succeeds(program.up());
  await host.exec(lose);
  if (isMadeAnew) await succeeds(program.up());
  const apache = await processOf(host, PROXY);
  await succeeds(program.destroy());
  expect(await ours()).toBe("");
  expect(await processOf(host, PROXY)).toBe(apache);
});

test("an application that doesn't start is told with its own last words, without its secrets", async () => {
  program = await Program.forHosts([host], "deploy");
  await program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ TOKEN: "hunter2-and-more" }));
  await program.change("rps-ha:service", (service) => ({
    ...service,
    healthyWithinSec: 5,
    exec: [
      "/usr/bin/gunicorn",
      "--bind",
      "127.0.0.1:5137",
      "--error-logfile",
      "/var/www/rps.pan2.app/logs/rps-error.log",
      "broken:app",
    ],
  }));
  await host.exec(`cat >/var/www/rps.pan2.app/broken.py`, {
    input: 'import os\nraise RuntimeError("cannot use " + os.environ["TOKEN"])\n',
  });
  const { text, exitCode } = await program.up();
  expect(exitCode).not.toBe(0);
  expect(text).toContain("RuntimeError: cannot use [masked]");
  expect(text).not.toContain("hunter2");
  await succeeds(program.destroy());
  expect(await ours()).toBe("");
  expect((await host.systemctlShow(SERVICE, "ActiveState"))["ActiveState"]).toBe("inactive");
});
