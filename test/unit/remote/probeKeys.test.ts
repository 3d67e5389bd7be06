import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { contactSentence } from "../../../src/errors";
import type { HostConnection } from "../../../src/remote/connection";
import { probeHost } from "../../../src/remote/probe";
import { ContactError } from "../../../src/remote/session";
import { newFolder } from "../support/sshAgent";
import { type Key, newKey, SshServer } from "../support/sshServer";

const NO_AGENT = { SSH_AUTH_SOCK: "" };
let key: Key;
let locked: Key;
let hostKey: Key;
let server: SshServer;

beforeAll(async () => {
  [key, hostKey] = [newKey(), newKey()];
  locked = newKey("ed25519", "open sesame");
  server = await SshServer.start(locked, hostKey);
});
beforeEach(() => {
  server.connections = 0;
});
afterAll(() => server.stop());

const withKey = (privateKey?: string, privateKeyPassphrase?: string): HostConnection => ({
  host: "127.0.0.1",
  port: server.port,
  hostKey: hostKey.public,
  ...(privateKey !== undefined && { privateKey }),
  ...(privateKeyPassphrase !== undefined && { privateKeyPassphrase }),
});

async function failureOf(connection: HostConnection, env: NodeJS.ProcessEnv = NO_AGENT) {
  const error: unknown = await probeHost(connection, {}, "", env).catch((reason: unknown) => reason);
  if (!(error instanceof ContactError)) throw new Error(`no refusal: ${String(error)}`);
  return error.failure;
}

/** A key as openssl writes it. */
const pem = (passphrase?: string): string =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: {
      type: "pkcs1",
      format: "pem",
      ...(passphrase !== undefined && { cipher: "aes-128-cbc", passphrase }),
    },
  }).privateKey;

test("an encrypted key is opened with its passphrase", async () => {
  await probeHost(withKey(locked.private, "open sesame"), {}, "", NO_AGENT);
  expect(server.connections).toBe(1);
});

test("a key that lost its last line's end on its way through `pulumi config set` is a key", async () => {
  await probeHost(withKey(locked.private.trimEnd(), "open sesame"), {}, "", NO_AGENT);
  expect(server.connections).toBe(1);
});

describe("a key that can't be used is told from the others before any connection is made:", () => {
  test.each<[string, () => HostConnection, string]>([
    ["encrypted, without a passphrase", () => withKey(locked.private), "needsPassphrase"],
    ["encrypted, with a wrong passphrase", () => withKey(locked.private, "open barley"), "wrongPassphrase"],
    ["encrypted PEM, without a passphrase", () => withKey(pem("open sesame")), "needsPassphrase"],
    [
      "encrypted PEM, with a wrong passphrase",
      () => withKey(pem("open sesame"), "open barley"),
      "wrongPassphrase",
    ],
    ["no key at all", () => withKey("hunter2-hunter2"), "badKey"],
    ["a key whose second half is missing", () => withKey(key.private.slice(0, 200)), "badKey"],
    ["the public half", () => withKey(key.public), "badKey"],
    ["none given, and no agent", () => withKey(), "noKey"],
  ])("%s", async (_, connection, kind) => {
    const failure = await failureOf(connection());
    expect(failure.kind).toBe(kind);
    expect(server.connections).toBe(0);
    const sentence = contactSentence({ user: "root", host: "h", port: 22 }, failure);
    for (const secret of ["hunter2", "open barley", "open sesame", key.private.slice(40, 60)]) {
      expect(sentence).not.toContain(secret);
    }
  });
});

describe("an agent that doesn't answer fails every command of the plugin, with a private key too:", () => {
  test.each(["private key", "no private key"])("a socket that is gone, and %s", async (which) => {
    const connection = which === "private key" ? withKey(key.private) : withKey();
    const socket = "/nonexistent/agent.1";
    expect(await failureOf(connection, { SSH_AUTH_SOCK: socket })).toEqual({ kind: "deadAgent", socket });
    expect(server.connections).toBe(0);
  });

  test("a socket that an agent left behind", async () => {
    const socket = join(newFolder(), "agent");
    const agent = createServer().listen(socket);
    await new Promise((resolve) => agent.once("listening", resolve));
    writeFileSync(`${socket}.file`, "");
    await new Promise((resolve) => agent.close(resolve));
    expect(await failureOf(withKey(key.private), { SSH_AUTH_SOCK: socket })).toEqual({
      kind: "deadAgent",
      socket,
    });
    const file = `${socket}.file`;
    expect(await failureOf(withKey(), { SSH_AUTH_SOCK: file })).toEqual({ kind: "deadAgent", socket: file });
  });
});
