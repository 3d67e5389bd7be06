import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test, vi } from "vitest";

import type { HostConnection } from "../../src/remote/connection";
import { checked, HOST_KEY, minimal, seed } from "../unit/support/configs";
import { type Engine, startEngine, UNKNOWN } from "./support/engine";
import { type Run, runProgram } from "./support/program";

const idOf = (run: Run): string =>
  / --transaction ([0-9a-f]{12})/.exec(String(run.resource("rps-rps-confirm").inputs["create"]))?.[1] ??
  "none";

/** What the probe says after an update was confirmed. */
const confirmed = (transaction: string, revision: string) =>
  [
    ["confirmed_transaction", transaction],
    ["confirmed_revision", revision],
    ["confirmed_counter", "1"],
  ] as const;

describe("a host in sync", () => {
  test("gets the very commands of the last update: nothing is planned", async () => {
    const first = await runProgram(seed());
    const facts = confirmed(idOf(first), first.outputs["rps"]?.revision ?? "");
    const second = await runProgram(seed(), { facts });
    expect(second.resources).toEqual(first.resources);
    const preview = await runProgram(seed(), { facts, preview: true });
    expect(preview.resources.map(({ inputs }) => inputs)).toEqual(
      first.resources.map(({ inputs }) => inputs),
    );
  });

  test.each<[string, (revision: string) => readonly (readonly [string, string])[]]>([
    ["was changed by another stack", () => confirmed("0123456789ab", "fedcba9876543210")],
    [
      "was left in the middle of an update",
      (revision) => [...confirmed("0123456789ab", revision), ["open_transaction", "fedcba9876543210 3"]],
    ],
    ["was rebuilt", () => [["machine_id", "fedcba9876543210fedcba9876543210"]]],
  ])("gets all steps anew, in preview and up alike, when it %s", async (_, factsFor) => {
    const first = await runProgram(seed());
    const facts = factsFor(first.outputs["rps"]?.revision ?? "");
    const preview = await runProgram(seed(), { facts, preview: true });
    const up = await runProgram(seed(), { facts });
    expect(idOf(up)).toBe(idOf(preview));
    expect(idOf(up)).not.toBe("0123456789ab");
    expect(up.contacts).toHaveLength(1);
  });
});

describe("drift mode", () => {
  test.each(["report", "off"])(
    "%s keeps the commands as they are, so that only content runs them",
    async (drift) => {
      const run = await runProgram({ ...seed(), drift });
      for (const { ignoreChanges } of run.resources.filter(({ parent }) => parent !== "")) {
        expect(ignoreChanges).toEqual(["create"]);
      }
      // The same id whatever is on the host.
      const facts = confirmed("0123456789ab", run.outputs["rps"]?.revision ?? "");
      expect(idOf(await runProgram({ ...seed(), drift }, { facts }))).toBe(idOf(run));
    },
  );

  test("off connects to no host in a preview, and looks before an update all the same", async () => {
    expect((await runProgram({ ...seed(), drift: "off" }, { preview: true })).contacts).toEqual([]);
    expect((await runProgram({ ...seed(), drift: "off" })).contacts).toHaveLength(1);
  });

  test.each(["correct", "report"])("%s looks at the host in a preview", async (drift) => {
    expect((await runProgram({ ...seed(), drift }, { preview: true })).contacts).toHaveLength(1);
  });

  test("off plans the same in preview and up", async () => {
    const preview = await runProgram({ ...seed(), drift: "off" }, { preview: true });
    expect(idOf(preview)).toBe(idOf(await runProgram({ ...seed(), drift: "off" })));
  });

  test("is overridden by the environment", async () => {
    vi.stubEnv("PULUMI_SYSTEMD_HA_DRIFT", "off");
    const run = await runProgram(seed(), { preview: true });
    vi.unstubAllEnvs();
    expect(run.contacts).toEqual([]);
  });
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
    const up = await startEngine();
    await withMachine(up);
    expect(up.contacts.map(({ connection }) => connection.host)).toEqual(["203.0.113.10"]);
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
