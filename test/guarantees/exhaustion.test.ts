import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** An update that finds no space, no inode or a read-only file system: a clear error, and the host as before. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["exhaustion"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const STATE = "/var/lib/pulumi-systemd-ha";
const UNITS = "/etc/systemd/system";
const LOGROTATE = "/etc/logrotate.d";

/** All that the update changes, with owners, modes and content; and that nothing was left half written beside it. */
const listing = async (): Promise<string> =>
  (
    await host.exec(
      `find /etc /var/www/rps.pan2.app/bin -printf '%y %m %u:%g %p %l\\n' | sort; find /etc /var/www/rps.pan2.app/bin -type f -exec sha256sum {} + | sort`,
    )
  ).stdout;

/** Puts a small file system of its own in a directory's place, with the same content. */
const small = (directory: string, options: string): string =>
  `mkdir -p /run/small && mount -t tmpfs -o mode=0755,${options} none /run/small && cp -a ${directory}/. /run/small && mount --bind /run/small ${directory} && umount /run/small`;
const fill = (directory: string): string => `{ cat /dev/zero >${directory}/filling 2>/dev/null || true; }`;
const fillInodes = (directory: string): string =>
  `mkdir ${directory}/filling && i=0 && while : 2>/dev/null >${directory}/filling/$((i += 1)); do :; done`;
const readOnly = (directory: string): string =>
  `mount --bind ${directory} ${directory} && mount -o remount,ro,bind ${directory}`;

/** How the host is spoilt, what mends it, and what `up` must say. */
const CASES: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "no space for our records",
    `${small(STATE, "size=2m")} && ${fill(STATE)}`,
    STATE,
    /cannot (write|create|store) .*\/var\/lib\/pulumi-systemd-ha.*; is the disk full/,
  ],
  [
    "no inode for our records",
    `${small(STATE, "nr_inodes=400")} && ${fillInodes(STATE)}`,
    STATE,
    /cannot (write|create|store) .*\/var\/lib\/pulumi-systemd-ha.*; is the disk full/,
  ],
  ["our records are read-only", readOnly(STATE), STATE, /\/var\/lib.* read-only/],
  [
    "no space for the units",
    `${small(UNITS, "size=1m")} && ${fill(UNITS)}`,
    UNITS,
    /cannot write \/etc\/systemd\/system\/.*; is the disk full/,
  ],
  [
    "no inode for the units",
    `${small(UNITS, "nr_inodes=200")} && ${fillInodes(UNITS)}`,
    UNITS,
    /cannot (write|create) \/etc\/systemd\/system\/.*; is the disk full/,
  ],
  ["the units are read-only", readOnly(UNITS), UNITS, /\/etc\/systemd\/system.* read-only/],
  ["the log rotation is read-only", readOnly(LOGROTATE), LOGROTATE, /\/etc\/logrotate\.d.* read-only/],
  ["no space in /run", fill("/run"), "", /cannot write (to )?\/run.*; is it full/],
];

describe("an update of everything", () => {
  test.each(CASES)("%s", async (what, spoil, mounted, sentence) => {
    const before = await listing();
    const processes = await Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)));
    await program.change("rps-ha:service", (service) => ({
      ...service,
      environment: { CASE: what },
      logReopenSignal: service["logReopenSignal"] === "USR1" ? "HUP" : "USR1",
    }));
    await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 5 + what.length }));
    await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 5 + what.length }));
    await host.exec(spoil);
    try {
      const { exitCode, text } = await program.up();
      expect(exitCode).not.toBe(0);
      expect(text).toMatch(sentence);
      expect(text).not.toMatch(/line \d+:|: command not found/);
      expect(await answers(host, 8087)).toBe(true);
    } finally {
      await host.exec(mounted === "" ? "rm /run/filling" : `umount ${mounted}`);
    }
    expect(await listing()).toBe(before);
    expect(await Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)))).toEqual(processes);
    const next = await program.up();
    expect(next.text).not.toContain("error:");
    expect(next.exitCode).toBe(0);
    expect(await program.planned()).toEqual([]);
    for (const unit of [SERVICE, PROXY, TIMER]) {
      expect((await host.exec(`systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).stdout).toBe(
        "active\nenabled",
      );
    }
  });
});
