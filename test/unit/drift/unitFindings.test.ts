import { describe, expect, test } from "vitest";

import { findDrift } from "../../../src/drift/findings";
import type { ObservedHost, Override } from "../../../src/drift/observedHost";
import { desiredOf, filesOf, seed } from "../support/configs";
import { inSyncHost, newHost, withUnit } from "../support/hostInSync";

const RAW = seed();
const SECRET = "hunter2-hunter2";
const inSync = inSyncHost(RAW);
const found = (observed: ObservedHost) =>
  findDrift({
    ...{ desired: desiredOf(RAW), revision: "", files: filesOf(RAW), observed },
    ...{ helperListing: "listing", secrets: [SECRET] },
  });

const APP = "rps.service";
const TIMER = "rps-health-check.timer";
const RECOVERY = "rps-recovery.service";
const failed = { ActiveState: "failed", Result: "exit-code", ExecMainStatus: "3" };
/** So long ago, of 90000 seconds that the host is up. */
const ago = (seconds: number) => ({ StateChangeTimestampMonotonic: `${90_000 - seconds}000000` });

describe("of a unit it's told that it", () => {
  test.each<[unit: string, properties: Record<string, string>, sentence: string]>([
    [APP, { UnitFileState: "disabled" }, "was disabled"],
    [APP, { UnitFileState: "enabled-runtime" }, "was set to enabled-runtime"],
    ["apache2.service", { UnitFileState: "masked", LoadState: "masked" }, "was masked"],
    ["apache2.service", { UnitFileState: "masked-runtime" }, "was masked"],
    [APP, { ActiveState: "inactive", ...ago(0) }, "was stopped 0 s ago"],
    [APP, { ActiveState: "inactive", ...ago(89) }, "was stopped 89 s ago"],
    [APP, { ActiveState: "inactive", ...ago(180) }, "was stopped 3 min ago"],
    [APP, { ActiveState: "inactive", ...ago(7200) }, "was stopped 2 h ago"],
    [
      APP,
      { ActiveState: "inactive", UptimeSec: "900000", StateChangeTimestampMonotonic: "36000000000" },
      "was stopped 10 days ago",
    ],
    // It never ran since the boot.
    [APP, { ActiveState: "inactive", StateChangeTimestampMonotonic: "0" }, "was stopped"],
    [TIMER, { ActiveState: "inactive", ...ago(60) }, "was stopped 60 s ago"],
    [TIMER, { SubState: "elapsed" }, "has no next run"],
    [APP, { ...failed, ...ago(10) }, "failed 10 s ago (exit status 3)"],
    [APP, { ...failed, Result: "signal", ExecMainStatus: "9", ...ago(10) }, "failed 10 s ago (signal 9)"],
    [APP, { ...failed, Result: "core-dump", ExecMainStatus: "6", ...ago(10) }, "failed 10 s ago (signal 6)"],
    [APP, { ...failed, Result: "timeout", ...ago(10) }, "failed 10 s ago (timeout)"],
    [APP, { ...failed, Result: "start-limit-hit", ...ago(10) }, "hit its start limit 10 s ago"],
    [
      APP,
      { ...failed, ActiveState: "activating", SubState: "auto-restart" },
      "ended (exit status 3) and waits for its next start",
    ],
    [APP, { ActiveState: "deactivating" }, "is deactivating"],
    // Without it a host that restarts in the middle of an update stays as it is.
    [RECOVERY, { UnitFileState: "disabled" }, "was disabled"],
    [RECOVERY, { UnitFileState: "masked", LoadState: "masked" }, "was masked"],
    [APP, { ActiveState: "", UnitFileState: "" }, "is unknown to systemd"],
  ])("%s %j: %s", (unit, properties, sentence) => {
    expect(found(withUnit(inSync, unit, properties))).toEqual([
      { step: { kind: "enable", unit }, sentence: `${unit} ${sentence}` },
    ]);
  });

  test("was disabled and stopped at once, and systemd hasn't read its files", () => {
    const host = withUnit(inSync, APP, {
      ...{ UnitFileState: "disabled", ActiveState: "inactive", NeedDaemonReload: "yes" },
      StateChangeTimestampMonotonic: "0",
    });
    expect(found(host).map(({ sentence }) => sentence)).toEqual([
      "rps.service was disabled",
      "rps.service was stopped",
      "systemd hasn't loaded the files of rps.service as they are now (daemon-reload)",
    ]);
  });

  test("is otherwise in effect than at the confirmation, whyever", () => {
    const changed = [
      { name: "Restart", was: "always", is: "no" },
      { name: "StartLimitBurst", was: "5", is: "" },
    ];
    expect(found(withUnit(inSync, APP, {}, changed)).map(({ sentence }) => sentence)).toEqual([
      "rps.service has Restart=no in effect, not always",
      "rps.service has StartLimitBurst=(nothing) in effect, not 5",
    ]);
  });
});

