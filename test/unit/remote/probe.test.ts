import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import type { HostConnection } from "../../../src/remote/connection";
import { probeHost } from "../../../src/remote/probe";
import { ContactError } from "../../../src/remote/session";
import { startAgent } from "../support/sshAgent";
import { type Key, newKey, SshServer } from "../support/sshServer";

const NO_AGENT = { SSH_AUTH_SOCK: "" };
const SCRIPT = "main\n";
let key: Key;
let hostKey: Key;
const servers: SshServer[] = [];

beforeAll(() => {
  key = newKey();
  hostKey = newKey();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(...hostKeys: Key[]): Promise<SshServer> {
  const server = await SshServer.start(key, ...(hostKeys.length > 0 ? hostKeys : [hostKey]));
  servers.push(server);
  return server;
}

const byAgent = ({ port }: SshServer): HostConnection => ({
  host: "127.0.0.1",
  port,
  hostKey: hostKey.public,
});
const to = (server: SshServer, change: Partial<HostConnection> = {}): HostConnection => ({
  ...byAgent(server),
  privateKey: key.private,
  ...change,
});

/** @throws Error unless the contact fails for one of our reasons. */
async function refusal(connection: HostConnection, env: NodeJS.ProcessEnv = NO_AGENT): Promise<ContactError> {
  const error = await probeHost(connection, {}, SCRIPT, env).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ContactError) return error;
  throw error instanceof Error ? error : new Error("the contact succeeded");
}

describe("the first contact", () => {
  test("is one connection and one command, whose stdin is the script", async () => {
    const server = await start();
    server.answer = { stdout: "machine_id\t1\nend\tyes\n", status: 0 };
    const answer = await probeHost(
      to(server),
      { service: "shop", host_units: "a.service b.service" },
      SCRIPT,
      NO_AGENT,
    );
    expect(answer).toBe("machine_id\t1\nend\tyes\n");
    expect(server.connections).toBe(1);
    expect(server.commands).toEqual([
      {
        user: "root",
        line: "bash -s -- service=shop 'host_units=a.service b.service'",
        stdin: SCRIPT,
      },
    ]);
    await vi.waitUntil(() => server.open === 0);
  });

  test("goes through sudo for another user than root", async () => {
    const server = await start();
    await probeHost(to(server, { user: "deploy" }), { service: "shop" }, SCRIPT, NO_AGENT);
    expect(server.commands).toMatchObject([{ user: "deploy", line: "sudo -n bash -s -- service=shop" }]);
  });

  test("logs in by the agent where there is no private key", async () => {
    const server = await start();
    await probeHost(byAgent(server), {}, SCRIPT, { SSH_AUTH_SOCK: await startAgent(key.private) });
    expect(server.commands).toHaveLength(1);
  });

  test("finds the pinned key among several of the host", async () => {
    const ecdsa = newKey("ecdsa");
    const server = await start(hostKey, ecdsa);
    await probeHost(to(server, { hostKey: `${ecdsa.public} with a comment` }), {}, SCRIPT, NO_AGENT);
    await probeHost(to(server), {}, SCRIPT, NO_AGENT);
    expect(server.commands).toHaveLength(2);
  });

  test("accepts any host where that was asked for", async () => {
    const server = await start();
    const anyHost = { host: "127.0.0.1", port: server.port, insecureIgnoreHostKey: true };
    await probeHost({ ...anyHost, privateKey: key.private }, {}, SCRIPT, NO_AGENT);
    expect(server.commands).toHaveLength(1);
  });
});

describe("a host that isn't the pinned one", () => {
  test("is told by its key, before anybody logs in or anything of ours is sent", async () => {
    const server = await start();
    const { failure } = await refusal(to(server, { hostKey: newKey().public }));
    expect(failure).toEqual({ kind: "wrongHostKey", offered: hostKey.public });
    expect(server).toMatchObject({ connections: 1, attempts: 0, commands: [] });
  });

  test("is told by having no key of the pinned kind", async () => {
    const server = await start(newKey("ecdsa"));
    const { failure } = await refusal(to(server));
    expect(failure).toEqual({ kind: "wrongHostKey", offered: "no key of type ssh-ed25519" });
    expect(server.attempts).toBe(0);
  });
});

describe("a wrong key costs one connection and one attempt, which no host bans anybody for:", () => {
  test("a private key", async () => {
    const server = await start();
    const { failure, target } = await refusal(to(server, { user: "deploy", privateKey: newKey().private }));
    expect(failure).toEqual({ kind: "loginRefused", tried: "sshPrivateKey" });
    expect(target).toEqual({ host: "127.0.0.1", port: server.port, user: "deploy" });
    expect({ connections: server.connections, attempts: server.attempts }).toEqual({
      connections: 1,
      attempts: 1,
    });
  });

  test("the agent's", async () => {
    const server = await start();
    const { failure } = await refusal(byAgent(server), { SSH_AUTH_SOCK: await startAgent(newKey().private) });
    expect(failure).toEqual({ kind: "loginRefused", tried: "the ssh-agent's keys" });
    expect({ connections: server.connections, attempts: server.attempts }).toEqual({
      connections: 1,
      attempts: 1,
    });
  });
});

test("a host where nobody listens can't be reached, and why is said", async () => {
  const server = await start();
  const connection = to(server);
  await servers.pop()?.stop();
  const { failure } = await refusal(connection);
  expect(failure).toEqual({ kind: "unreachable", reason: expect.stringContaining("ECONNREFUSED") as string });
});

describe("a login that works, and a probe that doesn't:", () => {
  test.each([
    [
      "sudo wants a password",
      { stderr: "sudo: a password is required\n", status: 1 },
      { kind: "sudo", reason: "sudo: a password is required" },
    ],
    [
      "the user may not use sudo",
      { stderr: "deploy is not in the sudoers file.\n", status: 1 },
      { kind: "sudo", reason: "deploy is not in the sudoers file." },
    ],
    [
      "there is no sudo",
      { stderr: "bash: line 1: sudo: command not found\n", status: 127 },
      { kind: "sudo", reason: "bash: line 1: sudo: command not found" },
    ],
    [
      "the answer stops in the middle",
      { stdout: "machine_id\t1\n", status: 0 },
      { kind: "probeFailed", reason: "it ended with 0 before its answer was complete" },
    ],
    [
      "the login shell refuses",
      { stderr: "\u001b[31mThis account is not available.\u0007\nbye", status: 1 },
      { kind: "probeFailed", reason: "?[31mThis account is not available.?" },
    ],
  ])("%s", async (_, answer, failure) => {
    const server = await start();
    server.answer = answer;
    expect((await refusal(to(server, { user: "deploy" }))).failure).toEqual(failure);
    await vi.waitUntil(() => server.open === 0);
  });

  test("the connection breaks", async () => {
    const server = await start();
    server.answer = "cut";
    expect((await refusal(to(server))).failure).toMatchObject({ kind: "probeFailed" });
  });

  test("no answer comes", async () => {
    const server = await start();
    server.answer = "silent";
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const refused = refusal(to(server));
      while (server.commands.length === 0) await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(20_000);
      expect((await refused).failure).toEqual({ kind: "probeFailed", reason: "no answer within 20 s" });
    } finally {
      vi.useRealTimers();
    }
  });
});
