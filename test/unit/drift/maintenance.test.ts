import { describe, expect, test } from "vitest";

import { findDrift } from "../../../src/drift/findings";
import { isInMaintenance, maintenanceNotices, willBeInMaintenance } from "../../../src/drift/maintenance";
import { type MaintenanceHold, type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import { comparePreflight } from "../../../src/drift/preflight";
import { expectedRestarts } from "../../../src/drift/restarts";
import { revisionOf } from "../../../src/model/manifest";
import { desiredOf, filesOf, type Raw, seed } from "../support/configs";
import { answerOf, inSyncHost, manifestOf, newHost, rowsInSync, withUnit } from "../support/hostInSync";

const OFF = seed();
const ON: Raw = { ...OFF, maintenance: true };
const APP = "rps.service";
const PROXY = "apache2.service";
const TIMER = "rps-health-check.timer";

const SINCE = "2026-01-22T22:14:39+0100";
const CONFIG: MaintenanceHold = { owner: "config", since: SINCE, by: "rps-ha/prod", reason: "" };
const OPERATOR: MaintenanceHold = { owner: "operator", since: SINCE, by: "bob@desk", reason: "a new disk" };
const BY_CONFIG = `since ${SINCE} (config: rps-ha/prod)`;
const BY_OPERATOR = `since ${SINCE} (operator: a new disk)`;

const held = (host: ObservedHost, ...maintenance: MaintenanceHold[]): ObservedHost => ({
  ...host,
  maintenance,
});
const found = (observed: ObservedHost, raw = OFF) => {
  const [desired, files] = [desiredOf(raw), filesOf(raw)];
  return findDrift({
    desired,
    files,
    observed,
    helperListing: "listing",
    secrets: [],
    revision: revisionOf(manifestOf(raw)),
  }).map(({ sentence }) => sentence);
};
/** The service and its timer as maintenance leaves them. */
const resting = (host: ObservedHost) => {
  const off = { ActiveState: "inactive", SubState: "dead", StateChangeTimestampMonotonic: "0" };
  return withUnit(withUnit(host, APP, off), TIMER, off);
};

test("the probe says who holds it, since when, by whom and why", () => {
  const answer = answerOf([
    ...rowsInSync(ON),
    ["maintenance", "config", SINCE, "rps-ha/prod", ""],
    ["maintenance", "operator", SINCE, "bob@desk", "a new disk"],
    ["maintenance", "odd"],
  ]);
  const nobody = { owner: "odd", since: "", by: "", reason: "" };
  expect(parseObservedHost(answer).maintenance).toEqual([CONFIG, OPERATOR, nobody]);
});

describe("a service that is stopped isn't drift", () => {
  test.each<[string, ObservedHost, Raw]>([
    ["while the configuration holds it", held(inSyncHost(ON), CONFIG), ON],
    ["while an operator does", held(inSyncHost(OFF), OPERATOR), OFF],
    ["while both do", held(inSyncHost(ON), CONFIG, OPERATOR), ON],
    [
      "after the configuration stopped asking for it, which shows in the plan",
      held(inSyncHost(ON), CONFIG),
      OFF,
    ],
  ])("%s", (_, host, raw) => {
    expect(found(resting(host), raw)).toEqual([]);
    expect(found(withUnit(resting(host), APP, { ActiveState: "failed", Result: "exit-code" }), raw)).toEqual(
      [],
    );
    expect(isInMaintenance(host)).toBe(true);
  });

  test("but it is where nobody holds it", () => {
    expect(found(resting(inSyncHost(OFF)))).toEqual([`${APP} was stopped`, `${TIMER} was stopped`]);
    expect(isInMaintenance(inSyncHost(OFF))).toBe(false);
  });
});

describe("in maintenance it's still drift that", () => {
  const host = resting(held(inSyncHost(OFF), OPERATOR));
  test.each<[string, ObservedHost, string]>([
    ["a unit is disabled", withUnit(host, APP, { UnitFileState: "disabled" }), `${APP} was disabled`],
    ["a unit is masked", withUnit(host, PROXY, { LoadState: "masked" }), `${PROXY} was masked`],
    [
      "the service runs",
      withUnit(host, APP, { ActiveState: "active" }),
      `${APP} runs in spite of maintenance`,
    ],
    [
      "systemd hasn't loaded a file",
      withUnit(host, APP, { NeedDaemonReload: "yes" }),
      `systemd hasn't loaded the files of ${APP} as they are now (daemon-reload)`,
    ],
    [
      "the configuration's marker was removed",
      resting(inSyncHost(ON)),
      "the marker by which the configuration keeps the service in maintenance was removed",
    ],
    [
      "somebody put one there in its name",
      resting(held(inSyncHost(OFF), CONFIG)),
      "a marker keeps the service in maintenance in the configuration's name, which doesn't say so",
    ],
  ])("%s", (_, observed, sentence) => {
    expect(found(observed)).toEqual([sentence]);
  });
});

describe("what is said of it", () => {
  const ENDS = "maintenance of rps ends: what is stopped is started, and must become healthy";
  const BEGINS = "rps goes into maintenance: its service is stopped, and nothing starts it";
  test.each<[string, Raw, readonly MaintenanceHold[], readonly string[]]>([
    ["nothing, where there is none", OFF, [], []],
    ["that it begins", ON, [], [BEGINS]],
    ["that the configuration holds it", ON, [CONFIG], [`rps is in maintenance ${BY_CONFIG}`]],
    ["that it ends", OFF, [CONFIG], [`rps is in maintenance ${BY_CONFIG}`, ENDS]],
    ["that an operator holds it", OFF, [OPERATOR], [`rps is in maintenance ${BY_OPERATOR}`]],
    ["that both do", ON, [CONFIG, OPERATOR], [`rps is in maintenance ${BY_CONFIG} and ${BY_OPERATOR}`]],
    [
      "of a marker that somebody made by hand",
      OFF,
      [{ ...OPERATOR, since: "", by: "", reason: "" }],
      ["rps is in maintenance since an unknown time (operator: somebody)"],
    ],
    [
      "without what could drive a terminal",
      OFF,
      [{ ...OPERATOR, reason: "\u001b[31mred" }],
      [`rps is in maintenance since ${SINCE} (operator: [31mred)`],
    ],
  ])("%s", (_, raw, holds, sentences) => {
    expect(maintenanceNotices(desiredOf(raw), held(inSyncHost(OFF), ...holds))).toEqual(sentences);
  });

  test("no restart is announced of what will be stopped", () => {
    const other: Raw = { ...ON, service: { ...(ON["service"] as Raw), environment: { A: "b" } } };
    const comparison = (raw: Raw) => ({
      ...{ desired: desiredOf(raw), files: filesOf(raw), observed: inSyncHost(OFF) },
      ...{ helperListing: "listing", secrets: [], revision: revisionOf(manifestOf(raw)) },
    });
    expect(expectedRestarts(comparison({ ...other, maintenance: false }), [])).toHaveLength(1);
    expect(expectedRestarts(comparison(other), [])).toEqual([]);
  });
});

test("an update leaves it in maintenance that its configuration or an operator keeps there", () => {
  const host = newHost(OFF);
  expect(willBeInMaintenance(desiredOf(ON), host)).toBe(true);
  expect(willBeInMaintenance(desiredOf(OFF), held(host, OPERATOR))).toBe(true);
  expect(willBeInMaintenance(desiredOf(OFF), held(host, CONFIG))).toBe(false);
});

test("in maintenance the application's port may be taken by whoever tries it by hand", () => {
  const portListener = { process: "python3", cgroup: "0::/user.slice" };
  const host = { ...inSyncHost(OFF), portListener };
  expect(comparePreflight(desiredOf(OFF).requirements, host).join()).toContain(
    "port 5137 is taken by python3",
  );
  expect(comparePreflight(desiredOf(ON).requirements, host).join()).not.toContain("port 5137");
  expect(comparePreflight(desiredOf(OFF).requirements, held(host, OPERATOR)).join()).not.toContain(
    "port 5137",
  );
});
