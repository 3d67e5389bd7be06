import { describe, expect, test } from "vitest";

import type { Comparison } from "../../../src/drift/finding";
import { findDrift, isNew } from "../../../src/drift/findings";
import type { ObservedHost, ObservedThing } from "../../../src/drift/observedHost";
import { parseManifest, revisionOf } from "../../../src/model/manifest";
import { CONFIGS, desiredOf, filesOf, minimal, seed, withKey } from "../support/configs";
import { inSyncHost, manifestOf, newHost, sha256, TRANSACTION, withThing } from "../support/hostInSync";

const FIRST = ", which no update replaces: move it away first";
const SECRET = "hunter2-hunter2";
const RAW = { ...seed(), secretEnvironment: { DB_PASSWORD: SECRET } };
const RECORD = "/var/lib/pulumi-systemd-ha/rps/manifest";
const UNIT = "/etc/systemd/system/rps.service";
const SCRIPT = "/var/www/rps.pan2.app/bin/health-check.sh";
const ENV = "/etc/pulumi-systemd-ha/rps.env";
const DIRECTORY = "/var/www/rps.pan2.app";
const LOG = "/var/www/rps.pan2.app/logs/rps.log";

// Once: a secret's fingerprint is slow on purpose.
const FILES = filesOf(RAW);
const REVISION = revisionOf(manifestOf(RAW));
const inSync = inSyncHost(RAW);
const bare = newHost(RAW);
const compare = (observed: ObservedHost, change: Partial<Comparison> = {}): Comparison => ({
  desired: desiredOf(RAW),
  revision: REVISION,
  files: FILES,
  observed,
  helperListing: "listing",
  secrets: [SECRET],
  ...change,
});
/** A finding in two columns: the step that shows it, the sentence. */
const found = (observed: ObservedHost, change?: Partial<Comparison>): [string, string][] =>
  findDrift(compare(observed, change)).map(({ step, sentence }) => [Object.values(step).join(" "), sentence]);

const textOf = (path: string): string => FILES.find((file) => file.path === path)?.text ?? "";
const without = (host: ObservedHost, name: "manifest" | "openTransaction"): ObservedHost => {
  const { [name]: _, ...rest } = host;
  return rest;
};
const otherText: Partial<ObservedThing> = { key: "", hash: sha256("x"), content: "x\n" };
const removed: Partial<ObservedThing> = { type: "", mode: "", owner: "", key: "", hash: "" };

describe("a host in sync has no findings", () => {
  test.each(Object.keys(CONFIGS))("with the %s configuration", (name) => {
    const raw = (CONFIGS[name] ?? minimal)();
    const change = { desired: desiredOf(raw), files: filesOf(raw) };
    expect(found(inSyncHost(raw), change)).toEqual([]);
  });

  test("when another configuration is wanted: that shows in the plan by itself", () => {
    const raw = withKey(RAW, "service.restartSec", "7s");
    expect(found(inSync, { desired: desiredOf(raw), files: filesOf(raw) })).toEqual([]);
  });

  test("when its update died after all was done", () => {
    const { confirmed } = parseManifest(manifestOf(RAW)) ?? {};
    expect(confirmed).toBeUndefined();
    const openTransaction = { revision: revisionOf(manifestOf(RAW)), id: TRANSACTION };
    expect(found({ ...inSync, openTransaction })).toEqual([]);
  });

  test("when an update of it was taken back", () => {
    expect(found({ ...inSync, attempts: "9" })).toEqual([]);
  });

  test("when it has none of ours: it's new", () => {
    expect(found(bare)).toEqual([]);
    expect(isNew(compare(bare))).toBe(true);
    expect(isNew(compare(inSync))).toBe(false);
    expect(isNew(compare(without(inSync, "manifest")))).toBe(false);
    const openTransaction = { revision: "r", id: "ab12" };
    expect(isNew(compare({ ...bare, openTransaction }))).toBe(false);
  });
});

