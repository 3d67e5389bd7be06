import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test, vi } from "vitest";

import type { AlertsConfig, HighlyAvailableServiceArgs } from "../../src/index";
import { HOST_KEY, minimal, PRIVATE_KEY } from "../unit/support/configs";
import { type Engine, startEngine } from "./support/engine";
import { runProgram } from "./support/program";

const connection = { host: "203.0.113.10", hostKey: HOST_KEY };
const service = minimal()["service"] as HighlyAvailableServiceArgs["service"];

async function create(args: Partial<HighlyAvailableServiceArgs>, opts?: pulumi.ComponentResourceOptions) {
  const { HighlyAvailableService } = await import("../../src/index");
  return new HighlyAvailableService("web1-shop", { connection, service, ...args }, opts);
}

/** The program's rejected promises, which the SDK would end the process with. */
async function rejectionsOf(act: () => Promise<unknown>, engine: Engine): Promise<string[]> {
  const listeners = process.listeners("unhandledRejection");
  const messages: string[] = [];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (error) => messages.push((error as Error).message));
  try {
    await act();
    await vi.waitUntil(() => messages.length > 0 && engine.contacts.length > 0);
    // Whatever else would come, comes with these.
    await new Promise((resolve) => setTimeout(resolve, 200));
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
  return messages;
}

describe("a caller of the library", () => {
  test("gets the same steps as a stack's configuration that says the same", async () => {
    const program = await runProgram(minimal());
    const engine = await startEngine();
    await create({});
    await engine.finished("web1-shop");
    expect(engine.resources.map(({ name }) => name)).toEqual(program.resources.map(({ name }) => name));
    const inputsOf = (run: Engine) => run.resource("web1-shop-stage-shop.service").inputs;
    expect(inputsOf(engine)).toEqual(inputsOf(program));
  });

  test("who gives key and secrets in plain text finds them encrypted all the same", async () => {
    const engine = await startEngine();
    await create({
      connection: { ...connection, privateKey: PRIVATE_KEY },
      secretEnvironment: { DB_PASSWORD: "hunter2-hunter2" },
    });
    await engine.finished("web1-shop");
    for (const { name, inputs } of engine.resources.slice(1)) {
      const { connection: used, stdin, ...rest } = inputs;
      expect(used).toEqual({ secret: expect.objectContaining({ privateKey: PRIVATE_KEY }) as object });
      expect(typeof stdin).toBe(name.endsWith("-stage-shop.env") ? "object" : "string");
      expect(JSON.stringify(rest)).not.toMatch(/hunter2|private-key-body/);
    }
    expect(engine.resource("web1-shop-stage-shop.env").inputs["stdin"]).toHaveProperty("secret");
  });

  test("who gives wrong arguments is told all of them, before any step is registered or any host contacted", async () => {
    const engine = await startEngine();
    const error = await create({ service: { ...service, port: 0 }, proxy: { port: 0 } }).catch(
      (reason: unknown) => reason as Error,
    );
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect((error as Error).message.split("\n")).toEqual([
      "web1-shop: the service's arguments are wrong:",
      expect.stringContaining("  service.port: must be a whole number from 1 to 65535, got 0"),
      expect.stringContaining("  proxy.port: must be a whole number from 1 to 65535, got 0"),
    ]);
    expect((error as Error).stack).toBeUndefined();
    await engine.finished("web1-shop");
    expect(engine.resources.map(({ name }) => name)).toEqual(["web1-shop"]);
    expect(engine.contacts).toEqual([]);
  });

  test("who gives wrong secrets is told which, and not what they are", async () => {
    const engine = await startEngine();
    const args = {
      secretEnvironment: { "9": "hunter2" },
      alerts: { webhookUrl: "hunter2", slack: "hunter2" } as HighlyAvailableServiceArgs["alerts"] & object,
    };
    const messages = await rejectionsOf(() => create(args), engine);
    expect(messages[0]?.split("\n")).toEqual([
      "web1-shop: the service's arguments are wrong:",
      expect.stringContaining("  alerts.slack: unknown key") as string,
      expect.stringContaining("  alerts.webhookUrl: must be an http or https URL") as string,
      expect.stringContaining("  secretEnvironment.9: must be named with letters") as string,
    ]);
    expect(messages.join("\n")).not.toContain("hunter2");
  });

  test("gives alerts as a program has them: from the stack's configuration, where they needn't be", async () => {
    const engine = await startEngine();
    await create({ alerts: new pulumi.Config("shop").getSecretObject<AlertsConfig>("alerts") });
    await engine.finished("web1-shop");
    expect(engine.resources.map(({ name }) => name)).not.toContain("web1-shop-stage-shop.alerts");
  });

  test("who gives alerts as text is told what they are to be", async () => {
    const engine = await startEngine();
    const alerts = '{"email": "hunter2"}' as unknown as AlertsConfig;
    const [message] = await rejectionsOf(() => create({ alerts }), engine);
    expect(message).toMatch(/^ {2}alerts: must be an object with one key at least/m);
    expect(message).not.toMatch(/hunter2|alerts\.0/);
  });

  test("may let the first step wait for something of its own", async () => {
    const engine = await startEngine();
    class Before extends pulumi.CustomResource {}
    await create({}, { dependsOn: new Before("test:index:Before", "before", {}) });
    await engine.finished("web1-shop");
    expect(engine.resource("web1-shop-helper").dependsOn).toEqual(["before"]);
  });

  test("may run two services on one host", async () => {
    const engine = await startEngine();
    const { HighlyAvailableService } = await import("../../src/index");
    for (const name of ["shop", "blog"]) {
      new HighlyAvailableService(`web1-${name}`, {
        connection,
        service: { ...service, name, directory: `/var/www/${name}`, port: name === "shop" ? 8080 : 8081 },
        proxy: { port: 80 },
      });
    }
    await Promise.all(["web1-shop", "web1-blog"].map((name) => engine.finished(name)));
    const names = engine.resources.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("web1-shop-stage-apache2.service.d-restart.conf");
    expect(names).toContain("web1-blog-stage-apache2.service.d-restart.conf");
  });
});

test("where the first contact fails, no step reaches the engine: the plugin logs in nowhere", async () => {
  const engine = await startEngine({ facts: [["missing_command", "curl"]] });
  const messages = await rejectionsOf(() => create({}), engine);
  expect(messages[0]).toContain(
    "203.0.113.10 isn't ready; nothing was changed on it:\n  - commands are missing: curl",
  );
  expect(engine.resources.map(({ name }) => name)).toEqual(["web1-shop"]);
});
