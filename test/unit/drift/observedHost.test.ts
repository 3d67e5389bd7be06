import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";
import { describe, expect, test } from "vitest";

import { type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import { parseManifest, revisionOf } from "../../../src/model/manifest";
import { probeBundle } from "../../../src/remote/bundle";
import { desiredOf, minimal } from "../support/configs";
import { answerOf, base64, confirmedManifest, manifestOf, type Row } from "../support/hostInSync";

interface Case {
  /** What host/probe prints: lines of key and values. */
  readonly answer: readonly Row[];
  readonly observed: Partial<ObservedHost>;
  /** Keys which the result must not have. */
  readonly without?: readonly string[];
}

const CASES = join(__dirname, "../cases/parse");

describe("the probe's answer, read", () => {
  test.each(readdirSync(CASES).map((file) => file.replace(/\.json$/, "")))("%s", (name) => {
    const {
      answer,
      observed,
      without = [],
    } = JSON.parse(readFileSync(join(CASES, `${name}.json`), "utf8")) as Case;
    const result = parseObservedHost(answerOf(answer));
    expect(result).toMatchObject(observed);
    for (const key of without) expect(result).not.toHaveProperty(key);
  });

  test("of nothing is a host of which nothing is known, in sync with nothing", () => {
    expect(parseObservedHost("")).toEqual({
      machineId: "",
      stateAnchor: "",
      isSystemdRunning: false,
      isJournalPersistent: false,
      isEmailUndeliverable: false,
      systemdVersion: 0,
      missingCommands: [],
      hasUser: false,
      hasGroup: false,
      directoryType: "",
      executableType: "",
      isExecutable: false,
      hostUnits: {},
      readOnlyPaths: [],
      unsafeAncestors: [],
      isLoginHome: false,
      ownFragments: {},
      attempts: "",
      settledAttempts: "",
      isReleased: false,
      maintenance: [],
      revisions: {},
      things: [],
      staged: {},
      units: {},
      overrides: [],
      process: { recorded: "", witness: "" },
      helper: { listing: "", anchor: "" },
    });
  });

  test("has the manifests of the confirmed update and of the open one", () => {
    const text = manifestOf(minimal());
    const answer = answerOf([
      ["manifest", "", base64(confirmedManifest(text))],
      ["open_transaction", revisionOf(text), "ab12"],
      ["attempts", "4"],
      ["open_manifest", "", base64(text)],
    ]);
    expect(parseObservedHost(answer)).toMatchObject({
      manifest: parseManifest(confirmedManifest(text)),
      attempts: "4",
      openTransaction: { revision: revisionOf(text), id: "ab12", manifest: parseManifest(text) },
    });
  });

  test("of a record that was never confirmed is a damaged one", () => {
    const answer = answerOf([["manifest", "", base64(manifestOf(minimal()))]]);
    expect(parseObservedHost(answer).manifest).toBe("corrupt");
  });
});

test("the probe of this checkout answers what is read here, on this very machine", async () => {
  const wanted = {
    service: "nothing-of-ours",
    user: "root",
    group: "no-such-group",
    directory: "/usr",
    executable: "/bin/bash",
    port: "1",
    unit: "nothing-of-ours.service",
    host_units: "",
  };
  const words = Object.entries(wanted).map(([key, value]) => `${key}=${value}`);
  const script = probeBundle(desiredOf(minimal()), []);
  const { stdout, stderr } = await execa("bash", ["-s", "--", ...words], { input: script, reject: false });
  expect(stderr).toBe("");
  const observed = parseObservedHost(stdout);
  expect(observed).toMatchObject({
    hasUser: true,
    hasGroup: false,
    directoryType: "directory",
    executableType: "regular file",
    isExecutable: true,
    hostUnits: {},
    revisions: {},
    overrides: [],
  });
  const { files, logs, directories } = desiredOf(minimal());
  expect(observed.things.map(({ path }) => path).sort()).toEqual(
    [...files, ...logs, ...directories].map(({ path }) => path).sort(),
  );
  expect(observed.things.filter(({ type }) => type !== "")).toEqual([]);
  expect(observed).not.toHaveProperty("manifest");
  expect(stdout).toMatch(/^end\tyes$/m);
});