describe("of a managed thing it's told that it", () => {
  test.each<[string, string, Partial<ObservedThing>, string, string]>([
    ["was removed", UNIT, removed, `stage ${UNIT}`, "was removed"],
    ["was removed, a secret one", ENV, removed, `stage ${ENV}`, "was removed"],
    ["was removed, a directory", DIRECTORY, removed, "install", "was removed"],
    ["was removed, a log", LOG, removed, "install", "was removed"],
    [
      "is a link",
      UNIT,
      { type: "symbolic link", linkTarget: "/dev/null", key: "" },
      `stage ${UNIT}`,
      "was replaced by a link to /dev/null",
    ],
    [
      "is a directory",
      UNIT,
      { type: "directory", key: "" },
      `stage ${UNIT}`,
      `was replaced by a directory${FIRST}`,
    ],
    ["is a fifo", LOG, { type: "fifo" }, "install", `was replaced by a fifo${FIRST}`],
    [
      "is no directory any more",
      DIRECTORY,
      { type: "symbolic link", linkTarget: "/tmp" },
      "install",
      `was replaced by a link to /tmp${FIRST}`,
    ],
    ["was emptied", UNIT, { ...otherText, type: "regular empty file" }, `stage ${UNIT}`, "was changed"],
    ["was changed", SCRIPT, otherText, `stage ${SCRIPT}`, "was changed"],
    ["was changed out of sight", ENV, { key: "" }, `stage ${ENV}`, "was changed (its text is secret)"],
    ["has another mode", SCRIPT, { mode: "0777" }, `stage ${SCRIPT}`, "has mode 0777, not 0755"],
    ["has another mode, a directory", DIRECTORY, { mode: "0777" }, "install", "has mode 0777, not 1775"],
    [
      "has another owner",
      LOG,
      { owner: "root:root" },
      "install",
      "is owned by root:root, not www-data:www-data",
    ],
  ])("%s", (_, path, change, step, sentence) => {
    expect(found(withThing(inSync, path, change))).toEqual([[step, `${path} ${sentence}`]]);
  });

  test("has another text, mode and owner at once", () => {
    const change = { ...otherText, mode: "0600", owner: "bob:bob" };
    expect(found(withThing(inSync, UNIT, change)).map(([, sentence]) => sentence)).toEqual([
      `${UNIT} was changed`,
      `${UNIT} has mode 0600, not 0644`,
      `${UNIT} is owned by bob:bob, not root:root`,
    ]);
  });

  test("has an empty log, which is nothing to tell", () => {
    expect(found(withThing(inSync, LOG, { type: "regular empty file" }))).toEqual([]);
  });

  test("is one of two in an update that broke off: the old one or the new", () => {
    const raw = withKey(RAW, "service.restartSec", "7s");
    const manifest = parseManifest(manifestOf(raw));
    const key = filesOf(raw).find(({ path }) => path === UNIT)?.key ?? "";
    const openTransaction = { revision: "r", id: "ab12", ...(manifest && { manifest }) };
    const host = withThing({ ...inSync, openTransaction }, UNIT, { key, hash: key });
    expect(found(host)).toEqual([["install", "an update to revision r was begun and not finished"]]);
    expect(found(withThing(host, UNIT, otherText))).toHaveLength(2);
  });
});

describe("the difference to what an update writes is shown", () => {
  /** Nothing if no finding has one. */
  const diffOf = (path: string, content?: string, observed = inSync): string => {
    const change = { key: "", hash: "x", ...(content !== undefined && { content }) };
    const findings = findDrift(compare(withThing(observed, path, change)));
    expect(findings.map(({ sentence }) => sentence).join()).toContain(path);
    return findings.map(({ diff = "" }) => diff).join("");
  };

  test("of a changed file, without secrets", () => {
    const edited = `${textOf(UNIT).replace("Restart=always", "Restart=no")}# ${SECRET}\n`;
    expect(diffOf(UNIT, edited)).toContain("\n-Restart=no\n+Restart=always\n");
    expect(diffOf(UNIT, edited)).not.toContain(SECRET);
  });

  test("of a file that was there before us", () => {
    expect(diffOf(UNIT, "[Unit]\n# by hand\n", without(inSync, "manifest"))).toContain("\n-# by hand\n");
  });

  test("of a secret file never", () => {
    expect(diffOf(ENV, 'DB_PASSWORD="x"\n')).toBe("");
  });

  test("of a file that the host didn't show neither", () => {
    expect(diffOf(UNIT)).toBe("");
  });
});

