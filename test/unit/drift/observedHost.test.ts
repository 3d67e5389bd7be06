import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";
import { describe, expect, test } from "vitest";

import { type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import { CHECKOUT } from "../support/configs";

interface Case {
  /** What host/probe prints: lines of key and value. */
  readonly answer: readonly (readonly [key: string, value: string])[];
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
    const result = parseObservedHost(`${answer.map((line) => line.join("\t")).join("\n")}\nend\tyes\n`);
    expect(result).toMatchObject(observed);
    for (const key of without) expect(result).not.toHaveProperty(key);
  });

  test("of nothing is a host of which nothing is known, in sync with nothing", () => {
    expect(parseObservedHost("")).toEqual({
      machineId: "",
      stateAnchor: "",
      isSystemdRunning: false,
      systemdVersion: 0,
      missingCommands: [],
      hasUser: false,
      hasGroup: false,
      directoryType: "",
      executableType: "",
      isExecutable: false,
      hostUnits: {},
      readOnlyPaths: [],
    });
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
  const { stdout } = await execa("bash", [join(CHECKOUT, "host/probe"), ...words], { reject: false });
  expect(parseObservedHost(stdout)).toMatchObject({
    hasUser: true,
    hasGroup: false,
    directoryType: "directory",
    executableType: "regular file",
    isExecutable: true,
    hostUnits: {},
  });
  expect(stdout).toMatch(/^end\tyes$/m);
});
