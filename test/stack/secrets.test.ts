import { beforeAll, describe, expect, test } from "vitest";

import { PRIVATE_KEY, seed } from "../unit/support/configs";
import { type Run, runProgram } from "./support/program";

const PASSWORD = "hunter2-hunter2";

let run: Run;
beforeAll(async () => {
  run = await runProgram(
    {
      ...seed(),
      secretEnvironment: { DB_PASSWORD: PASSWORD },
      sshPrivateKey: PRIVATE_KEY,
      sshPrivateKeyPassphrase: "open sesame",
    },
    { secretKeys: ["secretEnvironment", "sshPrivateKey", "sshPrivateKeyPassphrase"] },
  );
});

/** A value without what is encrypted in the state. */
function plainPart(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainPart);
  if (typeof value !== "object" || value === null) return value;
  if ("secret" in value) return "[secret]";
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainPart(item)]));
}

describe("with a secret environment", () => {
  test("it travels in one step, encrypted, by stdin", () => {
    const staged = run.resource("rps-rps-stage-rps.env");
    expect(staged.inputs["stdin"]).toEqual({
      secret: expect.stringContaining(`DB_PASSWORD="${PASSWORD}"`) as string,
    });
    const others = run.resources.filter(({ name }) => name !== staged.name);
    expect(JSON.stringify(others)).not.toContain(PASSWORD);
  });

  test.each([PASSWORD, "private-key-body", "open sesame"])(
    "%s is in no plain input and in no stack output",
    (secret) => {
      expect(JSON.stringify(run.resources)).toContain(secret);
      expect(JSON.stringify(plainPart(run.resources))).not.toContain(secret);
      expect(JSON.stringify(run.outputs)).not.toContain(secret);
    },
  );

  test("no command is a secret: a plan in which nobody can read what runs is none", () => {
    for (const { inputs } of run.resources.filter(({ type }) => type === "command:remote:Command")) {
      expect(typeof inputs["create"]).toBe("string");
    }
  });

  test("every other file is in the plan in plain text", () => {
    for (const { name, inputs } of run.resources.filter((step) => step.name.includes("-stage-"))) {
      expect(typeof inputs["stdin"]).toBe(name.endsWith("rps.env") ? "object" : "string");
    }
  });

  test("the service reads the file of it, which is no output of the stack", () => {
    expect(run.resource("rps-rps-stage-rps.service").inputs["stdin"]).toContain(
      "\nEnvironmentFile=/etc/pulumi-systemd-ha/rps.env\n",
    );
    expect(Object.keys(run.outputs["rps"]?.files ?? {})).not.toContain("/etc/pulumi-systemd-ha/rps.env");
  });

  test("another secret is another key and another witness by stdin: the service restarts with it", async () => {
    const other = await runProgram(
      { ...seed(), secretEnvironment: { DB_PASSWORD: "other" } },
      { secretKeys: ["secretEnvironment"] },
    );
    for (const name of ["rps-rps-stage-rps.env", "rps-rps-stage-rps.service", "rps-rps-enable-rps.service"]) {
      expect(other.resource(name).inputs["stdin"]).not.toEqual(run.resource(name).inputs["stdin"]);
    }
    const keyOf = ({ inputs }: { inputs: Readonly<Record<string, unknown>> }) =>
      /key [0-9a-f]{64}\\n/.exec(JSON.stringify(inputs["stdin"]))?.[0];
    expect(keyOf(run.resource("rps-rps-stage-rps.env"))).toBeDefined();
    expect(keyOf(other.resource("rps-rps-stage-rps.env"))).not.toBe(
      keyOf(run.resource("rps-rps-stage-rps.env")),
    );
  });
});
