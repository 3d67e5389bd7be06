import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { FULL } from "../support/full";
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

interface Spoilt {
  readonly what: string;
  readonly spoil: string;
  readonly mend: string;
  /** What `up` must say. */
  readonly sentences: readonly RegExp[];
  /** Whether an update follows that goes through: after the last at each place, so over what all of them left; in full after each. */
  readonly isLast?: true;
}

const CASES: readonly Spoilt[] = [
  {
    what: "no space for our records",
    spoil: `${small(STATE, "size=2m")} && ${fill(STATE)}`,
    mend: `umount ${STATE}`,
    sentences: [/cannot (write|create|store) .*\/var\/lib\/pulumi-systemd-ha.*; is the disk full/],
  },
  {
    what: "no inode for our records",
    spoil: `${small(STATE, "nr_inodes=400")} && ${fillInodes(STATE)}`,
    mend: `umount ${STATE}`,
    sentences: [/cannot (write|create|store) .*\/var\/lib\/pulumi-systemd-ha.*; is the disk full/],
  },
  {
    what: "our records are read-only",
    spoil: readOnly(STATE),
    mend: `umount ${STATE}`,
    sentences: [/\/var\/lib.* read-only/],
    isLast: true,
  },
  {
    what: "no space for the units",
    spoil: `${small(UNITS, "size=1m")} && ${fill(UNITS)}`,
    mend: `umount ${UNITS}`,
    sentences: [/cannot write \/etc\/systemd\/system\/.*; is the disk full/],
  },
  {
    what: "no inode for the units",
    spoil: `${small(UNITS, "nr_inodes=200")} && ${fillInodes(UNITS)}`,
    mend: `umount ${UNITS}`,
    sentences: [/cannot (write|create) \/etc\/systemd\/system\/.*; is the disk full/],
  },
  {
    // Both are seen before anything is sent, and told at once.
    what: "the units and the log rotation are read-only",
    spoil: `${readOnly(UNITS)} && ${readOnly(LOGROTATE)}`,
    mend: `umount ${UNITS} ${LOGROTATE}`,
    sentences: [/\/etc\/systemd\/system.* read-only/, /\/etc\/logrotate\.d.* read-only/],
    isLast: true,
  },
  {
    // Smaller before: it's as large as a good part of the machine's memory. systemd wants 16 MiB of it for a reload.
    what: "no space in /run",
    spoil: `mount -o remount,size=64m /run && ${fill("/run")}`,
    mend: "rm /run/filling",
    sentences: [/cannot write (to )?\/run.*; is it full/],
    isLast: true,
  },
];

const processes = () => Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)));

async function changeEverything(what: string): Promise<void> {
  await program.change("rps-ha:service", (service) => ({
    ...service,
    environment: { CASE: what },
    logReopenSignal: service["logReopenSignal"] === "USR1" ? "HUP" : "USR1",
  }));
  await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 5 + what.length }));
  await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 5 + what.length }));
}

async function expectThrough(): Promise<void> {
  const { text, exitCode } = await program.up();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  for (const unit of [SERVICE, PROXY, TIMER]) {
    expect((await host.exec(`systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).stdout).toBe(
      "active\nenabled",
    );
  }
}

describe("an update of everything", () => {
  test.each(CASES.map((spoilt) => [spoilt.what, spoilt] as const))(
    "%s",
    async (_, { what, spoil, mend, sentences, isLast = FULL }) => {
      const before = [await listing(), await processes()];
      await changeEverything(what);
      await host.exec(spoil);
      try {
        const { exitCode, text } = await program.up();
        expect(exitCode).not.toBe(0);
        for (const sentence of sentences) expect(text).toMatch(sentence);
        expect(text).not.toMatch(/line \d+:|: command not found/);
        expect(await answers(host, 8087)).toBe(true);
      } finally {
        await host.exec(mend);
      }
      expect([await listing(), await processes()]).toEqual(before);
      if (isLast) await expectThrough();
    },
  );

  test("the next preview is empty", async () => {
    expect(await program.planned()).toEqual([]);
  });
});
