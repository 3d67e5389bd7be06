import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";

import type { HostConnection } from "../../src/remote/connection";
import { checked, HOST_KEY, minimal, seed } from "../unit/support/configs";
import { newHostRows } from "../unit/support/hostInSync";
import { type Engine, startEngine, UNKNOWN } from "./support/engine";
import { runProgram } from "./support/program";

test("a first preview knows all outputs but what only the host can tell", async () => {
  const raw = { ...seed(), secretEnvironment: { DB_PASSWORD: "hunter2-hunter2" } };
  const withSecret = { secretKeys: ["secretEnvironment"] };
  const preview = await runProgram(raw, { ...withSecret, facts: newHostRows(raw), preview: true });
  const up = await runProgram(raw, { ...withSecret, facts: newHostRows(raw) });
  const { address, files, commands, drift, maintenance, revision } = up.outputs["rps"] ?? {};
  expect(Object.values(files ?? {})).toHaveLength(7);
  expect(preview.outputs["rps"]).toEqual({ address, files, commands, drift, maintenance, revision });
});

describe("a host that another resource makes in the same update", () => {
  /** The library in a program where a machine has the connection among its outputs. */
  async function withMachine(engine: Engine): Promise<void> {
    const { HighlyAvailableService } = await import("../../src/index");
    class Machine extends pulumi.CustomResource {
      declare readonly connection: pulumi.Output<HostConnection>;
      constructor(name: string, props: { connection: HostConnection | undefined }) {
        super("test:index:Machine", name, props);
      }
    }
    const isPreview = pulumi.runtime.isDryRun();
    const connection = { host: "203.0.113.10", hostKey: HOST_KEY };
    const machine = new Machine("machine", { connection: isPreview ? undefined : connection });
    const { service } = checked(minimal());
    new HighlyAvailableService("web1-shop", { connection: machine.connection, service });
    await engine.finished("web1-shop");
  }

  test("is contacted only once it's there", async () => {
    const preview = await startEngine({ preview: true });
    await withMachine(preview);
    expect(preview.contacts).toEqual([]);
    expect(preview.messages).toEqual([
      {
        ...{ severity: "warning", resource: "web1-shop" },
        text: "shop was not checked for drift: how its host is reached is known only during the update",
      },
    ]);
    const up = await startEngine();
    await withMachine(up);
    expect(up.contacts.map(({ connection }) => connection.host)).toEqual(["203.0.113.10"]);
    expect(up.messages.map(({ severity }) => severity)).not.toContain("warning");
  });

  test("has its whole plan in the preview all the same, with the files to read", async () => {
    const preview = await startEngine({ preview: true });
    await withMachine(preview);
    expect(preview.resources.map(({ name }) => name)).toContain("web1-shop-confirm");
    const { inputs } = preview.resource("web1-shop-stage-shop.service");
    expect(inputs["stdin"]).toContain("ExecStart=/usr/bin/shop");
    expect(inputs["create"]).toBe(UNKNOWN);
  });

  test("is made before the first step", async () => {
    const up = await startEngine();
    await withMachine(up);
    expect(up.resource("web1-shop-helper").dependsOn).toEqual(["machine"]);
  });
});
