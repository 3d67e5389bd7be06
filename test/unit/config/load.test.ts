import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test, vi } from "vitest";

import { loadConfig } from "../../../src/config/load";
import { minimal, PRIVATE_KEY, type Raw } from "../support/configs";

const SECRET = "hunter2-hunter2";

beforeEach(async () => {
  vi.unstubAllEnvs();
  vi.stubEnv("PULUMI_SYSTEMD_HA_DRIFT", "");
  await pulumi.runtime.setMocks(
    { newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) },
    "shop-ha",
    "prod",
  );
});

/** Sets the stack's configuration as the engine hands it over: every value a text, secrets decrypted and named. */
function configure(raw: Raw, secretKeys: readonly string[] = []): void {
  const all = Object.entries(raw).map(([key, value]) => [
    key.includes(":") ? key : `shop-ha:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(all) as Record<string, string>,
    secretKeys.map((key) => `shop-ha:${key}`),
  );
}

function refusal(): Error {
  try {
    loadConfig();
  } catch (error) {
    return error as Error;
  }
  throw new Error("the configuration was accepted");
}

describe("the stack's configuration", () => {
  test("is read with its defaults, decrypted secrets included", () => {
    const secretEnvironment = { DB_PASSWORD: SECRET };
    configure({ ...minimal(), sshPrivateKey: PRIVATE_KEY, secretEnvironment }, [
      "sshPrivateKey",
      "secretEnvironment",
    ]);
    expect(loadConfig()).toMatchObject({ sshPrivateKey: PRIVATE_KEY, secretEnvironment, drift: "correct" });
  });

  test("is the project's own: other projects' and providers' keys are passed over", () => {
    configure({ ...minimal(), "aws:region": "eu-central-1", "other:service": "x", "shop-ha-2:service": "x" });
    expect(loadConfig().service.name).toBe("shop");
  });

  test("may be another project's, by its name", () => {
    configure({ "other:hosts": minimal()["hosts"], "other:service": minimal()["service"] });
    expect(loadConfig("other").service.name).toBe("shop");
  });

  test("a text stays text, also where it looks like a number", () => {
    configure({ ...minimal(), sshPrivateKeyPassphrase: "12345" }, ["sshPrivateKeyPassphrase"]);
    expect(loadConfig().sshPrivateKeyPassphrase).toBe("12345");
  });

  test("its drift mode is overridden by the environment, for a pipeline that must not connect", () => {
    configure({ ...minimal(), drift: "correct" });
    vi.stubEnv("PULUMI_SYSTEMD_HA_DRIFT", "off");
    expect(loadConfig().drift).toBe("off");
    vi.stubEnv("PULUMI_SYSTEMD_HA_DRIFT", "none");
    expect(refusal().message).toContain("PULUMI_SYSTEMD_HA_DRIFT is none; it must be correct, report or off");
  });
});

describe("a configuration that is wrong", () => {
  test("ends the program with one message that names every problem, and without a stack trace", () => {
    configure({ service: { ...(minimal()["service"] as Raw), port: "x" }, hosts: [{ name: "web1" }] });
    const error = refusal();
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(error.stack).toBeUndefined();
    expect(error.message.split("\n")).toEqual([
      "the configuration of stack prod has 3 problems; nothing was contacted:",
      expect.stringMatching(/^ {2}shop-ha:hosts\[0\]\.address: is required/),
      expect.stringMatching(/^ {2}shop-ha:service\.port: must be a whole number/),
      expect.stringMatching(/^ {2}shop-ha:hosts\[0\]\.hostKey: is required/),
      "Correct Pulumi.prod.yaml, or use `pulumi config set`; docs/configuration.md explains every key.",
    ]);
  });

  test("lists what an empty stack needs", () => {
    configure({});
    expect(refusal().message).toContain("the configuration of stack prod has 2 problems");
  });

  test("names a value that isn't JSON where an object is wanted", () => {
    configure({ ...minimal(), proxy: "{port: 80" });
    expect(refusal().message).toContain("shop-ha:proxy: must be an object with unit and port, got");
  });
});

describe("a secret in the wrong place", () => {
  test.each(["sshPrivateKey", "sshPrivateKeyPassphrase", "secretEnvironment", "alerts"])(
    "%s in plain text is refused, with the command that encrypts it, and not shown",
    (key) => {
      configure({ ...minimal(), [key]: key === "secretEnvironment" ? { A: SECRET } : SECRET });
      const { message } = refusal();
      expect(message).toContain(
        `shop-ha:${key}: must be encrypted: pulumi config set --secret shop-ha:${key} …`,
      );
      expect(message).not.toContain(SECRET);
    },
  );

  test("an encrypted service is refused without a word of what is in it: all of it would be in plain text", () => {
    const service = { ...(minimal()["service"] as Raw), environment: { PIN: [SECRET] }, exec: [SECRET] };
    configure({ ...minimal(), service }, ["service"]);
    const { message } = refusal();
    expect(message).toContain(
      "shop-ha:service: must not be secret as a whole; secrets belong into secretEnv",
    );
    expect(message).not.toContain(SECRET);
  });

  test("an unknown key that is encrypted is named, not shown", () => {
    configure({ ...minimal(), dbPassword: SECRET }, ["dbPassword"]);
    const { message } = refusal();
    expect(message).toContain("shop-ha:dbPassword: unknown key; known here: hosts,");
    expect(message).not.toContain(SECRET);
  });

  test("is reported once, along with everything else", () => {
    configure({ ...minimal(), secretEnvironment: "x", sshPrivateKey: "x", rollout: { parallel: 0 } });
    expect(refusal().message).toContain("has 3 problems");
  });
});
