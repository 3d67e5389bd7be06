import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { DriftMode } from "../../src/config/types";
import { contactHost } from "../../src/contact";
import { probeBundle } from "../../src/remote/bundle";
import { helperVersion } from "../../src/render/templates";
import type { HostConnection } from "../../src/remote/connection";
import { desiredOf, seed } from "./support/configs";
import {
  answerOf,
  base64,
  confirmedManifest,
  manifestOf,
  READY_HOST,
  type Row,
  STACK,
} from "./support/hostInSync";
import { newKey, SshServer } from "./support/sshServer";

const READY = answerOf(READY_HOST);

const key = newKey();
const hostKey = newKey();
const desired = desiredOf(seed());
const unitTexts = [{ path: "/etc/systemd/system/rps.service", text: "[Service]\nRestart=always\n" }];
const wanted = { desired, unitTexts, stack: STACK, drift: "correct" as const };
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
  contactHost(component, { ...connection(), ...change }, { ...wanted, drift });

const refusalOf = (attempt: Promise<unknown>): Promise<pulumi.ResourceError> =>
  attempt.then(
    () => {
      throw new Error("the contact succeeded");
    },
    (error: unknown) => error as pulumi.ResourceError,
  );

describe("a host that answers", () => {
  test("is asked for what the service needs, and tells what it has", async () => {
    expect(await contact()).toMatchObject({
      machineId: "0123456789abcdef0123456789abcdef",
      systemdVersion: 252,
      hasUser: true,
    });
    expect(server.commands).toMatchObject([
      {
        line: expect.stringContaining(
          `sudo -n bash -s -- service=rps version=${helperVersion()} user=www-data group=www-data directory=/var/www/rps.pan2.app ` +
            "executable=/usr/bin/gunicorn port=5137 unit=rps.service host_units=apache2.service " +
            "proxy_unit=apache2.service proxy_port=8087",
        ) as string,
        stdin: probeBundle(desired, unitTexts),
      },
    ]);
  });

  test.each([
    ["up", / note_user=mia note_commit=[0-9a-f]{12}\+?$/],
    ["preview", / proxy_port=8087$/],
  ] as const)("hears in a real update who it is and from which commit: %s", async (kind, end) => {
    vi.stubEnv("GITHUB_ACTOR", "mia");
    await inRun(kind);
    await contact();
    expect(server.commands[0]?.line).toMatch(end);
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
      stdout: READY.replace("user_exists\tyes", "user_exists\tno").replace("\t252", "\t247"),
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
    const error = await refusalOf(contactHost(component, unpinned(), wanted));
    expect(error.message).toBe(
      "connection.hostKey is required: pin the server's key, or say insecureIgnoreHostKey: true",
    );
    expect(server.connections).toBe(0);
  });

  test("but not where that was asked for", async () => {
    await contactHost(component, { ...unpinned(), insecureIgnoreHostKey: true }, wanted);
    expect(server.connections).toBe(1);
  });
});

describe("a host on which the service is another stack's", () => {
  const theirs = manifestOf(seed(), "theirs/prod");
  const confirmed: Row = ["manifest", "", base64(confirmedManifest(theirs))];
  const open: Row[] = [
    ["open_transaction", "fedcba9876543210", "ab12"],
    ["open_manifest", "", base64(theirs)],
  ];

  test.each<[string, Row[]]>([
    ["confirmed", [confirmed]],
    ["in an update that isn't confirmed", open],
    ["with our own before", [["manifest", "", base64(confirmedManifest(manifestOf(seed())))], ...open]],
  ])("is left alone: %s", async (_, rows) => {
    server.answer = { stdout: answerOf([...READY_HOST, ...rows]), status: 0 };
    const error = await refusalOf(contact());
    expect(error.resource).toBe(component);
    expect(error.stack).toBeUndefined();
    expect(error.message).toBe(
      "rps on 127.0.0.1 belongs to stack theirs/prod; nothing was changed. Remove it there first (pulumi destroy), " +
        `or, if this stack is to take it over: ssh -p ${String(server.port)} deploy@127.0.0.1 'sudo touch /var/lib/pulumi-systemd-ha/rps/released'`,
    );
  });

  test.each<[string, Row[]]>([
    ["it was released", [confirmed, ...open, ["released", "yes"]]],
    ["its record is damaged, which nobody can own", [["manifest", "", base64("rubbish")]]],
  ])("is taken over where %s", async (_, rows) => {
    server.answer = { stdout: answerOf([...READY_HOST, ...rows]), status: 0 };
    expect(await contact()).toMatchObject({ machineId: "0123456789abcdef0123456789abcdef" });
  });
});

test("what isn't a failed contact is a mistake of ours, and keeps its stack trace", async () => {
  const error = await refusalOf(contactHost(component, connection(), { ...wanted, desired: {} as never }));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.stack).toContain("contact.ts");
});
