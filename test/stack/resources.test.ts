import { createHash } from "node:crypto";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { helperBundle, probeBundle } from "../../src/remote/bundle";
import { helperVersion } from "../../src/render/templates";
import { desiredOf, filesOf, GOLDEN, PRIVATE_KEY, seed } from "../unit/support/configs";
import type { Registered } from "./support/engine";
import { type Run, runProgram } from "./support/program";

let run: Run;
let steps: Registered[];
beforeAll(async () => {
  run = await runProgram({ ...seed(), sshPrivateKey: PRIVATE_KEY }, { secretKeys: ["sshPrivateKey"] });
  steps = run.resources.filter(({ type }) => type === "command:remote:Command");
});

const fromInstallOn = () => steps.slice(steps.findIndex(({ name }) => name === "rps-rps-install"));
const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
const stdinOf = (name: string) => text(run.resource(name).inputs["stdin"]);
const createOf = (name: string) => text(run.resource(name).inputs["create"]);

// Names are API: another name is another resource, which needs an alias, or it runs `delete` on every host.
test("the plan reads as the runbook: a step, a name", () => {
  expect(run.resources.map(({ name }) => name)).toEqual([
    "rps-rps",
    "rps-rps-helper",
    "rps-rps-stage-rps-recovery.service",
    "rps-rps-stage-rps.service",
    "rps-rps-stage-apache2.service.d-restart.conf",
    "rps-rps-stage-health-check.sh",
    "rps-rps-stage-rps-health-check.service",
    "rps-rps-stage-rps-health-check.timer",
    "rps-rps-stage-rps",
    "rps-rps-install",
    "rps-rps-daemon-reload",
    "rps-rps-enable-rps.service",
    "rps-rps-enable-apache2.service",
    "rps-rps-enable-rps-health-check.timer",
    "rps-rps-verify-rps.service",
    "rps-rps-verify-apache2.service",
    "rps-rps-verify-rps-health-check.timer",
    "rps-rps-health-check",
    "rps-rps-confirm",
  ]);
});

test("the recovery at boot is installed and enabled, and no step starts it", () => {
  expect(stdinOf("rps-rps-install")).toContain("\nunit\trps-recovery.service\t-\t-\t-\t-\trecovery\tours\n");
  expect(steps.map(({ name }) => name).filter((name) => name.includes("recovery"))).toEqual([
    "rps-rps-stage-rps-recovery.service",
  ]);
});

test("every step belongs to the component, which is the library's only type of its own", () => {
  expect(run.resource("rps-rps")).toMatchObject({
    type: "pulumi-systemd-ha:index:HighlyAvailableService",
    parent: "",
    inputs: {},
  });
  expect(steps).toHaveLength(run.resources.length - 1);
  for (const step of steps) expect(step.parent).toBe("rps-rps");
});

test("the steps wait for each other where the order matters, and only there", () => {
  const waits = Object.fromEntries(
    steps.map(({ name, dependsOn }) => [
      name.replace("rps-rps-", ""),
      dependsOn.map((other) => other.replace("rps-rps-", "")).join(" "),
    ]),
  );
  const stages = Object.keys(waits).filter((name) => name.startsWith("stage-"));
  expect(waits).toEqual({
    helper: "",
    ...Object.fromEntries(stages.map((stage) => [stage, "helper"])),
    install: stages.sort().join(" "),
    "daemon-reload": "install",
    "enable-rps.service": "daemon-reload",
    "enable-apache2.service": "daemon-reload",
    "enable-rps-health-check.timer": "daemon-reload",
    "verify-rps.service": "enable-rps.service",
    "verify-apache2.service": "enable-apache2.service",
    "verify-rps-health-check.timer": "enable-rps-health-check.timer",
    "health-check": "verify-apache2.service verify-rps-health-check.timer verify-rps.service",
    confirm: "health-check",
  });
});

