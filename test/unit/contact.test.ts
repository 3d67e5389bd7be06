import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { DriftMode } from "../../src/config/types";
import { contactHost } from "../../src/contact";
import type { HostConnection } from "../../src/remote/connection";
import { desiredOf, seed } from "./support/configs";
import { newKey, SshServer } from "./support/sshServer";

const READY = [
  ...[
    "machine_id\tm1",
    "systemd_running\tyes",
    "systemd_version\t252",
    "user_exists\tyes",
    "group_exists\tyes",
  ],
  ...["directory_type\tdirectory", "executable_type\tregular file", "executable_runs\tyes"],
  ...[
    "unit_load_state:apache2.service\tloaded",
    "unit_active_state:apache2.service\tinactive",
    "end\tyes",
    "",
  ],
].join("\n");

const key = newKey();
const hostKey = newKey();
const desired = desiredOf(seed());
let server: SshServer;
let component: pulumi.ComponentResource;

beforeEach(async () => {
  vi.stubEnv("SSH_AUTH_SOCK", "");
  server = await SshServer.start(key, hostKey);
  server.answer = { stdout: READY, status: 0 };
  await inRun("up");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

async function inRun(kind: "preview" | "up"): Promise<void> {
  const mocks = { newResource: () => ({ id: "id", state: {} }), call: () => ({}) };
  await pulumi.runtime.setMocks(mocks, "shop-ha", "prod", kind === "preview");
  component = new pulumi.ComponentResource("test:index:Component", "web1-shop");
}

const unpinned = (): HostConnection => ({
  host: "127.0.0.1",
  port: server.port,
  user: "deploy",
  privateKey: key.private,
});
const connection = (): HostConnection => ({ ...unpinned(), hostKey: hostKey.public });
const contact = (change: Partial<HostConnection> = {}, drift: DriftMode = "correct") =>
  contactHost(component, { ...connection(), ...change }, desired, drift);

const refusalOf = (attempt: Promise<unknown>): Promise<pulumi.ResourceError> =>
  attempt.then(
    () => {
      throw new Error("the contact succeeded");
    },
    (error: unknown) => error as pulumi.ResourceError,
  );

describe("a host that answers", () => {
  test("is asked for what the service needs, and tells what it has", async () => {
    expect(await contact()).toMatchObject({ machineId: "m1", systemdVersion: 252, hasUser: true });
    expect(server.commands).toMatchObject([
      {
        line:
          "sudo -n bash -s -- service=rps user=www-data group=www-data directory=/var/www/rps.pan2.app " +
          "executable=/usr/bin/gunicorn port=5137 unit=rps.service host_units=apache2.service " +
          "proxy_unit=apache2.service proxy_port=8087",
      },
    ]);
  });

  test.each<["preview" | "up", DriftMode, number]>([
    ["preview", "correct", 1],
    ["preview", "report", 1],
    ["preview", "off", 0],
    ["up", "correct", 1],
    ["up", "report", 1],
    ["up", "off", 1],
  ])("is contacted in a %s with drift %s %i times", async (kind, drift, times) => {
    await inRun(kind);
    const observed = await contact({}, drift);
    expect(server.connections).toBe(times);
    expect(observed === undefined).toBe(times === 0);
  });
});

describe("an update is refused in one sentence, at the component, without a stack trace,", () => {
  test("where the host lacks something: all of it is said", async () => {
    server.answer = {
      stdout: READY.replace("user_exists\tyes", "user_exists\tno").replace("252", "247"),
      status: 0,
    };
    const error = await refusalOf(contact());
    expect(pulumi.ResourceError.isInstance(error)).toBe(true);
    expect(error.resource).toBe(component);
    expect(error.stack).toBeUndefined();
    expect(error.message.split("\n")).toEqual([
      "127.0.0.1 isn't ready; nothing was changed on it:",
      "  - systemd is version 247, 252 is needed: upgrade to Debian 12 or newer",
      "  - there is no user www-data: create it (useradd --system www-data), or correct service.user",
    ]);
  });

  test("where the login fails", async () => {
    const error = await refusalOf(contact({ privateKey: newKey().private }));
    expect(pulumi.ResourceError.isInstance(error)).toBe(true);
    expect(error.stack).toBeUndefined();
    expect(error.message).toMatch(
      new RegExp(
        `^deploy@127\\.0\\.0\\.1 port ${String(server.port)} refused the login with sshPrivateKey\\.`,
      ),
    );
  });

  test("where the bastion is another than the pinned one: it's the bastion that is named", async () => {
    const bastion = { host: "127.0.0.1", port: server.port, user: "jump", hostKey: newKey().public };
    const error = await refusalOf(contact({ host: "web1.example", bastion }));
    expect(error.message).toMatch(/^jump@127\.0\.0\.1 port \d+ shows another host key than the pinned one/);
  });

  test("where no host key is pinned, before anything is contacted", async () => {
    const error = await refusalOf(contactHost(component, unpinned(), desired, "correct"));
    expect(error.message).toBe(
      "connection.hostKey is required: pin the server's key, or say insecureIgnoreHostKey: true",
    );
    expect(server.connections).toBe(0);
  });

  test("but not where that was asked for", async () => {
    await contactHost(component, { ...unpinned(), insecureIgnoreHostKey: true }, desired, "correct");
    expect(server.connections).toBe(1);
  });
});

test("what isn't a failed contact is a mistake of ours, and keeps its stack trace", async () => {
  const error = await refusalOf(contactHost(component, connection(), undefined as never, "correct"));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.stack).toContain("contact.ts");
});
