import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { DISK_CASES } from "../support/diskFaults";
import { CASES, PASSED, STARTED, TUNNEL } from "../support/healthFaults";
import { answers, eventually, PROXY, processOf, runCheck, SERVICE, TIMER } from "../support/seedCommands";

const UNITS = [SERVICE, PROXY, TUNNEL] as const;

/**
 * The health check under one fault after the other, run by hand as the seed says: what is at fault is repaired, or reported as what
 * can't be repaired here, and nothing that was healthy is restarted.
 */
let host: DisposableHost;
let program: Program;

const seen: { fault: string; restarted: string; ends: string; seconds: string }[] = [];

beforeAll(async () => {
  [host] = (await bootHosts(["faulty"])) as [DisposableHost];
  await host.writeFile("/usr/local/bin/cloudflared", "#!/bin/bash\nexec sleep infinity\n", "0755");
  await host.writeFile(
    `/etc/systemd/system/${TUNNEL}`,
    "[Service]\nExecStart=/usr/local/bin/cloudflared\n[Install]\nWantedBy=multi-user.target\n",
  );
  await host.exec(`systemctl daemon-reload; systemctl enable --now ${TUNNEL}; systemctl start edge.service`);
  // As every server has one; a disposable host has none.
  await host.exec("ip route replace default dev host0");
  program = await Program.forHosts([host], "root", { "rps-ha:tunnel": { unit: TUNNEL, restartSec: 1 } });
  await program.change("rps-ha:service", (service) => ({ ...service, restartSec: 1, healthyWithinSec: 8 }));
  await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 1, retries: 1 }));
  expect((await program.up()).text).not.toContain("error:");
  await host.exec(`systemctl stop ${TIMER}`);
});
afterAll(async () => {
  console.table(seen);
  await program.close();
  await host.close();
});

const clean = `rm -f /var/lib/pulumi-systemd-ha/rps/{repairs,failures}.* /run/pulumi-systemd-ha-rps/{repairs,failures}.*; echo ok >/run/edge-mode; systemctl reset-failed; systemctl start ${UNITS.join(" ")} edge.service`;

describe("one fault after the other", () => {
  let undo = "";
  beforeEach(async () => {
    await host.exec(clean);
    await eventually(15, "the site answers", () => answers(host, 8087));
  });
  afterEach(async () => {
    if (undo !== "") await host.exec(undo);
    undo = "";
  });

  test.each([...CASES, ...DISK_CASES])(
    "$name",
    async ({ name, make, undo: after = "", says, restarts = [], isWell }) => {
      const before = await Promise.all(UNITS.map((unit) => processOf(host, unit)));
      undo = after;
      await host.exec(make);
      const begun = Date.now();
      const { exitCode, messages } = await runCheck(host);
      const seconds = ((Date.now() - begun) / 1000).toFixed(1);
      const expected = [STARTED, ...says, ...(isWell ? [PASSED] : [])];
      expect(messages).toEqual(
        expected.map((line) => (typeof line === "string" ? line : (expect.stringMatching(line) as string))),
      );
      expect(exitCode).toBe(isWell ? 0 : 1);
      const after2 = await Promise.all(UNITS.map((unit) => processOf(host, unit)));
      const changed = UNITS.filter((_, index) => after2[index] !== before[index]);
      expect(changed).toEqual(UNITS.filter((unit) => restarts.includes(unit)));
      if (isWell) expect(await answers(host, 8087)).toBe(true);
      seen.push({
        fault: name,
        restarted: changed.join(" "),
        ends: isWell ? "healthy" : "reported",
        seconds,
      });
    },
  );
});