describe("every step", () => {
  test("is never replaced: a replacement deletes what was just made", () => {
    for (const { inputs, replaceOnChanges } of steps) {
      expect(inputs).not.toHaveProperty("triggers");
      // The command SDK's own, without effect where there are no triggers.
      expect(replaceOnChanges).toEqual(["triggers[*]"]);
    }
  });

  test("has one connection in common, all of it secret and hidden in diffs", () => {
    for (const { inputs, hideDiffs, additionalSecretOutputs } of steps) {
      expect(inputs["connection"]).toEqual({
        secret: expect.objectContaining({ privateKey: PRIVATE_KEY }) as object,
      });
      expect(inputs["connection"]).toEqual(steps[0]?.inputs["connection"]);
      expect(hideDiffs).toEqual(["connection"]);
      expect(additionalSecretOutputs).toContain("connection");
    }
  });

  test("keeps what it prints secret, but for our own words that are outputs of the stack", () => {
    const plain = steps.filter(({ additionalSecretOutputs }) => !additionalSecretOutputs.includes("stdout"));
    expect(plain.map(({ name }) => name)).toEqual([
      "rps-rps-verify-rps.service",
      "rps-rps-verify-apache2.service",
      "rps-rps-verify-rps-health-check.timer",
      "rps-rps-health-check",
    ]);
    for (const { additionalSecretOutputs } of steps) {
      expect(additionalSecretOutputs.includes("stderr")).toBe(additionalSecretOutputs.includes("stdout"));
    }
  });

  test("logs nothing by the plugin, which would hang at a long line, and sends no former output", () => {
    for (const { inputs } of steps) {
      expect(inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
      expect(inputs).not.toHaveProperty("environment");
      expect(inputs).not.toHaveProperty("update");
    }
  });

  test("is free to change where drift is corrected", () => {
    for (const { ignoreChanges, protect } of steps) {
      expect(ignoreChanges).toEqual([]);
      expect(protect).toBe(false);
    }
  });

  test("has a command that is short: errors quote it", () => {
    for (const { name } of steps) expect(createOf(name).length).toBeLessThan(200);
  });
});

test("only the first step deletes anything, so the host is put back once, at the very end", () => {
  expect(steps.filter(({ inputs }) => "delete" in inputs).map(({ name }) => name)).toEqual([
    "rps-rps-helper",
  ]);
});

test("from installation to confirmation all steps are of one update, so a change runs all of them", () => {
  const ids = fromInstallOn().map(
    ({ name }) => / --transaction ([0-9a-f]{12})( |$)/.exec(createOf(name))?.[1],
  );
  expect(ids).toHaveLength(10);
  expect(new Set(ids).size).toBe(1);
  expect(ids[0]).toBeDefined();
});

test("all of these begin with the revision, which the host works out for itself of the manifest", () => {
  const [line = "", ...manifest] = stdinOf("rps-rps-install").split("\n");
  const hash = createHash("sha256").update(manifest.join("\n")).digest("hex");
  expect(line).toBe(`revision ${hash.slice(0, 16)}`);
  for (const { name } of fromInstallOn().slice(1)) expect(stdinOf(name)).toBe(`${line}\n`);
  expect(run.outputs["rps"]?.revision).toBe(hash.slice(0, 16));
});

test("every file is staged under the hash by which the manifest asks for it", () => {
  const rows = stdinOf("rps-rps-install")
    .split("\n")
    .filter((row) => row.startsWith("file\t"))
    .map((row) => row.split("\t"));
  const staged = steps.filter(({ name }) => name.includes("-stage-"));
  expect(staged).toHaveLength(rows.length);
  for (const [index, { name }] of staged.entries()) {
    const key = createHash("sha256").update(stdinOf(name)).digest("hex");
    expect(createOf(name)).toMatch(
      new RegExp(` stage rps ${String(rows[index]?.[1])} --revision [0-9a-f]{12}$`),
    );
    expect(rows[index]?.[6]).toBe(key);
  }
});

test("the first contact asks for what this service needs, once", () => {
  const unitTexts = filesOf(seed()).filter(({ path }) => path.startsWith("/etc/systemd/system/"));
  expect(run.contacts).toEqual([
    {
      connection: expect.objectContaining({
        host: "rps.example",
        user: "root",
        privateKey: PRIVATE_KEY,
      }) as object,
      wanted: {
        ...{
          service: "rps",
          version: helperVersion(),
          user: "www-data",
          group: "www-data",
          directory: "/var/www/rps.pan2.app",
        },
        ...{ executable: "/usr/bin/gunicorn", port: "5137", unit: "rps.service" },
        ...{ host_units: "apache2.service", proxy_unit: "apache2.service", proxy_port: "8087" },
        note_user: expect.any(String) as string,
        note_commit: expect.any(String) as string,
      },
      script: probeBundle(desiredOf(seed()), unitTexts),
    },
  ]);
});

test("who updates, and from which commit, stands in no input: every commit would plan an update", () => {
  const { note_user = "", note_commit = "" } = run.contacts[0]?.wanted ?? {};
  expect(note_user).not.toBe("");
  const inputs = JSON.stringify(run.resources);
  expect(inputs).not.toContain(note_user);
  if (note_commit !== "-") expect(inputs).not.toContain(note_commit);
});

test("all inputs are what was reviewed", async () => {
  const connection = text(steps[0]?.inputs["connection"]);
  const reviewed = steps.map(({ name, inputs }) => ({
    name,
    ...Object.fromEntries(
      Object.entries(inputs).map(([key, value]) => {
        if (key === "stdin") return [key, stdinIn(text(value))];
        if (key === "connection" && name !== "rps-rps-helper" && text(value) === connection) {
          return [key, "the helper's"];
        }
        return [key, typeof value === "string" ? withoutHashes(value) : value];
      }),
    ),
  }));
  await expect(`${JSON.stringify(reviewed, undefined, 2)}\n`).toMatchFileSnapshot(
    join(GOLDEN, "resources.json"),
  );
});

/** Long texts are reviewed where they stand for themselves. */
function stdinIn(stdin: string): string | string[] {
  if (stdin === helperBundle(undefined)) return "the helper itself, see hostVersion.txt";
  const file = filesOf(seed()).find((candidate) => candidate.text === stdin);
  return file === undefined ? withoutHashes(stdin).split("\n") : `the content of ${file.path}, see seed/`;
}

/** What changes with every content has tests of its own, above. */
const withoutHashes = (line: string): string =>
  line
    .replaceAll(`/pulumi-systemd-ha/${helperVersion()}/`, "/pulumi-systemd-ha/VERSION/")
    .replace(`install-helper ${helperVersion()}`, "install-helper VERSION")
    .replace(/\b[0-9a-f]{64}\b/g, "KEY")
    .replace(/--transaction [0-9a-f]{12}/, "--transaction ID")
    .replace(/--revision [0-9a-f]{12}/, "--revision ID")
    .replace(/(install-helper VERSION \S+) [0-9a-f]{12}$/, "$1 ID")
    .replace(/^revision [0-9a-f]{16}/, "revision HASH");
