import { describe, expect, test } from "vitest";

import { type HostConnection, pluginConnection } from "../../../src/remote/connection";
import { ssh2Connection } from "../../../src/remote/login";

const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQ=";
const connection: HostConnection = {
  host: "web1.example",
  hostKey: `ssh-ed25519 ${KEY} root@web1`,
  privateKey: "private",
  privateKeyPassphrase: "passphrase",
};

describe("the command plugin's connection", () => {
  test("has every field set, so that none that appears or vanishes runs a command again", () => {
    expect(pluginConnection(connection)).toStrictEqual({
      host: "web1.example",
      port: 22,
      user: "root",
      hostKey: `ssh-ed25519 ${KEY}`,
      privateKey: "private",
      privateKeyPassword: "passphrase",
      perDialTimeout: 15,
      dialErrorLimit: 10,
    });
  });

  test("is the same where a default is given, or the host key's comment is another", () => {
    const same = { ...connection, port: 22, user: "root", hostKey: `ssh-ed25519 ${KEY} new comment` };
    expect(pluginConnection(same)).toStrictEqual(pluginConnection(connection));
  });

  test("has no key where the agent is used, and no host key where it must be ignored", () => {
    expect(
      pluginConnection({ host: "h", port: 2222, user: "deploy", insecureIgnoreHostKey: true }),
    ).toStrictEqual({
      host: "h",
      port: 2222,
      user: "deploy",
      perDialTimeout: 15,
      dialErrorLimit: 10,
    });
  });

  test("goes through a bastion with the same credentials and the bastion's own host key", () => {
    const bastion = { host: "jump.example", hostKey: `ssh-ed25519 ${KEY} jump` };
    expect(pluginConnection({ ...connection, bastion }).proxy).toStrictEqual({
      host: "jump.example",
      port: 22,
      user: "root",
      hostKey: `ssh-ed25519 ${KEY}`,
      privateKey: "private",
      privateKeyPassword: "passphrase",
      perDialTimeout: 15,
      dialErrorLimit: 10,
    });
    expect(
      pluginConnection({ ...connection, bastion: { ...bastion, port: 23, user: "j" } }).proxy,
    ).toMatchObject({
      port: 23,
      user: "j",
    });
  });

  test("has nothing that the plugin doesn't know: it would quote the unknown, and the key with it", () => {
    const { proxy, ...rest } = pluginConnection({ ...connection, bastion: { host: "j", hostKey: "k" } });
    const known = [
      "host",
      "port",
      "user",
      "hostKey",
      "privateKey",
      "privateKeyPassword",
      "perDialTimeout",
      "dialErrorLimit",
    ];
    expect(Object.keys(rest).filter((key) => !known.includes(key))).toEqual([]);
    expect(Object.keys(proxy ?? {}).filter((key) => !known.includes(key))).toEqual([]);
  });
});

describe("the probe's connection", () => {
  const heard: string[] = [];
  const of = (stage: HostConnection, agent?: string) => {
    heard.length = 0;
    const { hostVerifier, ...rest } = ssh2Connection(stage, stage, agent, (offered) => heard.push(offered));
    return {
      rest,
      accepts: (key: string) => (hostVerifier as (key: Buffer) => boolean)(Buffer.from(key, "base64")),
    };
  };

  test("is the plugin's in the words of ssh2: the pinned key's algorithm only, no agent beside a private key", () => {
    expect(of(connection, "/run/agent").rest).toStrictEqual({
      host: "web1.example",
      port: 22,
      username: "root",
      readyTimeout: 15_000,
      privateKey: "private",
      passphrase: "passphrase",
      algorithms: { serverHostKey: ["ssh-ed25519"] },
    });
  });

  test("asks the agent where there is no private key", () => {
    expect(of({ host: "h", port: 2222, user: "deploy" }, "/run/agent").rest).toStrictEqual({
      host: "h",
      port: 2222,
      username: "deploy",
      readyTimeout: 15_000,
      agent: "/run/agent",
    });
  });

  test("accepts the pinned host key and no other, and says which one was offered", () => {
    expect(of(connection).accepts(KEY)).toBe(true);
    expect(heard).toEqual([]);
    expect(of(connection).accepts("AAAA")).toBe(false);
    expect(heard).toEqual(["ssh-ed25519 AAAA"]);
  });

  test("accepts any host key where none is pinned; contact.ts asks for insecureIgnoreHostKey before", () => {
    expect(of({ host: "h", insecureIgnoreHostKey: true }).accepts("AAAA")).toBe(true);
  });
});