describe("nothing is told of", () => {
  test.each<[string, ObservedHost]>([
    ["a unit that is just starting", withUnit(inSync, APP, { ActiveState: "activating", SubState: "start" })],
    ["a timer whose check runs", withUnit(inSync, TIMER, { SubState: "running" })],
    ["a unit that ended once and runs again", withUnit(inSync, APP, { Result: "exit-code" })],
    [
      "the recovery that has nothing to do",
      withUnit(inSync, RECOVERY, { ActiveState: "inactive", ...ago(60) }),
    ],
    ["the recovery that failed, and tries again", withUnit(inSync, RECOVERY, failed)],
    ["the recovery at work", withUnit(inSync, RECOVERY, { ActiveState: "activating", SubState: "start" })],
    ["a unit of which nothing was said", { ...inSync, units: {} }],
    [
      "the operator's units before the first update",
      withUnit(newHost(RAW), "apache2.service", { ActiveState: "inactive", UnitFileState: "disabled" }),
    ],
  ])("%s", (_, host) => {
    expect(found(host)).toEqual([]);
  });
});

describe("a drop-in of somebody else is told of, with what it sets,", () => {
  const override = (change: Partial<Override>): Override => ({
    ...{ unit: APP, path: "/etc/systemd/system/rps.service.d/10-local.conf" },
    ...{ isMovable: true, section: "Service", key: "Restart", value: "no", ...change },
  });

  test.each<[Partial<Override>, string]>([
    [{}, "Restart=no"],
    [{ key: "Environment", value: "API=abcdef" }, "Environment=API=[masked]"],
    [{ key: "Environment", value: '"API=abc def" B=c' }, 'Environment="API=[masked]'],
    [{ key: "ExecStart", value: `/bin/x ${SECRET}` }, "ExecStart=/bin/x [masked]"],
    [{ key: "ExecStart", value: "/bin/x --token=abcdef" }, "ExecStart=/bin/x --token=[masked]"],
    [{ key: "ExecStart", value: "/bin/x db://u:abcdef@h/" }, "ExecStart=/bin/x db://[masked]@h/"],
    [{ key: "ExecStart", value: "/bin/x \u001b[31m" }, "ExecStart=/bin/x [31m"],
  ])("%j", (change, shown) => {
    const overrides = [override(change)];
    const sentence = `/etc/systemd/system/rps.service.d/10-local.conf sets ${shown} in [Service], which contradicts what is configured for rps.service`;
    const findings = [{ step: { kind: "enable", unit: APP }, sentence }];
    expect(found({ ...inSync, overrides })).toEqual(findings);
    // Before the first update too: it would overrule what is installed then.
    expect(found({ ...newHost(RAW), overrides })).toEqual(findings);
  });

  test("and that an update can't mend it, where it isn't of this unit alone", () => {
    const overrides = [override({ path: "/etc/systemd/system/service.d/all.conf", isMovable: false })];
    const sentence =
      "/etc/systemd/system/service.d/all.conf sets Restart=no in [Service], which contradicts what is configured for rps.service; an update can't undo that: change or remove it";
    expect(found({ ...inSync, overrides })).toEqual([
      { step: { kind: "enable", unit: APP }, sentence, isMendable: false },
    ]);
  });
});
