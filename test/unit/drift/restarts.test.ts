import { expect, test } from "vitest";

import type { Finding } from "../../../src/drift/finding";
import type { ObservedHost } from "../../../src/drift/observedHost";
import { expectedRestarts } from "../../../src/drift/restarts";
import { desiredOf, filesOf, seed, withKey } from "../support/configs";
import { inSyncHost, INVOCATION, newHost, withUnit, witnessOf } from "../support/hostInSync";

const RAW = seed();
const APP = "rps.service";
const inSync = inSyncHost(RAW);
const ours = witnessOf(RAW);
const process = (recorded: string, witness: string): ObservedHost => ({
  ...inSync,
  process: { recorded, witness },
});

const changed: Finding = {
  step: { kind: "stage", path: `/etc/systemd/system/${APP}` },
  sentence: "it was changed",
};
const overruled: Finding = { step: { kind: "enable", unit: APP }, sentence: "it is overruled" };
const elsewhere: Finding[] = [
  { step: { kind: "stage", path: "/etc/logrotate.d/rps" }, sentence: "it was changed" },
  { step: { kind: "enable", unit: "apache2.service" }, sentence: "it was stopped" },
  { step: { kind: "install" }, sentence: "the record was removed" },
];

const SURE = `${APP} will be restarted: its settings change`;
const MAYBE = `${APP} will be restarted if its process was started with other settings than the configured ones`;

test.each<[string, ObservedHost, readonly Finding[], string[]]>([
  ["nothing changed", inSync, [], []],
  ["somebody edited the unit and restarted nothing: we know the process", inSync, [changed], []],
  ["our record is of other settings", process(`${INVOCATION} 0123`, ours), [], [SURE]],
  ["systemd's record is of other settings", process("", "0123"), [], [SURE]],
  ["it ended once and was started from our unit", process("2222 0123", ours), [], []],
  ["it was started from an altered unit", process("2222 0123", ours), [changed], [MAYBE]],
  ["it was started with a drop-in of others", process("2222 0123", ours), [overruled], [MAYBE]],
  ["something else was altered meanwhile", process("2222 0123", ours), elsewhere, []],
  ["it was started before us", process("", ""), elsewhere, [MAYBE]],
  ["it was started before us, and nothing is planned", process("", ""), [], []],
  ["it doesn't run", withUnit(process("", "0123"), APP, { ActiveState: "failed" }), [changed], []],
  ["there is none", newHost(RAW), [], []],
])("the restarts to expect where %s", (_, observed, findings, sentences) => {
  const comparison = { desired: desiredOf(RAW), revision: "", files: filesOf(RAW), observed };
  expect(expectedRestarts({ ...comparison, helperListing: "", secrets: [] }, findings)).toEqual(sentences);
});

test.each<[string, string, unknown, string[]]>([
  ["another port", "service.exec", ["/usr/bin/gunicorn", "app:other"], [SURE]],
  ["another user", "service.user", "nobody", [SURE]],
  ["another description", "service.description", "Another", []],
  ["another delay between restarts", "service.restartSec", "9s", []],
])("the restarts to expect with %s", (_, key, value, sentences) => {
  const raw = withKey(RAW, key, value);
  const comparison = { desired: desiredOf(raw), revision: "", files: filesOf(raw), observed: inSync };
  expect(expectedRestarts({ ...comparison, helperListing: "", secrets: [] }, [])).toEqual(sentences);
});