describe("of the record and the copies it's told that", () => {
  const key = FILES.find(({ path }) => path === SCRIPT)?.key ?? "";
  const secretKey = FILES.find(({ path }) => path === ENV)?.key ?? "";
  const stagedWithout = (gone: string): ObservedHost => ({
    ...inSync,
    staged: Object.fromEntries(Object.entries(inSync.staged).filter(([name]) => name !== gone)),
  });
  const copy = "from which it's repaired is gone or altered";
  const open = { openTransaction: { revision: "r", id: "ab12" } };

  test.each<[string, ObservedHost, [string, string][]]>([
    ["a copy is gone", stagedWithout(key), [[`stage ${SCRIPT}`, `the copy of ${SCRIPT} ${copy}`]]],
    [
      "a copy was altered",
      { ...inSync, staged: { ...inSync.staged, [key]: false } },
      [[`stage ${SCRIPT}`, `the copy of ${SCRIPT} ${copy}`]],
    ],
    ["a secret one's is gone", stagedWithout(secretKey), [[`stage ${ENV}`, `the copy of ${ENV} ${copy}`]]],
    [
      "the record was removed",
      without(inSync, "manifest"),
      [["install", `${RECORD}, the record of what is installed, was removed`]],
    ],
    [
      "the whole state was removed",
      { ...without(inSync, "manifest"), revisions: {}, staged: {} },
      [["install", `${RECORD}, the record of what is installed, was removed`]],
    ],
    [
      "the record is damaged",
      { ...inSync, manifest: "corrupt" },
      [["install", `${RECORD} was altered or is damaged`]],
    ],
    [
      "an update broke off",
      { ...inSync, ...open },
      [["install", "an update to revision r was begun and not finished"]],
    ],
    [
      "an update that was to mend something broke off: its content is the confirmed one",
      { ...inSync, openTransaction: { revision: revisionOf(manifestOf(RAW)), id: "ab12" } },
      [["install", `an update to revision ${revisionOf(manifestOf(RAW))} was begun and not finished`]],
    ],
    [
      "the first update broke off",
      { ...bare, ...open },
      [["install", "an update to revision r was begun and not finished"]],
    ],
    [
      "the helper isn't the one that was installed",
      { ...inSync, helper: { listing: "another", anchor: "1 1" } },
      [["helper", "the host-side helper was removed, altered or is of another release"]],
    ],
    // Who has none has lost nothing.
    ["nothing, where there is no helper yet", { ...bare, helper: { listing: "", anchor: "" } }, []],
  ])("%s", (_, observed, findings) => {
    expect(found(observed)).toEqual(findings);
  });
});

describe("of what was set up by hand before the first update it's told", () => {
  /** The files are there, and no trace of us. */
  const byHand = (change: Partial<ObservedThing>, path = UNIT): ObservedHost =>
    withThing(bare, path, {
      ...{ type: "regular file", mode: "0644", owner: "root:root", hash: sha256("x"), key: "" },
      ...change,
    });

  test.each<[string, ObservedHost, [string, string][]]>([
    ["that it differs", byHand({}), [[`stage ${UNIT}`, `${UNIT} is there already and differs`]]],
    [
      "that it's a link",
      byHand({ type: "symbolic link", linkTarget: "/srv/rps.service" }),
      [[`stage ${UNIT}`, `${UNIT} is there already and is a link to /srv/rps.service`]],
    ],
    [
      "which mode it has",
      byHand({ mode: "0600" }, ENV),
      // A secret's text isn't compared.
      [],
    ],
    [
      "which owner it has",
      byHand({ owner: "bob:bob", mode: "0600" }, ENV),
      [[`stage ${ENV}`, `${ENV} is there already and is owned by bob:bob, not root:root`]],
    ],
  ])("%s", (_, observed, findings) => {
    expect(found(observed)).toEqual(findings);
    expect(isNew(compare(observed))).toBe(false);
  });

  test("that there is no record, where a file is exactly ours; what isn't there then was removed", () => {
    const [record, ...others] = found(byHand({ hash: sha256(textOf(UNIT)) }));
    expect(record).toEqual(["install", `${RECORD}, the record of what is installed, was removed`]);
    expect(others).toHaveLength(filesOf(RAW).length - 1);
    for (const [, sentence] of others) expect(sentence).toMatch(/ was removed$/);
  });
});
