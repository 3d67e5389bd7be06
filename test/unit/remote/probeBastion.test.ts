import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import type { HostConnection } from "../../../src/remote/connection";
import { probeHost } from "../../../src/remote/probe";
import { ContactError } from "../../../src/remote/session";
import { type Key, newKey, SshServer } from "../support/sshServer";

let key: Key;
let keys: { readonly jump: Key; readonly host: Key };
let jump: SshServer;
let host: SshServer;

beforeAll(() => {
  key = newKey();
  keys = { jump: newKey(), host: newKey() };
});
beforeEach(async () => {
  jump = await SshServer.start(key, keys.jump);
  host = await SshServer.start(key, keys.host);
});
afterEach(() => Promise.all([jump.stop(), host.stop()]));

const through = (pinned: { jump?: Key; host?: Key } = {}): HostConnection => ({
  host: "127.0.0.1",
  port: host.port,
  user: "deploy",
  hostKey: (pinned.host ?? keys.host).public,
  privateKey: key.private,
  bastion: {
    host: "127.0.0.1",
    port: jump.port,
    user: "jump",
    hostKey: (pinned.jump ?? keys.jump).public,
  },
});

async function refusal(connection: HostConnection): Promise<ContactError> {
  const error: unknown = await probeHost(connection, {}, "", { SSH_AUTH_SOCK: "" }).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof ContactError)) throw new Error(`no refusal: ${String(error)}`);
  return error;
}

test("a host behind a bastion is asked through it, and both connections are closed", async () => {
  await probeHost(through(), {}, "", { SSH_AUTH_SOCK: "" });
  expect(jump.commands).toEqual([]);
  expect(host.commands).toMatchObject([{ user: "deploy", line: "sudo -n bash -s --" }]);
  await vi.waitUntil(() => jump.open === 0 && host.open === 0);
});

test("a bastion that isn't the pinned one is named for it, and the host behind isn't reached", async () => {
  const { failure, target } = await refusal(through({ jump: newKey() }));
  expect(failure).toEqual({ kind: "wrongHostKey", offered: keys.jump.public });
  expect(target).toEqual({ host: "127.0.0.1", port: jump.port, user: "jump" });
  expect({ attempts: jump.attempts, behind: host.connections }).toEqual({ attempts: 0, behind: 0 });
});

test("a host that isn't the pinned one is told apart from its bastion", async () => {
  const { failure, target } = await refusal(through({ host: newKey() }));
  expect(failure).toEqual({ kind: "wrongHostKey", offered: keys.host.public });
  expect(target).toEqual({ host: "127.0.0.1", port: host.port, user: "deploy" });
  expect(host.attempts).toBe(0);
  await vi.waitUntil(() => jump.open === 0);
});

test("a bastion that refuses the login is named for it, and is asked once", async () => {
  const connection = { ...through(), privateKey: newKey().private };
  const { failure, target } = await refusal(connection);
  expect(failure).toEqual({ kind: "loginRefused", tried: "sshPrivateKey" });
  expect(target?.user).toBe("jump");
  expect({ attempts: jump.attempts, behind: host.connections }).toEqual({ attempts: 1, behind: 0 });
});

test("a bastion that doesn't forward is an unreachable host", async () => {
  jump.forwards = false;
  const { failure } = await refusal(through());
  expect(failure).toMatchObject({
    kind: "unreachable",
    reason: expect.stringContaining("the bastion says") as string,
  });
});
