import { describe, expect, test } from "vitest";

import { HOST_KEY, minimal, type Raw, seed, withKey } from "../unit/support/configs";
import { runProgram } from "./support/program";

const host = (name: string): Raw => ({ name, address: `${name}.example`, hostKey: HOST_KEY });

describe("several hosts", () => {
  /** For each host, whose confirmation it waits for. */
  const waits = async (parallel: number) => {
    const hosts = ["a", "b", "c", "d"].map(host);
    const run = await runProgram({ ...minimal(), hosts, rollout: { parallel } });
    return Object.fromEntries(
      ["a", "b", "c", "d"].map((name) => [
        name,
        run
          .resource(`${name}-shop-helper`)
          .dependsOn.filter((other) => other.endsWith("-confirm"))
          .join(" "),
      ]),
    );
  };

  test("are updated one after the other", async () => {
    expect(await waits(1)).toEqual({ a: "", b: "a-shop-confirm", c: "b-shop-confirm", d: "c-shop-confirm" });
  });

  test("or, once the first is healthy, so many at once as the configuration says", async () => {
    expect(await waits(2)).toEqual({ a: "", b: "a-shop-confirm", c: "a-shop-confirm", d: "b-shop-confirm" });
    expect(await waits(3)).toEqual({ a: "", b: "a-shop-confirm", c: "a-shop-confirm", d: "a-shop-confirm" });
  });

  test("are told in their errors what the others have then", async () => {
    const hosts = ["a", "b", "c", "d", "e"].map(host);
    const run = await runProgram({ ...minimal(), hosts, rollout: { parallel: 2 } });
    const others = new Map(
      run.contacts.map(({ connection, wanted }) => [connection.host, wanted["note_others"]]),
    );
    const [updated, independent, untouched] = [
      "the new configuration",
      "the new configuration if it was confirmed, else the previous one",
      "the previous configuration, untouched",
    ];
    expect(Object.fromEntries(others)).toEqual({
      "a.example": `of the other hosts: b, c, d, e: ${untouched}`,
      "b.example": `of the other hosts: a: ${updated}; c, e: ${independent}; d: ${untouched}`,
      "c.example": `of the other hosts: a: ${updated}; b, d: ${independent}; e: ${untouched}`,
      "d.example": `of the other hosts: a, b: ${updated}; c, e: ${independent}`,
      "e.example": `of the other hosts: a, c: ${updated}; b, d: ${independent}`,
    });
    expect(run.messages.map(({ text }) => text)).toContain(
      `should the update fail here, of the other hosts: a, b: ${updated}; c, e: ${independent}`,
    );
    expect(JSON.stringify(run.resources).includes(untouched)).toBe(false);
  });

  test("have each a component, steps, a contact and outputs of its own", async () => {
    const run = await runProgram({
      ...seed(),
      hosts: [host("a"), { ...host("b"), user: "deploy", port: 2222 }],
    });
    expect(Object.keys(run.outputs)).toEqual(["a", "b"]);
    expect(run.outputs["b"]?.address).toBe("b.example");
    expect(run.contacts.map(({ connection }) => connection.host).sort()).toEqual(["a.example", "b.example"]);
    const names = run.resources.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.startsWith("a-rps"))).toHaveLength(19);
    expect(names.filter((name) => name.startsWith("b-rps"))).toHaveLength(19);
    expect(run.resource("b-rps-confirm").parent).toBe("b-rps");
  });

  test("are logged in to each in its own way", async () => {
    const run = await runProgram({
      ...seed(),
      hosts: [host("a"), { ...host("b"), user: "deploy", port: 2222 }],
    });
    expect(run.resource("b-rps-helper").inputs).toMatchObject({
      create: expect.stringMatching(/^bash -s -- install-helper /) as string,
      delete: "bash -s -- uninstall rps",
      connection: { secret: { host: "b.example", port: 2222, user: "deploy" } },
    });
  });

  test("may lie behind a bastion", async () => {
    const raw = withKey(seed(), "hosts[0].bastion", {
      address: "jump.example",
      user: "jump",
      hostKey: HOST_KEY,
    });
    const run = await runProgram(raw);
    expect(run.contacts[0]?.connection.bastion).toMatchObject({ host: "jump.example", user: "jump" });
    expect(run.resource("rps-rps-helper").inputs["connection"]).toMatchObject({
      secret: {
        host: "rps.example",
        proxy: { host: "jump.example", user: "jump", port: 22, hostKey: HOST_KEY },
      },
    });
  });
});

test("a service without proxy and tunnel has steps for its own two units only", async () => {
  const run = await runProgram(minimal());
  expect(run.resources.map(({ name }) => name.replace("web1-shop-", ""))).toEqual([
    ...[
      "web1-shop",
      "helper",
      "stage-shop-recovery.service",
      "stage-shop.service",
      "stage-health-check.sh",
      "stage-shop-health-check.service",
    ],
    ...["stage-shop-health-check.timer", "stage-shop", "install", "daemon-reload"],
    ...["enable-shop.service", "enable-shop-health-check.timer"],
    ...["verify-shop.service", "verify-shop-health-check.timer", "health-check", "confirm"],
  ]);
  expect(run.contacts[0]?.wanted).toMatchObject({ host_units: "" });
  expect(run.contacts[0]?.wanted).not.toHaveProperty("proxy_port");
});

test("a tunnel is enabled and verified like the proxy", async () => {
  const run = await runProgram(
    { ...seed(), tunnel: {} },
    {
      facts: [
        ["unit_load_state:cloudflared.service", "loaded"],
        ["unit_active_state:cloudflared.service", "active"],
      ],
    },
  );
  expect(run.resource("rps-rps-stage-cloudflared.service.d-restart.conf").inputs["stdin"]).toContain(
    "Restart=always",
  );
  expect(run.resource("rps-rps-verify-cloudflared.service").dependsOn).toEqual([
    "rps-rps-enable-cloudflared.service",
  ]);
});

describe("the outputs of a host", () => {
  test("say what the last run reported, and what to paste", async () => {
    const { outputs } = await runProgram(seed());
    expect(outputs["rps"]).toMatchObject({
      address: "rps.example",
      revision: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      units: {
        "rps.service": { enabled: "enabled", active: "active" },
        "apache2.service": { enabled: "enabled", active: "active" },
        "rps-health-check.timer": { enabled: "enabled", active: "active" },
      },
      healthCheck: {
        passed: true,
        time: "2026-01-22T22:14:39+0100",
        external: "ok",
        log: ["[2026-01-22 22:14:39] SUCCESS: All checks passed"],
      },
      drift: [],
      maintenance: false,
    });
    expect(Object.keys(outputs["rps"]?.files ?? {})).toHaveLength(7);
    expect(outputs["rps"]?.commands.healthCheck).toBe(
      "ssh root@rps.example '/var/www/rps.pan2.app/bin/health-check.sh'",
    );
  });
});

describe("destroying a stack", () => {
  test("puts each host back as it was", async () => {
    const run = await runProgram(seed());
    expect(run.resource("rps-rps-helper").inputs["delete"]).toBe("bash -s -- uninstall rps");
  });

  test("changes nothing on the host where the configuration says so", async () => {
    const run = await runProgram({ ...seed(), onDestroy: "leave" });
    expect(run.resources.filter(({ inputs }) => "delete" in inputs)).toEqual([]);
  });
});
