import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import {
  type Configuration,
  hostEntry,
  Program,
  REPOSITORY,
  type Result,
  seedConfiguration,
} from "../support/program";

/** What a new user gets wrong: each ends in a sentence within 30 s, and the host hears as little of it as can be. */
let host: DisposableHost;
let config: Configuration;

beforeAll(async () => {
  [host] = (await bootHosts(["first-run"])) as [DisposableHost];
  config = await seedConfiguration([host]);
});
afterAll(() => host.close());

interface Attempt {
  readonly config?: Configuration;
  readonly key?: string | undefined;
  readonly passphrase?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** One `up`, and what sshd wrote of it. */
async function attempt({
  config: changes = {},
  key = host.privateKey,
  passphrase,
  env,
}: Attempt): Promise<Result & { log: string }> {
  const program = await Program.create(
    { ...config, ...changes },
    {
      ...(key !== "" && { "rps-ha:sshPrivateKey": key }),
      ...(passphrase !== undefined && { "rps-ha:sshPrivateKeyPassphrase": passphrase }),
    },
  );
  const mark = `mark-${Date.now()}`;
  await host.exec(`logger -t first-run ${mark}`);
  try {
    const result = await program.up(env);
    const { stdout } = await host.exec(`sleep 0.3; journalctl -q --no-pager -o cat | sed '0,/${mark}/d'`);
    return { ...result, log: stdout };
  } finally {
    await program.close();
  }
}

const count = (text: string, pattern: RegExp): number =>
  text.split("\n").filter((line) => pattern.test(line)).length;

function expectSentence(result: Result, sentence: RegExp): void {
  expect(result.text).toMatch(sentence);
  expect(result.exitCode).not.toBe(0);
  expect(result.seconds).toBeLessThan(30);
  expect(result.text, "no stack trace").not.toMatch(/^\s+at .*\.[jt]s:\d+/m);
  expect(result.text, "no private key").not.toContain(host.privateKey.split("\n")[2]);
}

async function newKey(passphrase = ""): Promise<string> {
  const file = join(tmpdir(), `key-${process.pid}-${Date.now()}`);
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", file]);
  const key = (await execa("cat", [file], { stripFinalNewline: false })).stdout;
  await Promise.all([rm(file), rm(`${file}.pub`)]);
  return key;
}

describe("a first `up` that can't work", () => {
  test("without configuration names every key that is missing", async () => {
    const program = await Program.create({});
    const result = await program.up();
    await program.close();
    expectSentence(result, /2 problems; nothing was contacted/);
    expect(result.text).toContain("rps-ha:hosts: is required");
    expect(result.text).toContain("rps-ha:service: is required");
  });

  test("with the prod file as it is asks once for what only the owner knows", async () => {
    const result = await attempt({ config: { "rps-ha:hosts": [{ name: "rps" }] } });
    expectSentence(result, /2 problems/);
    expect(result.text).toMatch(/hosts\[0\]\.address: is required/);
    expect(result.text).toMatch(/hosts\[0\]\.hostKey: is required.*ssh-keyscan/);
  });

  test("with a wrong key costs one login, not eleven a command", async () => {
    const result = await attempt({ key: await newKey() });
    expectSentence(result, /refused the login with sshPrivateKey.*authorized_keys/s);
    expect(count(result.log, /(from|by) authenticating user/)).toBe(1);
  });

  test("with a wrong host key sends nothing", async () => {
    const other = (await host.exec("cut -d' ' -f1,2 /etc/ssh/ssh_host_ecdsa_key.pub")).stdout.trim();
    const wrong = `ssh-ed25519 ${Buffer.concat([Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0 ", "latin1"), Buffer.alloc(32, 7)]).toString("base64")}`;
    const entry = hostEntry(host);
    expectSentence(
      await attempt({ config: { "rps-ha:hosts": [{ ...entry, hostKey: wrong }] } }),
      /shows another host key than the pinned one; nothing was sent/,
    );
    // Not wrong: another of the server's keys.
    const ecdsa = await Program.create(
      { ...config, "rps-ha:hosts": [{ ...entry, hostKey: other }] },
      { "rps-ha:sshPrivateKey": host.privateKey },
    );
    expect((await ecdsa.preview()).exitCode).toBe(0);
    await ecdsa.close();
  });

  test("with a host that is down, or a port where nobody listens", async () => {
    const unused = host.address.replace(/\d+$/, "250");
    expectSentence(
      await attempt({ config: { "rps-ha:hosts": [{ ...hostEntry(host), address: unused }] } }),
      /cannot reach root@/,
    );
    expectSentence(
      await attempt({ config: { "rps-ha:hosts": [{ ...hostEntry(host), port: 2 }] } }),
      /cannot reach root@.* port 2: connect ECONNREFUSED/,
    );
    expectSentence(
      await attempt({
        config: { "rps-ha:hosts": [{ ...hostEntry(host), address: "no-such-host.invalid" }] },
      }),
      /no-such-host\.invalid is no host name that can be resolved here/,
    );
  });

  test("with an encrypted key: no passphrase, and a wrong one", async () => {
    const key = await newKey("right");
    expectSentence(await attempt({ key }), /sshPrivateKey is encrypted and there is no passphrase/);
    expectSentence(await attempt({ key, passphrase: "wrong" }), /sshPrivateKeyPassphrase doesn't fit/);
  });

  test("with something that is no key", async () => {
    expectSentence(
      await attempt({ key: "ssh-ed25519 AAAA this is the public one" }),
      /sshPrivateKey: must be a whole private key in OpenSSH or PEM format/,
    );
  });

  test("without key and agent, and with a dead agent even though there is a key", async () => {
    expectSentence(await attempt({ key: "" }), /there is no key for root@/);
    expectSentence(
      await attempt({ env: { SSH_AUTH_SOCK: "/tmp/no-agent" } }),
      /SSH_AUTH_SOCK is \/tmp\/no-agent, where no ssh-agent answers/,
    );
  });

  test("as a user whose sudo asks for a password, and one without sudo", async () => {
    expectSentence(
      await attempt({ config: { "rps-ha:hosts": [hostEntry(host, "asksudo")] } }),
      /asksudo on .* can't use sudo without a password/,
    );
    expectSentence(
      await attempt({ config: { "rps-ha:hosts": [hostEntry(host, "nosudo")] } }),
      /nosudo on .* can't use sudo without a password/,
    );
  });

  test("leaves the host as it was", async () => {
    expect(
      (
        await host.exec("ls -d /usr/local/lib/pulumi* /var/lib/pulumi* /etc/systemd/system/rps*", {
          reject: false,
        })
      ).stdout,
    ).toBe("");
  });
});

describe("a machine without the tools", () => {
  const toolchain = async (path: string, env: Record<string, string> = {}) => {
    const { all, exitCode = -1 } = await execa(join(REPOSITORY, "scripts/toolchain"), {
      env: { PATH: path, HOME: process.env["HOME"] ?? "/root", ...env },
      extendEnv: false,
      all: true,
      reject: false,
    });
    return { text: all, exitCode };
  };

  test("Node.js that is too old is named, with the version needed", async () => {
    const directory = await Program.create({}).then((program) => program.directory);
    await writeFile(join(directory, "node"), "#!/bin/sh\necho v18.20.0\n", { mode: 0o755 });
    const { text, exitCode } = await toolchain(`${directory}:/usr/bin:/bin`);
    await rm(directory, { recursive: true });
    expect(text).toMatch(/Node\.js 20 or newer is needed, found v18\.20\.0/);
    expect(exitCode).toBe(2);
  });

  test("Pulumi missing and Go too old to build it: says which Go, and where to get it", async () => {
    const directory = await Program.create({}).then((program) => program.directory);
    await writeFile(join(directory, "go"), "#!/bin/sh\necho go version go1.19.8 linux/amd64\n", {
      mode: 0o755,
    });
    const { text, exitCode } = await toolchain(`${directory}:/usr/bin:/bin`, {
      PULUMI_SYSTEMD_HA_CACHE: join(directory, "cache"),
      PULUMI_SYSTEMD_HA_ENGINE: "build",
    });
    await rm(directory, { recursive: true });
    expect(text).toMatch(/Go 1\.\d+(\.\d+)? or newer is needed.*found 1\.19\.8.*go\.dev/s);
    expect(exitCode).toBe(2);
  });
});
